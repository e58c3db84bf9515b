"""What is told of records that are followed, whatever becomes of them."""

from processor.core.redaction import Secrets
from processor.core.request.tracing.passing import Traced
from processor.core.request.tracing.sampling import SamplingPolicy
from processor.errors import TransportError
from processor.model import Record
from processor.telemetry.tracing.traces import Traces, TracesPolicy
from tests.support.builders import record
from tests.unit.telemetry.tracing.test_traces import SAMPLED, FakeSpans
from tests.unit.traffic.test_delivery import House


class Followed(House):
    """A house whose records are followed."""

    def __init__(self) -> None:
        self.spans = FakeSpans()
        policy = TracesPolicy(SamplingPolicy(), "group", Secrets())
        self.traces = Traces(policy, self.spans, lambda: self.clock.time() + 1e9, lambda: 0.5)
        super().__init__(attempt_headers=Traced(None, self.traces), listeners=(self.traces,))

    def told(self) -> list[tuple[str, str | None]]:
        """Each span and what it failed by, all of which ended."""
        assert self.traces.count() == 0
        assert all(span.ended is not None for span in self.spans.all)
        return [(span.name, span.error) for span in self.spans.all]


def one(offset: int = 0) -> Record:
    return record(offset, headers=SAMPLED[0])


def test_a_record_that_is_delivered_after_two_failures_has_three_attempts() -> None:
    house = Followed()
    house.deliver(one())
    for answer in (503, TransportError("reset", "gone"), 200):
        house.sender.answer(answer)
        house.clock.advance(5.0)
    assert house.told() == [("process events", None), ("POST", "503"), ("POST", "reset"), ("POST", None)]
    sent = [dict(request.attempt_headers)["traceparent"] for request in house.sender.sent]
    assert sent == [span.context.parent for span in house.spans.all[1:]]


def test_a_record_that_is_refused_ends_by_its_dead_letter() -> None:
    house = Followed()
    house.deliver(one())
    house.sender.answer(400)
    house.clock.run()
    assert house.told() == [("process events", "refused"), ("POST", "400")]


def test_a_record_that_is_given_up_under_way_is_called_off() -> None:
    house = Followed()
    house.deliver(one())
    house.abandon()
    assert house.told() == [("process events", "cancelled"), ("POST", "cancelled")]


def test_a_record_that_is_given_up_while_it_waits_is_called_off() -> None:
    house = Followed()
    house.deliver(one())
    house.sender.answer(503)
    house.abandon(waiting_only=True)
    assert house.told() == [("process events", "cancelled"), ("POST", "503")]


def test_a_record_without_a_trace_is_not_followed() -> None:
    house = Followed()
    house.deliver(record())
    house.sender.answer(200)
    assert house.told() == []
    assert house.sender.sent[0].attempt_headers == ()

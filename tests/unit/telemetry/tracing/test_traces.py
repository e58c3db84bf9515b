"""Traces of records: who is followed, for how long, and what is told of it."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.dead_letter import Failure
from processor.core.redaction import Secrets
from processor.core.request.tracing.sampling import SamplingPolicy
from processor.core.request.tracing.trace_context import TraceContext
from processor.errors import TransportError, WriteError
from processor.model import Answer, Headers, Record, Request
from processor.telemetry.facts import Facts, Tried
from processor.telemetry.tracing.spans import Attributes, Kind
from processor.telemetry.tracing.traces import LONGEST_WAIT, Traces, TracesPolicy
from tests.support.builders import record, response

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
SAMPLED = ((("traceparent", PARENT.encode()), ("tracestate", b"a=b")),)
REQUEST = Request("POST", "https://h.example:8443/hook?token=hunter2", (), b"{}")


class FakeSpan:
    """A span that notes what becomes of it."""

    def __init__(self, context: TraceContext, name: str, kind: Kind, begun: float, said: Attributes) -> None:
        self.context = context
        self.name, self.kind, self.begun, self.said = name, kind, begun, dict(said)
        self.ended: float | None = None
        self.error: str | None = None
        self.parent: TraceContext | None = None
        self.links: list[TraceContext] = []

    def end(self, at: float, attributes: Attributes, error: str | None = None) -> None:
        """Once, and not before it began."""
        assert self.ended is None
        assert at >= self.begun
        self.ended, self.error = at, error
        self.said |= attributes


class FakeSpans:
    """Makes spans with ids that count."""

    def __init__(self) -> None:
        self.all: list[FakeSpan] = []

    def begin(
        self,
        name: str,
        kind: Kind,
        at: float,
        attributes: Attributes,
        parent: TraceContext | None,
        links: Sequence[TraceContext] = (),
    ) -> FakeSpan:
        number = len(self.all) + 1
        trace = parent.parent[3:35] if parent else f"{number:032x}"
        state = parent.state if parent else ""
        span = FakeSpan(TraceContext(f"00-{trace}-{number:016x}-01", state), name, kind, at, attributes)
        span.parent, span.links = parent, list(links)
        self.all.append(span)
        return span


class House:
    """Traces, their spans, and a clock."""

    def __init__(
        self, chance: float = 0.5, share: float | None = None, most: float = 100.0, **policy: Any
    ) -> None:
        self.now = 1_000_000.0
        self.spans = FakeSpans()
        said = TracesPolicy(SamplingPolicy(share, most), "group", Secrets(["hunter2"]), **policy)
        self.traces = Traces(said, self.spans, lambda: self.now, lambda: chance)

    def attempt(self, one: Record, attempt: int = 1) -> Headers:
        """It leaves now."""
        return self.traces.made(REQUEST, one, self.now, attempt)

    def failed(self, one: Record, answer: Answer) -> None:
        self.traces.failed(Tried(one, REQUEST, 1, 0.0), answer)

    def delivered(self, one: Record, status: int = 200) -> None:
        self.traces.delivered(one, REQUEST, 1, 0.0, response(status), 0.0)

    def told(self) -> list[tuple[str, str | None]]:
        """Each span and what it failed by."""
        return [(span.name, span.error) for span in self.spans.all]


def one(offset: int = 7, headers: Any = SAMPLED[0], **more: Any) -> Record:
    return record(offset, headers=headers, **more)


def failure(code: str = "refused") -> Failure:
    return Failure(code, "it says no", "TASK_PUT", "Answered", 1, None, None, None, None)


def test_a_record_is_followed_to_its_delivery_within_the_trace_of_its_producer() -> None:
    house, followed = House(), one(key=b"user-1")
    headers = house.attempt(followed)
    house.now += 0.25
    house.delivered(followed, 202)
    process, attempt = house.spans.all
    assert headers == attempt.context.headers()
    assert headers[0][1].startswith(f"00-{TRACE}-")
    assert headers[1] == ("tracestate", "a=b")
    assert process.parent == TraceContext(PARENT, "a=b")
    assert process.links == [TraceContext(PARENT, "a=b")]
    assert attempt.parent == process.context
    assert (process.begun, process.ended, process.error) == (1_000_000.0, 1_000_000.25, None)
    assert (attempt.begun, attempt.ended, attempt.error) == (1_000_000.0, 1_000_000.25, None)
    assert (process.name, process.kind, attempt.name, attempt.kind) == (
        "process events",
        Kind.CONSUMER,
        "POST",
        Kind.CLIENT,
    )
    assert process.said == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "events",
        "messaging.destination.partition.id": "0",
        "messaging.consumer.group.name": "group",
        "messaging.kafka.offset": 7,
        "messaging.kafka.message.key": "user-1",
    }
    assert attempt.said == {
        "http.request.method": "POST",
        "server.address": "h.example",
        "server.port": 8443,
        "url.full": "https://h.example:8443/hook",
        "http.response.status_code": 202,
    }
    assert house.traces.count() == 0


def test_attempts_after_the_first_say_which_they_are() -> None:
    house, followed = House(), one()
    answers: list[Answer] = [response(503), TransportError("reset", "gone"), response(200)]
    for number, answer in enumerate(answers, 1):
        house.attempt(followed, number)
        house.now += 1.0
        if number < 3:
            house.failed(followed, answer)
        else:
            house.delivered(followed)
        house.now += 1.0
    process, *attempts = house.spans.all
    assert [each.error for each in attempts] == ["503", "reset", None]
    assert [each.said.get("http.request.resend_count") for each in attempts] == [None, 1, 2]
    assert [each.said.get("http.response.status_code") for each in attempts] == [503, None, 200]
    assert {each.parent for each in attempts} == {process.context}
    assert process.error is None


@pytest.mark.parametrize("headers", [(), None, (("traceparent", PARENT[:-1].encode() + b"0"),)])
def test_who_is_not_followed_costs_no_span_and_passes_on_what_there_is(headers: Any) -> None:
    house, plain = House(), one(headers=headers)
    assert house.attempt(plain) == tuple((name, value.decode()) for name, value in headers or ())
    house.failed(plain, response(503))
    house.attempt(plain, 2)
    house.delivered(plain)
    assert house.spans.all == []


def test_by_a_share_a_record_without_a_trace_begins_one() -> None:
    house = House(share=0.6)
    assert house.attempt(one(headers=()))[0][1] == house.spans.all[1].context.parent
    assert house.spans.all[0].parent is None
    assert house.spans.all[0].links == []


def test_our_own_trace_links_to_that_of_the_producer() -> None:
    house = House(is_parent=False)
    house.attempt(one())
    assert house.spans.all[0].parent is None
    assert house.spans.all[0].links == [TraceContext(PARENT, "a=b")]


def test_where_nothing_is_passed_on_there_are_spans_all_the_same() -> None:
    house = House(propagates=False)
    assert house.attempt(one()) == ()
    assert house.attempt(one(8, headers=())) == ()
    assert len(house.spans.all) == 2


def test_no_more_are_followed_than_so_many_and_the_rest_is_counted_and_passed_on() -> None:
    house, told = House(most=2.0), list[tuple[str, int, str]]()

    class Heard(Facts):
        def traced(self, result: str, count: int, why: str) -> None:
            told.append((result, count, why))

    for offset in range(5):
        assert house.attempt(one(offset))
    assert len(house.spans.all) == 4
    house.traces.tick(Heard())
    house.traces.tick(Heard())
    assert told == [("capped", 3, "")]
    assert house.attempt(one(9))[0] == ("traceparent", PARENT)


def test_a_record_that_is_given_up_ends_by_why() -> None:
    ends: list[tuple[Callable[[Traces, Record], None], str | None]] = [
        (lambda traces, it: traces.dead_lettered(it, failure(), is_whole=True), "refused"),
        (
            lambda traces, it: traces.blocked(it, failure("invalid_event"), WriteError("broker", "")),
            "invalid_event",
        ),
        (lambda traces, it: traces.gave_up(it), "cancelled"),
        (lambda traces, it: traces.skipped(it, "filter"), None),
    ]
    for end, error in ends:
        house, followed = House(), one()
        house.attempt(followed)
        house.now += 1.0
        house.failed(followed, response(400))
        end(house.traces, followed)
        assert house.told() == [("process events", error), ("POST", "400")]
        assert house.traces.count() == 0


def test_who_is_called_off_in_the_midst_of_an_attempt_ends_that_too() -> None:
    house, followed = House(), one()
    house.attempt(followed)
    house.traces.gave_up(followed)
    assert house.told() == [("process events", "cancelled"), ("POST", "cancelled")]


def test_who_waits_for_long_is_not_followed_meanwhile_and_the_next_span_links_back() -> None:
    house, followed = House(), one()
    house.attempt(followed)
    house.failed(followed, response(503))
    house.now += LONGEST_WAIT
    house.traces.tick(Facts())
    assert [span.ended for span in house.spans.all] == [None, 1_000_000.0]
    house.now += 1.0
    house.traces.tick(Facts())
    assert [span.ended for span in house.spans.all] == [1_000_000.0, 1_000_000.0]
    assert house.traces.count() == 1
    headers = house.attempt(followed, 2)
    house.delivered(followed)
    before, _, process, attempt = house.spans.all
    assert before.error is None
    assert process.parent == TraceContext(PARENT, "a=b")
    assert process.links == [TraceContext(PARENT, "a=b"), before.context]
    assert attempt.said["http.request.resend_count"] == 1
    assert headers == attempt.context.headers()
    assert house.traces.count() == 0


def test_the_same_where_nobody_looked_meanwhile() -> None:
    house, followed = House(), one()
    house.attempt(followed)
    house.failed(followed, response(503))
    house.now += LONGEST_WAIT + 1.0
    house.attempt(followed, 2)
    assert [span.ended for span in house.spans.all] == [1_000_000.0, 1_000_000.0, None, None]
    assert house.spans.all[2].links[-1] == house.spans.all[0].context


def test_a_request_that_takes_long_is_not_a_wait() -> None:
    house, followed = House(), one()
    house.attempt(followed)
    house.now += 10 * LONGEST_WAIT
    house.traces.tick(Facts())
    assert house.spans.all[0].ended is None
    house.delivered(followed)
    assert [span.ended for span in house.spans.all] == [house.now, house.now]


def test_who_waits_for_long_and_is_given_up_leaves_nothing_behind() -> None:
    house, followed = House(), one()
    house.attempt(followed)
    house.failed(followed, response(400))
    house.now += LONGEST_WAIT + 1.0
    house.traces.tick(Facts())
    house.traces.dead_lettered(followed, failure(), is_whole=True)
    assert house.traces.count() == 0


def test_a_record_that_is_read_again_is_another_one() -> None:
    house = House()
    house.attempt(one())
    house.attempt(one(epoch=2))
    assert [span.error for span in house.spans.all] == ["cancelled", "cancelled", None, None]


def test_nothing_secret_is_told() -> None:
    house = House()
    house.attempt(one(key=b"hunter2-and-more"))
    house.attempt(one(8, key=b"\xff\xfe"))
    house.attempt(one(9, key=b"x" * 5000))
    told = repr([span.said for span in house.spans.all])
    assert "hunter2" not in told
    assert "messaging.kafka.message.key" not in house.spans.all[2].said
    assert len(str(house.spans.all[4].said["messaging.kafka.message.key"])) == 128


def test_at_the_end_all_that_is_open_ends() -> None:
    house = House()
    for offset in range(3):
        house.attempt(one(offset))
    house.traces.end_all()
    assert {error for _, error in house.told()} == {"cancelled"}
    assert house.traces.count() == 0


def test_what_makes_no_spans_sends_on_no_trace() -> None:
    house = House(share=1.0)
    began = house.spans.begin

    def nothing(*values: Any, **more: Any) -> FakeSpan:
        span = began(*values, **more)
        span.context = TraceContext("")
        return span

    house.spans.begin = nothing  # type: ignore[method-assign]
    assert house.attempt(one(headers=())) == ()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["attempt", "failed", "delivered", "letter", "gave_up", "tick", "again"]),
        st.integers(0, 3),
        st.floats(0.0, 90.0),
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_happens_each_span_ends_once_and_nothing_is_kept(
    steps: list[tuple[str, int, float]],
) -> None:
    house, attempts = House(), [0] * 4
    followed = [one(offset) for offset in range(4)]
    for step, number, seconds in steps:
        house.now += seconds
        it = followed[number]
        if step == "attempt":
            attempts[number] += 1
            house.attempt(it, attempts[number])
        elif step == "failed":
            house.failed(it, response(503))
        elif step == "tick":
            house.traces.tick(Facts())
        elif step == "again":
            followed[number], attempts[number] = one(number, epoch=2), 0
        else:
            if step == "letter":
                house.traces.dead_lettered(it, failure(), is_whole=True)
            elif step == "delivered":
                house.delivered(it)
            else:
                house.traces.gave_up(it)
            attempts[number] = 0
        assert house.traces.count() <= 4
        open_ones = [span for span in house.spans.all if span.ended is None]
        assert len(open_ones) <= 2 * house.traces.count() + 4
    house.traces.end_all()
    assert all(span.ended is not None for span in house.spans.all)
    assert house.traces.count() == 0

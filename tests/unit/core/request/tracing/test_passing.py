"""What a request says of its record's trace, beside what else is made for it."""

from processor.core.request.tracing.passing import Passing, Traced
from processor.model import Headers, Record, Request
from tests.support.builders import record
from tests.support.fakes import FakeAttemptHeaders
from tests.unit.core.request.tracing.test_trace_context import PARENT

REQUEST = Request("POST", "https://h.example/", (), b"{}")


class Own:
    """One that is made for each attempt."""

    def made(self, request: Request, record: Record, at: float, attempt: int) -> Headers:
        """Always the same here."""
        return (("traceparent", PARENT),)


def test_the_trace_of_the_record_stands_behind_what_else_is_made() -> None:
    one = record(headers=(("traceparent", PARENT.encode()),))
    for traced in (Passing(FakeAttemptHeaders()), Traced(FakeAttemptHeaders(), Own())):
        made = dict(traced.make(REQUEST, one, 5.0, 1, is_foreign=False))
        assert list(made) == ["X-Attempt", "traceparent"]
        assert made["traceparent"] == PARENT


def test_hosts_that_events_name_get_it_too() -> None:
    one = record(headers=(("traceparent", PARENT.encode()),))
    for traced in (Passing(None), Traced(None, Own())):
        assert traced.make(REQUEST, one, 5.0, 1, is_foreign=True) == (("traceparent", PARENT),)


def test_a_record_that_says_none_gets_none() -> None:
    for headers in ((), None, (("x", b"y"),), (("traceparent", b"00"),)):
        assert Passing(None).make(REQUEST, record(headers=headers), 5.0, 1, is_foreign=False) == ()

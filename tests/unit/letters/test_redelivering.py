"""What is made of letters: their records' requests, nothing, or a place among those sent too often."""

from collections.abc import Callable

import pytest

from processor.core.dead_letter import OURS, DeadLetterPolicy, Failure, write_down
from processor.core.letters.redelivery import RedeliveryPolicy, Verdict
from processor.core.request.transform import Prepared, RequestPolicy
from processor.errors import EventError, WriteError
from processor.letters.redelivering import Redelivering
from processor.model import DeadLetter, Record, RecordHeaders, Request
from processor.traffic.preparation import Held, Later, Preparation, Preparing, Result, Skipped
from tests.support.builders import FIRST, record

SOURCE = record(41, value=b'{"n":1}', timestamp=5.0, headers=(("tenant", b"a"),))
FAILURE = Failure("refused", "no", "TASK_PUT", "x", 1, 5.0, 6.0)
REQUEST = Request("POST", "http://h.example/", (), b"{}")


def letter(source: Record = SOURCE, *more: tuple[str, bytes | None]) -> Record:
    made = write_down(DeadLetterPolicy("crm", "g", "1"), source, FAILURE)
    return Record(FIRST, 9, made.key, made.value, (*made.headers, *more), 7.0, 1)


class Told:
    """What came later."""

    def __init__(self) -> None:
        self.results: list[tuple[Record, Result]] = []

    def done(self, record: Record, result: Result) -> None:
        self.results.append((record, result))


class Scripted:
    """Answers with what it was given, now or when it is told to, and keeps what it was asked."""

    def __init__(self, *results: Result, is_late: bool = False) -> None:
        self._results = list(results)
        self._is_late = is_late
        self.asked: list[Record] = []
        self.called_off = 0
        self.answer: Callable[[], None]

    def prepare(self, record: Record, done: Callable[[Record, Result], None]) -> Result | Later:
        self.asked.append(record)
        result = self._results.pop(0)
        if not self._is_late:
            return result
        self.answer = lambda: done(record, result)

        def call_off() -> None:
            self.called_off += 1

        return Later(call_off)


class Topic:
    """A topic of parked letters, answered by the test."""

    def __init__(self) -> None:
        self.written: list[DeadLetter] = []
        self.answer: Callable[[WriteError | None], None]

    def write(self, letter: DeadLetter, written: Callable[[WriteError | None], None]) -> None:
        self.written.append(letter)
        self.answer = written


def made(inner: Preparing, of: Record | None = None, parked: Topic | None = None) -> Result | Later:
    told = Told()
    result = Redelivering(RedeliveryPolicy(), inner, parked).prepare(of or letter(), told.done)
    assert not told.results
    return result


def test_the_real_preparation_makes_the_request_of_the_record() -> None:
    inner = Preparation(RequestPolicy("http://h.example/hook"))
    result, first = made(inner), inner.prepare(SOURCE, Told().done)
    assert isinstance(result, Request)
    assert isinstance(first, Request)
    assert result == first._replace(id="events-0-41-5000")


@pytest.mark.parametrize(
    ("said", "becomes"),
    [
        (REQUEST, REQUEST._replace(id="events-0-41-5000")),
        (REQUEST._replace(id="mine"), REQUEST._replace(id="mine")),
        (Prepared(REQUEST, 2, True, True), Prepared(REQUEST._replace(id="events-0-41-5000"), 2, True, True)),
        (EventError("invalid_event", "no"), Skipped(Verdict.UNUSABLE)),
        (Skipped("integrations"), Skipped("integrations")),
        (Held("no schema"), Held("no schema")),
    ],
    ids=lambda each: type(each).__name__,
)
@pytest.mark.parametrize("is_late", [False, True])
def test_what_its_record_becomes_decides_now_or_later(said: Result, becomes: Result, is_late: bool) -> None:
    inner, told, of = Scripted(said, is_late=is_late), Told(), letter()
    result = Redelivering(RedeliveryPolicy(), inner, None).prepare(of, told.done)
    if is_late:
        assert isinstance(result, Later)
        assert not told.results
        inner.answer()
        assert told.results == [(of, becomes)]
        result.call_off()
        assert inner.called_off == 1
    else:
        assert (result, told.results) == (becomes, [])
    assert [(each.offset, each.headers) for each in inner.asked] == [(41, SOURCE.headers)]


TOO_OFTEN: RecordHeaders = ((OURS + "redeliveries", b"3"),)


def test_one_that_was_sent_too_often_is_passed_over() -> None:
    assert made(Scripted(), letter(SOURCE, *TOO_OFTEN)) == Skipped(Verdict.TOO_OFTEN)


def test_or_it_is_parked_as_it_stands_and_settled_once_that_is_acknowledged() -> None:
    topic, told, of = Topic(), Told(), letter(SOURCE, *TOO_OFTEN)
    parking = Redelivering(RedeliveryPolicy(), Scripted(), topic)
    assert isinstance(parking.prepare(of, told.done), Later)
    assert topic.written == [DeadLetter(of.key, of.value, of.headers or ())]
    assert not told.results
    topic.answer(WriteError("timed_out", "no answer"))
    parking.prepare(of, told.done)
    topic.answer(None)
    assert told.results == [
        (of, Held("it cannot be parked: no answer")),
        (of, Skipped(Verdict.PARKED)),
    ]
    called_off = parking.prepare(of, told.done)
    assert isinstance(called_off, Later)
    called_off.call_off()
    topic.answer(None)
    assert len(told.results) == 2

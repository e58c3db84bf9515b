"""What everybody who prepares promises to who asks: the fake one, now and later, and the real one alike."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from processor.core.record.reading import RecordPolicy, Unwrap
from processor.core.request.filters import FilterPolicy
from processor.core.request.templates.policy import TemplatePolicy
from processor.core.request.transform import Method, Prepared, RequestPolicy
from processor.errors import EventError
from processor.model import Record, Request
from processor.traffic.preparation import PLAIN, Held, Later, Preparation, Preparing, Result, Skipped
from tests.support.builders import prepared, record
from tests.support.fakes import FakePreparation, VirtualClock

URL = "https://h.example/base"
VALUES = [b"{}", b'{"a":1}', b'{"fullPath":"https://evil.example"}', b'{"integrations":{"Webhook":false}}']


class Rig:
    """One who prepares, and what it takes to let those answer that answer later."""

    def __init__(self, who: str) -> None:
        real = Preparation(RequestPolicy("https://h.example/base"))
        fake = FakePreparation(VirtualClock(), real)
        fake.is_late = lambda _: who == "fake, later"
        self.preparing: Preparing = real if who == "real" else fake
        self._fake = fake
        self.told: list[tuple[Record, Result]] = []

    def ask(self, asked: Record) -> Result | Later:
        before = list(self.told)
        result = self.preparing.prepare(asked, lambda record, result: self.told.append((record, result)))
        assert self.told == before
        return result

    def answer(self) -> None:
        while self._fake.open:
            self._fake.answer()

    def result(self, asked: Record) -> Result:
        result = self.ask(asked)
        self.answer()
        if not isinstance(result, Later):
            assert self.told == []
            return result
        ((of, later),) = self.told
        assert of is asked
        return later


@pytest.fixture(params=["real", "fake, now", "fake, later"])
def rig(request: pytest.FixtureRequest) -> Rig:
    return Rig(request.param)


@pytest.mark.parametrize("value", [None, b"", b"no JSON", b"\xff", *VALUES])
def test_a_record_is_answered_for_once_and_nothing_is_raised(rig: Rig, value: bytes | None) -> None:
    assert not isinstance(rig.result(record(value=value)), Later | Held)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, lambda result: result == Skipped("tombstone")),
        (b"no JSON", lambda result: isinstance(result, EventError) and result.code == "invalid_event"),
        (b'{"a":1}', lambda result: result.body == b'{"a":1}'),
    ],
)
def test_the_answer_is_what_the_record_is(
    rig: Rig, value: bytes | None, expected: Callable[[Result], bool]
) -> None:
    assert expected(rig.result(record(value=value)))


def test_what_is_called_off_is_never_answered_and_others_are(rig: Rig) -> None:
    first, second = (rig.ask(record(offset)) for offset in range(2))
    if isinstance(first, Later):
        first.call_off()
    rig.answer()
    assert [of.offset for of, _ in rig.told] == ([1] if isinstance(second, Later) else [])


ENVELOPED = b'{"schema":null,"payload":{"messageId":"m-1","a":1}}'
SAID = b'{"messageId":"m-1","a":1}'
WAYS: dict[str, tuple[bytes, RequestPolicy, RecordPolicy]] = {
    "as it stands": (SAID, RequestPolicy(URL, id_member="messageId"), PLAIN),
    "with a part taken out": (SAID[:-1] + b',"b":null}', RequestPolicy(URL, id_member="messageId"), PLAIN),
    "as a query": (SAID, RequestPolicy(URL, Method.GET, id_member="messageId"), PLAIN),
    "by templates": (
        SAID,
        RequestPolicy(URL, templates=TemplatePolicy(path="/{{ event.a }}"), id_member="messageId"),
        PLAIN,
    ),
    "out of an envelope": (
        ENVELOPED,
        RequestPolicy(URL, id_member="messageId"),
        RecordPolicy(unwrap=Unwrap.CONNECT),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_id_that_an_event_says_goes_with_its_request_and_one_that_cannot_be_does_not(way: str) -> None:
    value, request, policy = WAYS[way]
    asked, silent = (
        Preparation(request, record=policy),
        Preparation(replace(request, id_member=None), record=policy),
    )
    for said, found in ((b"m-1", "m-1"), (b"m.1", None), (b"", None)):
        made, plain = (prepared(each, value.replace(b"m-1", said)) for each in (asked, silent))
        assert isinstance(made, Request | Prepared)
        known = made if isinstance(made, Request) else made.request
        assert known.id == found
        without = known._replace(id=None)
        assert plain == (without if isinstance(made, Request) else made._replace(request=without))


def test_what_is_left_out_has_no_id() -> None:
    filters = FilterPolicy(when="event.a == 2")
    asked = Preparation(RequestPolicy(URL, id_member="messageId"), filters)
    assert prepared(asked, SAID) == Skipped("filter")
    assert prepared(asked, SAID.replace(b"1}", b"2}")) != Skipped("filter")

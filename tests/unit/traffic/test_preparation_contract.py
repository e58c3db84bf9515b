"""What everybody who prepares promises to who asks: the fake one, now and later, and the real one alike."""

from collections.abc import Callable

import pytest

from processor.core.request.transform import RequestPolicy
from processor.errors import EventError
from processor.model import Record
from processor.traffic.preparation import Held, Later, Preparation, Preparing, Result, Skipped
from tests.support.builders import record
from tests.support.fakes import FakePreparation, VirtualClock

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

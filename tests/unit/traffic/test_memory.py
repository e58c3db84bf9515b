"""Of a record that is over nothing is kept, however it ended: what is kept of one is kept of all."""

import gc
from collections.abc import Callable
from sys import getrefcount

import pytest

from processor.errors import WriteError
from tests.support.builders import FIRST
from tests.unit.traffic.test_pipeline import House


def delivered(house: House) -> None:
    house.sender.answer(200)


def dead_lettered(house: House) -> None:
    house.sender.answer(400)


def retried(house: House) -> None:
    house.sender.answer(503)
    house.clock.advance(1.0)
    house.sender.answer(200)


def lost_under_way(house: House) -> None:
    house.source.lose(FIRST)


def lost_while_it_waits(house: House) -> None:
    house.sender.answer(503)
    house.source.lose(FIRST)


def lost_while_its_letter_waits(house: House) -> None:
    house.letters.error = WriteError("broker", "down")
    house.sender.answer(400)
    house.source.lose(FIRST)


def prepared_late(house: House) -> None:
    house.preparation.answer()
    house.sender.answer(200)


def lost_while_it_is_prepared(house: House) -> None:
    house.source.lose(FIRST)
    house.preparation.called_off.clear()


def lost_while_it_cannot_be_prepared(house: House) -> None:
    house.preparation.fault = "the registry does not answer"
    house.preparation.answer()
    house.source.lose(FIRST)


LATE = (prepared_late, lost_while_it_is_prepared, lost_while_it_cannot_be_prepared)


@pytest.mark.parametrize(
    "end",
    [
        *LATE,
        delivered,
        dead_lettered,
        retried,
        lost_under_way,
        lost_while_it_waits,
        lost_while_its_letter_waits,
    ],
)
def test_of_a_record_that_is_over_nothing_is_kept(end: Callable[[House], None]) -> None:
    house = House()
    house.preparation.is_late = lambda _: end in LATE
    house.join(FIRST)
    value = bytes(bytearray(b'{"n": 1}'))
    house.source.append(FIRST, None, value)
    before = getrefcount(value)
    house.source.fetch()
    assert getrefcount(value) > before
    end(house)
    house.clock.advance(100.0)
    for played in (house.sender.sent, house.letters.tried, house.letters.letters):
        played.clear()
    gc.collect()
    assert getrefcount(value) == before

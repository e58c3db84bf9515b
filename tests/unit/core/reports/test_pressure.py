"""How many reports are on their way, and when one that may be lost is tried."""

from itertools import pairwise
from random import Random

from processor.core.reports.pressure import LONGEST_SECONDS, Pressure


def test_no_more_are_on_their_way_than_may_be() -> None:
    pressure = Pressure(2)
    pressure.begun()
    assert (pressure.is_full(), pressure.takes(0.0)) == (False, True)
    pressure.begun()
    assert (pressure.is_full(), pressure.takes(0.0), pressure.on_their_way()) == (True, False, 2)
    pressure.ended()
    assert (pressure.is_full(), pressure.takes(0.0)) == (False, True)


def test_while_none_can_be_written_one_is_tried_now_and_then() -> None:
    pressure, now, tried = Pressure(), 0.0, list[float]()
    while now < 300:
        if pressure.takes(now):
            tried.append(now)
            pressure.begun()
            pressure.failed(now, 1.0)
            pressure.ended()
        now += 0.5
    waits = [b - a for a, b in pairwise(tried)]
    assert waits[:6] == [1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_SECONDS]
    assert set(waits[6:]) == {LONGEST_SECONDS}
    pressure.begun()
    pressure.succeeded()
    pressure.ended()
    assert pressure.takes(now)


def test_those_that_fail_together_count_as_one() -> None:
    pressure = Pressure()
    for _ in range(500):
        pressure.begun()
    for _ in range(500):
        pressure.failed(10.0, 1.0)
        pressure.ended()
    assert not pressure.takes(10.5)
    assert pressure.takes(11.0)


def test_what_tries_is_alone_until_it_is_answered() -> None:
    pressure = Pressure()
    pressure.begun()
    pressure.failed(0.0, 1.0)
    assert not pressure.takes(5.0)
    pressure.ended()
    assert pressure.takes(5.0)


def test_whatever_happens_it_stays_within_its_bound() -> None:
    random, pressure, now, on_their_way = Random(1), Pressure(5), 0.0, 0
    for _ in range(2_000):
        now += random.choice((0.0, 0.1, 3.0))
        if pressure.takes(now):
            pressure.begun()
            on_their_way += 1
        if on_their_way and random.random() < 0.5:
            on_their_way -= 1
            if random.random() < 0.5:
                pressure.succeeded()
            else:
                pressure.failed(now, random.random())
            pressure.ended()
        assert pressure.on_their_way() == on_their_way <= 5

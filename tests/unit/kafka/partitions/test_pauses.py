"""What is held is paused only after a while, and no pause outlives its assignment."""

from collections.abc import Iterable
from typing import cast

import confluent_kafka
from confluent_kafka import TopicPartition as Place

from processor.kafka.partitions.pauses import PATIENCE_SECONDS, Pauses
from processor.model import Partition
from tests.support.builders import FIRST, SECOND, THIRD

NOW = 5000.0
LATER = NOW + PATIENCE_SECONDS


class Client:
    """The library's pauses, which it keeps whatever is assigned."""

    def __init__(self) -> None:
        self.paused: set[Partition] = set()
        self.calls = 0

    def pause(self, places: Iterable[Place]) -> None:
        self.calls += 1
        self.paused |= {Partition(place.topic, place.partition) for place in places}

    def resume(self, places: Iterable[Place]) -> None:
        self.calls += 1
        self.paused -= {Partition(place.topic, place.partition) for place in places}


def holding(*partitions: Partition, paused: bool = True) -> tuple[Pauses, Client]:
    """These are held, and paused unless said otherwise."""
    client = Client()
    holds = Pauses(cast(confluent_kafka.Consumer, client))
    holds.wanted(frozenset(partitions))
    assert holds.are_waited_for(NOW)
    if paused:
        assert not holds.are_waited_for(LATER)
        assert client.paused == set(partitions)
    return holds, client


def test_what_is_held_is_waited_for_and_then_paused_once() -> None:
    holds, client = holding(FIRST)
    assert not holds.are_waited_for(LATER + 100)
    assert client.calls == 1


def test_a_hold_that_ends_within_the_patience_is_no_pause() -> None:
    holds, client = holding(FIRST, paused=False)
    holds.wanted(frozenset())
    assert not holds.are_waited_for(LATER)
    assert client.calls == 0


def test_patience_begins_anew_with_the_next_hold() -> None:
    holds, client = holding(FIRST, paused=False)
    holds.wanted(frozenset())
    assert not holds.are_waited_for(LATER)
    holds.wanted(frozenset({FIRST}))
    assert holds.are_waited_for(LATER)
    assert client.paused == set()


def test_what_is_held_no_longer_is_read_again_and_the_rest_is_not() -> None:
    holds, client = holding(FIRST, SECOND)
    holds.wanted(frozenset({SECOND}))
    assert client.paused == {SECOND}


def test_a_partition_that_goes_while_it_is_paused_comes_back_unpaused() -> None:
    holds, client = holding(FIRST, SECOND)
    holds.forget(frozenset({FIRST}))
    assert client.paused == {SECOND}
    holds.wanted(frozenset({FIRST, SECOND}))
    assert holds.are_waited_for(LATER)
    assert not holds.are_waited_for(LATER + PATIENCE_SECONDS)
    assert client.paused == {FIRST, SECOND}


def test_a_partition_that_goes_before_it_is_paused_is_never_paused() -> None:
    holds, client = holding(FIRST, paused=False)
    holds.forget(frozenset({FIRST}))
    assert not holds.are_waited_for(LATER)
    assert client.calls == 0


def test_a_rest_is_waited_for_but_is_no_pause_and_not_long() -> None:
    client = Client()
    holds = Pauses(cast(confluent_kafka.Consumer, client))
    holds.rest(True, NOW)
    assert holds.are_resting(NOW)
    assert holds.are_resting(LATER - 0.01)
    assert not holds.are_resting(LATER)
    assert not holds.are_waited_for(NOW)
    assert client.calls == 0


def test_a_rest_ends_when_there_is_not_enough_to_do_any_more() -> None:
    holds = Pauses(cast(confluent_kafka.Consumer, Client()))
    holds.rest(True, NOW)
    holds.rest(False, NOW)
    assert not holds.are_resting(NOW)


def test_a_rest_does_not_put_off_a_pause() -> None:
    holds, client = holding(FIRST, paused=False)
    holds.rest(True, LATER - 0.01)
    assert not holds.are_waited_for(LATER)
    assert client.paused == {FIRST}


def test_what_has_no_time_is_paused_at_once_also_where_patience_has_begun() -> None:
    holds, client = holding(FIRST, paused=False)
    holds.wanted(frozenset({FIRST, SECOND}), at_once=True)
    assert not holds.are_waited_for(NOW)
    assert client.paused == {FIRST, SECOND}
    holds.wanted(frozenset({FIRST, SECOND, THIRD}))
    assert holds.are_waited_for(NOW)
    assert client.paused == {FIRST, SECOND}


def test_what_is_parked_stays_so_whatever_is_held_until_it_is_forgotten() -> None:
    holds, client = holding(FIRST)
    holds.park(frozenset((FIRST, SECOND)))
    for wanted in (frozenset((FIRST,)), frozenset[Partition]()):
        holds.wanted(wanted)
        assert not holds.are_waited_for(LATER)
        assert client.paused == {FIRST, SECOND}
    holds.forget(frozenset((SECOND,)))
    assert client.paused == {FIRST}

"""A partition that cannot be read is told once, is known as such until it moves, and hides no other."""

import pytest

from processor.model import Lost, MadeAnew, Partition, Received, Revoked, SourceEvent, Troubled, Unreadable
from processor.telemetry.facts import Listener
from processor.telemetry.unreadable import UnreadablePartitions
from tests.support.builders import FIRST, SECOND, assigned, record

BAD = Unreadable(FIRST, 7, "_BAD_MSG", "MessageSet at offset 7 failed CRC32C check")


class Told(Listener):
    """What is told of them."""

    def __init__(self) -> None:
        self.still: list[Unreadable] = []
        self.again: list[tuple[Partition, int]] = []

    def unreadable(self, at: Unreadable) -> None:
        """One stands still."""
        self.still.append(at)

    def readable(self, partition: Partition, offset: int) -> None:
        """One is read again."""
        self.again.append((partition, offset))


def partitions(told: Told) -> tuple[UnreadablePartitions, list[SourceEvent]]:
    """They, and what they passed on."""
    passed: list[SourceEvent] = []
    return UnreadablePartitions(told, passed.append), passed


def test_it_is_told_once_for_each_place() -> None:
    told = Told()
    one, passed = partitions(told)
    for _ in range(3):
        one.take(BAD)
    one.take(BAD._replace(offset=9))
    assert told.still == [BAD, BAD._replace(offset=9)]
    assert (told.again, passed) == ([], [])


@pytest.mark.parametrize(
    ("event", "is_over"),
    [
        (Received([record(6)], {}), False),
        (Received([record(8, partition=SECOND)], {SECOND: 9}), False),
        (Received([], {FIRST: 7}), False),
        (Troubled("_TRANSPORT", "gone"), False),
        (Revoked(frozenset((SECOND,))), False),
        (Received([record(7)], {}), True),
        (Received([record(6), record(12)], {}), True),
        (Received([], {FIRST: 8}), True),
        (Revoked(frozenset((FIRST,))), True),
        (Lost(frozenset((FIRST,))), True),
        (assigned(FIRST, epoch=2), True),
        (MadeAnew(frozenset((FIRST,))), True),
    ],
)
def test_it_ends_when_the_partition_moves_or_goes(event: SourceEvent, is_over: bool) -> None:
    told = Told()
    one, passed = partitions(told)
    one.take(BAD)
    one.take(event)
    assert one.places() == ({} if is_over else {FIRST: 7})
    assert passed == [event]
    assert told.again == ([(FIRST, 7)] if is_over and isinstance(event, Received) else [])

"""A partition that cannot be read is told once, is known as such until it moves, and hides no other."""

import pytest
from structlog.testing import capture_logs

from processor.model import Lost, MadeAnew, Received, Revoked, SourceEvent, Troubled, Unreadable
from processor.telemetry.unreadable import Reading
from tests.support.builders import FIRST, SECOND, assigned, record

BAD = Unreadable(FIRST, 7, "_BAD_MSG", "MessageSet at offset 7 failed CRC32C check")


def reading() -> tuple[Reading, list[SourceEvent]]:
    """One, and what it passed on."""
    passed: list[SourceEvent] = []
    return Reading(passed.append), passed


def test_it_is_told_once_for_each_place_with_its_coordinates_and_the_way_out() -> None:
    one, passed = reading()
    with capture_logs() as lines:
        for _ in range(3):
            one.take(BAD)
        one.take(BAD._replace(offset=9, error="_BAD_COMPRESSION"))
    assert [(line["partition"], line["offset"]) for line in lines] == [("events/0", 7), ("events/0", 9)]
    assert ["move the group past it" in line["way_out"] for line in lines] == [True, True]
    assert "receive.message.max.bytes" in lines[1]["way_out"]
    assert passed == []


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
    one, passed = reading()
    one.take(BAD)
    one.take(event)
    assert one.unreadable() == ({} if is_over else {FIRST: 7})
    assert passed == [event]

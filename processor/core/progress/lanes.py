"""Which waiting record may start: at most one of each lane at a time.

A lane is what must be kept in order: the records of one key in one partition (`key`), of one
partition (`partition`), or nothing (`none`). Records without a key have no order.

Promise: of a lane never two are started, and they start in the order they were received; a record
that may start is never behind one that may not. Cost: O(1) a record, whatever waits.
"""

from enum import StrEnum

from processor.model import Partition, Record

Lane = bytes | Partition


class Order(StrEnum):
    """What keeps its order."""

    KEY = "key"
    PARTITION = "partition"
    NONE = "none"


class Lanes:
    """The waiting records of one partition."""

    def __init__(self, order: Order) -> None:
        self._is_by_key = order is Order.KEY
        self._is_by_partition = order is Order.PARTITION
        self._last: dict[Lane, int] = {}
        """The offset of the last record of each lane that has one."""
        self._behind: dict[int, Record] = {}
        """The next record of the same lane, by the offset of the one before it."""

    def received(self, record: Record) -> bool:
        """Whether `record` may start at once; else it waits behind others of its lane."""
        lane = self._lane(record)
        if lane is None:
            return True
        last = self._last.get(lane)
        self._last[lane] = record.offset
        if last is None:
            return True
        self._behind[last] = record
        return False

    def finished(self, record: Record) -> Record | None:
        """The next record of the same lane, which may start now."""
        lane = self._lane(record)
        if lane is None:
            return None
        following = self._behind.pop(record.offset, None)
        if following is None:
            del self._last[lane]
        return following

    def behind(self) -> int:
        """How many wait behind another of their lane."""
        return len(self._behind)

    def __len__(self) -> int:
        """How many lanes have a record started or waiting."""
        return len(self._last)

    def _lane(self, record: Record) -> Lane | None:
        if self._is_by_key:
            return record.key
        return record.partition if self._is_by_partition else None

"""Which waiting record may start: at most one of each lane at a time.

A lane is what must be kept in order: the records of one key in one partition (`key`), of one
partition (`partition`), or nothing (`none`). Records without a key have no order.

Promise: of a lane never two are started, and they start in the order they were received; a record
that may start is never behind one that may not. Cost: O(1) a record, whatever waits.
"""

from collections import deque
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
        self._behind: dict[Lane, deque[Record] | None] = {}

    def received(self, record: Record) -> bool:
        """Whether `record` may start at once; else it waits behind others of its lane."""
        lane = self._lane(record)
        if lane is None:
            return True
        if lane not in self._behind:
            self._behind[lane] = None
            return True
        behind = self._behind[lane]
        if behind is None:
            self._behind[lane] = deque((record,))
        else:
            behind.append(record)
        return False

    def finished(self, record: Record) -> Record | None:
        """The next record of the same lane, which may start now."""
        lane = self._lane(record)
        if lane is None:
            return None
        behind = self._behind[lane]
        if behind:
            return behind.popleft()
        del self._behind[lane]
        return None

    def __len__(self) -> int:
        """How many lanes have a record started or waiting."""
        return len(self._behind)

    def _lane(self, record: Record) -> Lane | None:
        if self._is_by_key:
            return record.key
        return record.partition if self._is_by_partition else None

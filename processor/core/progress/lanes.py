"""Which waiting record may start: of each lane one at a time, or a row that is sent together.

A lane is what must be kept in order: the records of one key in one partition (`key`), of one
partition (`partition`), or nothing (`none`). Records without a key have no order.

A row is what leaves in one attempt: the first record of a lane that may start, and as many right behind
it as are asked for. Its records are settled, or given back to start again, in any order.

Promise: of a lane nothing starts while anything of it is started, but what is of one row, and records
start in the order they were received, those that were given back before all that come behind them; a record
that may start is never behind one that may not. Cost: O(1) a record, whatever waits.
"""

from enum import StrEnum
from itertools import pairwise
from operator import attrgetter

from msgspec import Struct

from processor.model import Partition, Record

Lane = bytes | Partition


class Order(StrEnum):
    """What keeps its order."""

    KEY = "key"
    PARTITION = "partition"
    NONE = "none"


class _Row(Struct):
    """Of a lane of which several were started together: which still are, which came back, the last of all."""

    started: set[int]
    back: list[Record]
    last: int


class Lanes:
    """The waiting records of one partition."""

    def __init__(self, order: Order) -> None:
        self._is_by_key = order is Order.KEY
        self._is_by_partition = order is Order.PARTITION
        self._last: dict[Lane, int] = {}
        """The offset of the last record of each lane that has one."""
        self._behind: dict[int, Record] = {}
        """The next record of the same lane, by the offset of the one before it."""
        self._rows: dict[Lane, _Row] = {}

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

    def row(self, first: Record, most: int) -> list[Record]:
        """`first`, which may start, and those behind it that start with it: at most so many, in order."""
        row = [first]
        while len(row) < most and (following := self._behind.pop(row[-1].offset, None)) is not None:
            row.append(following)
        lane = self._lane(first)
        if lane is not None and len(row) > 1:
            self._rows[lane] = _Row({record.offset for record in row}, [], row[-1].offset)
        return row

    def finished(self, record: Record) -> Record | None:
        """The next record of the same lane, which may start now."""
        lane = self._lane(record)
        if lane is None:
            return None
        if self._rows and (row := self._rows.get(lane)) is not None:
            return self._left(lane, row, record)
        following = self._behind.pop(record.offset, None)
        if following is None:
            del self._last[lane]
        return following

    def given_back(self, record: Record) -> Record | None:
        """`record` was started, and has to start again; what of its lane may start now, maybe itself."""
        lane = self._lane(record)
        row = None if lane is None else self._rows.get(lane)
        if lane is None or row is None:
            return record
        row.back.append(record)
        return self._left(lane, row, record)

    def behind(self) -> int:
        """How many wait behind another of their lane."""
        return len(self._behind) + sum(len(row.back) for row in self._rows.values())

    def __len__(self) -> int:
        """How many lanes have a record started or waiting."""
        return len(self._last)

    def _left(self, lane: Lane, row: _Row, record: Record) -> Record | None:
        """One of a row is started no more; when none is, what came back stands first in the lane again."""
        row.started.remove(record.offset)
        if row.started:
            return None
        del self._rows[lane]
        following = self._behind.pop(row.last, None)
        first, last = following, row.last
        if row.back:
            row.back.sort(key=attrgetter("offset"))
            self._behind |= {before.offset: behind for before, behind in pairwise(row.back)}
            first, last = row.back[0], row.back[-1].offset
            if following is not None:
                self._behind[last] = following
        if first is None:
            del self._last[lane]
        elif following is None:
            self._last[lane] = last
        return first

    def _lane(self, record: Record) -> Lane | None:
        if self._is_by_key:
            return record.key
        return record.partition if self._is_by_partition else None

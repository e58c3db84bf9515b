"""What the endpoint received: some 25 bytes a request, in columns.

A row stands where its request arrived. `began` and `ended` count both kinds of moment in one sequence,
so that of any two it is certain which came first; `began_ms` and `ended_ms` are milliseconds since the
run began, by the wall clock, which the processes of a run share with the broker.
"""

from array import array
from collections.abc import Iterator
from enum import IntEnum
from typing import Self

NOBODY = 0
"""The member of a request that does not say who sends it."""
NO_NUMBER = 0xFFFF_FFFF
"""The number of an event that cannot be read."""
_HEAD = "IHII"
_TAIL = "BII"


class Outcome(IntEnum):
    """How a request ended."""

    OPEN = 0
    ACCEPTED = 1
    REFUSED = 2
    AMBIGUOUS = 3
    """The work was done, and the connection reset in place of an answer."""
    BUSY = 4
    LIMITED = 5
    DROPPED = 6
    """The connection was reset, and nothing was done."""
    LEFT = 7
    """The sender went away before there was an answer, and nothing was done."""
    FORBIDDEN = 8
    """403, as to every event."""


SETTLED = frozenset((Outcome.ACCEPTED, Outcome.REFUSED, Outcome.AMBIGUOUS))
"""The endpoint is done with the event, whether or not the sender knows."""


class Receipts:
    """All requests of a run."""

    def __init__(self) -> None:
        self.n, self.member, self.began_ms, self.began = (array(kind) for kind in _HEAD)
        self.outcome, self.ended_ms, self.ended = (array(kind) for kind in _TAIL)
        self._moments = 0

    def __len__(self) -> int:
        return len(self.n)

    def begin(self, n: int, member: int, now_ms: int) -> int:
        """A request came in; returns its row."""
        self.n.append(n)
        self.member.append(member)
        self.began_ms.append(now_ms)
        self.began.append(self._moment())
        self.outcome.append(Outcome.OPEN)
        self.ended_ms.append(0)
        self.ended.append(0)
        return len(self.n) - 1

    def end(self, row: int, outcome: Outcome, now_ms: int) -> None:
        """The request of a row came to its end."""
        self.outcome[row] = outcome
        self.ended_ms[row] = now_ms
        self.ended[row] = self._moment()

    def moments(self) -> Iterator[tuple[int, bool]]:
        """Rows as they begin (True) and end (False), in the order in which that happened."""
        order = array("i", bytes(4 * (self._moments + 1)))
        for row in range(len(self)):
            order[self.began[row]] = row + 1
            if self.ended[row]:
                order[self.ended[row]] = -row - 1
        return ((abs(row) - 1, row > 0) for row in order if row)

    def to_bytes(self) -> bytes:
        """All columns, one behind the other."""
        return b"".join(column.tobytes() for column in self._columns())

    @classmethod
    def from_bytes(cls, columns: bytes) -> Self:
        """What `to_bytes` wrote."""
        receipts = cls()
        width = sum(column.itemsize for column in receipts._columns())
        rows, at = len(columns) // width, 0
        for column in receipts._columns():
            column.frombytes(columns[at : at + rows * column.itemsize])
            at += rows * column.itemsize
        receipts._moments = max((*receipts.began, *receipts.ended), default=0)
        return receipts

    def _columns(self) -> tuple["array[int]", ...]:
        return self.n, self.member, self.began_ms, self.began, self.outcome, self.ended_ms, self.ended

    def _moment(self) -> int:
        self._moments += 1
        return self._moments

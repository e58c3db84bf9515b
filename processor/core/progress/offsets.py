"""How far one partition may be committed.

Promise: everything below `position()` and everything in `finished_beyond()` is finished, or was
restored as finished, or is an offset that Kafka never handed out (compaction, transaction
markers). The position never goes back. Cost: O(1) a record, whatever waits.

Only unfinished offsets are kept; what lies between them is finished.
"""

from collections import OrderedDict
from collections.abc import Iterator

from processor.core.progress import offset_codec
from processor.core.progress.offset_codec import NO_MARKS, Marks, Span
from processor.model import Position


class Offsets:
    """The offsets of one partition during one assignment."""

    def __init__(self, committed: Position | None, marks: Marks = NO_MARKS) -> None:
        """Begin at `committed`; `marks` go with everything that is committed."""
        self._marks = marks
        self._unfinished: OrderedDict[int, float | None] = OrderedDict()
        self._next = committed.offset if committed else None
        self._restored = list(offset_codec.decode(committed.offset, committed.metadata)) if committed else []

    def received(self, offset: int, timestamp: float | None) -> bool:
        """Whether the record at `offset` has still to be done: not seen in this assignment, not restored."""
        if self._next is not None and offset < self._next:
            return False
        if self._restored:
            self._advance(offset)
            if self._next != offset:
                return False
        self._unfinished[offset] = timestamp
        self._advance(offset + 1)
        return True

    def identified(self, topic_id: bytes | None) -> None:
        """The topic has this id: that is marked, unless it was known with which id we began."""
        if topic_id and self._marks.topic_id is None:
            self._marks = self._marks._replace(topic_id=topic_id)

    def bounded(self, end: int) -> None:
        """The log ends there: what says that more than it holds is finished speaks of another one."""
        if self._restored and self._restored[-1].end > end:
            self._restored = []

    def reached(self, end: int) -> None:
        """All records below `end` have been received."""
        if self._next is None or end > self._next:
            self._advance(end)

    def finished(self, offset: int) -> None:
        """The record at `offset` needs nothing more; once per received record."""
        del self._unfinished[offset]

    def expected(self) -> int | None:
        """The next offset that Kafka should hand out; None before anything is known."""
        return self._next

    def position(self) -> int | None:
        """The first offset that is not finished; None when nothing was committed or received yet."""
        return next(iter(self._unfinished), self._next)

    def unfinished(self) -> int:
        """How many received records are not finished."""
        return len(self._unfinished)

    def oldest(self) -> float | None:
        """The timestamp of the record at the position; None when it has none, or nothing is unfinished."""
        return next(iter(self._unfinished.values()), None)

    def gap(self) -> int:
        """Offsets between the position and the highest finished one, both ends as Kafka counts them."""
        last = max((span.end for span in self.finished_beyond()), default=None)
        position = self.position()
        return 0 if last is None or position is None else last - position

    def finished_beyond(self) -> Iterator[Span]:
        """The finished spans beyond the position, ascending and disjoint."""
        unfinished = iter(self._unfinished)
        at = next(unfinished, None)
        if at is not None and self._next is not None:
            for offset in unfinished:
                if offset > at + 1:
                    yield Span(at + 1, offset)
                at = offset
            if at + 1 < self._next:
                yield Span(at + 1, self._next)
        yield from self._restored

    def commit(self, limit: int) -> tuple[Position, bool] | None:
        """What to commit, and whether the metadata holds all that is finished beyond; None: nothing yet."""
        position = self.position()
        if position is None:
            return None
        metadata, whole = offset_codec.encode(position, self.finished_beyond(), limit, self._marks)
        return Position(position, metadata), whole

    def fits(self, limit: int) -> bool:
        """Whether metadata of that length holds all that is finished beyond the position."""
        commit = self.commit(limit)
        return commit is None or commit[1]

    def _advance(self, offset: int) -> None:
        self._next = offset
        while self._restored and self._restored[0].first <= self._next:
            self._next = max(self._next, self._restored.pop(0).end)

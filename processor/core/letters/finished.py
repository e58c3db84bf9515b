"""Which letters of a partition were brought back, by the position of the group that brings them back.

Promise: a letter counts as brought back only where the group says so of this very log, as who reads in the
group takes it: what is said of a topic that was made anew since says nothing; a position that was copied from
another cluster counts, and what lies beyond it not; nor does what is no metadata of ours.
"""

from bisect import bisect_right
from collections.abc import Iterator

from processor.core.progress import offset_codec
from processor.core.progress.offset_codec import Span
from processor.model import Position


class Finished:
    """Of one partition."""

    def __init__(
        self, position: Position | None, topic_id: bytes | None = None, cluster: bytes | None = None
    ) -> None:
        """`topic_id`: Kafka's id of the topic that is there now, `cluster`: its mark; None: not known."""
        contents = offset_codec.read(*position) if position else offset_codec.Contents()
        if _differ(contents.marks.cluster, cluster):
            contents = offset_codec.Contents()
        if position is None or _differ(contents.marks.topic_id, topic_id):
            position, contents = Position(0), offset_codec.Contents()
        self.offset = position.offset
        """All below it are."""
        self.beyond = contents.finished
        self._firsts = [0, *(span.first for span in self.beyond)]
        self._ends = [self.offset, *(span.end for span in self.beyond)]

    def has(self, offset: int) -> bool:
        """Whether the letter there was brought back."""
        return offset < self._ends[bisect_right(self._firsts, offset) - 1]

    def open(self, first: int, end: int) -> int:
        """How many offsets from `first` to before `end` are still to be brought back."""
        return max(0, end - max(first, self.offset)) - sum(_overlap(span, first, end) for span in self.beyond)

    def after(self, offset: int) -> Iterator[Span]:
        """What is finished beyond a later position."""
        for span in self.beyond:
            if span.end > offset:
                yield Span(max(span.first, offset), span.end)


def _differ(marked: bytes | None, known: bytes | None) -> bool:
    return marked is not None and known is not None and marked != known


def _overlap(span: Span, first: int, end: int) -> int:
    return max(0, min(span.end, end) - max(span.first, first))

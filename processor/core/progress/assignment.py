"""One partition, from when it is assigned to when it is released: what is known of it, in one place.

Only Flow touches it; it lives exactly as long as the assignment.
"""

from enum import StrEnum
from typing import NamedTuple

from processor.core.progress import offset_codec
from processor.core.progress.lanes import Lanes, Order
from processor.core.progress.offset_codec import NO_MARKS, Marks
from processor.core.progress.offsets import Offsets
from processor.model import Position, Record


class Hold(StrEnum):
    """Why nothing more is taken from a partition."""

    RECORDS = "records"
    BYTES = "bytes"
    METADATA = "metadata"
    DEAD_LETTER = "dead_letter"
    PREPARATION = "preparation"
    REPORT = "report"


class PartitionStatus(NamedTuple):
    """How a partition stands: offsets, counts of records, `oldest` as a record timestamp in seconds.

    `oldest` is that of the record at the position, if it has one; `committed` the offset that the
    broker acknowledged.
    """

    position: int | None
    expected: int | None
    unsettled: int
    gap: int
    oldest: float | None
    committed: int | None


class Assignment:
    """One partition while it is ours."""

    def __init__(self, epoch: int, committed: Position | None, order: Order, marks: Marks = NO_MARKS) -> None:
        self.epoch = epoch
        self.found = offset_codec.read(*committed).marks if committed else NO_MARKS
        """What was marked beside the committed position; what we do not know better is handed on."""
        known = Marks(
            marks.topic_id or self.found.topic_id,
            marks.destination or self.found.destination,
            marks.since or self.found.since,
            marks.cluster or self.found.cluster,
        )
        self.offsets = Offsets(committed, known)
        self.lanes = Lanes(order)
        self.running: dict[int, Record] = {}
        self.blocked: dict[int, Hold] = {}
        """What cannot go on by the operator's fault, and why."""
        self.withheld: set[int] = set()
        """What failed and waits until deliveries have paid for its dead letter."""
        self.bytes = 0
        self.revoked = False
        self.is_away = False
        """Whether its topic is not there. The broker has dropped its position then, and would take it
        back: for the next topic of that name."""
        self.committed = committed
        self.crowded = False
        self.hold: Hold | None = None

    def identified(self, topic_id: bytes | None) -> None:
        """Its topic has this id (empty: none), or is not there (None)."""
        self.is_away = topic_id is None
        self.offsets.identified(topic_id)

    def finished(self, offset: int) -> bool:
        """The record at `offset`, which runs, needs nothing more; whether the partition was held for it."""
        del self.running[offset]
        self.offsets.finished(offset)
        if not self.blocked and not self.withheld:
            return False
        self.withheld.discard(offset)
        return self.blocked.pop(offset, None) is not None

    def block(self, offset: int, why: Hold | None) -> None:
        """The record at `offset` cannot go on, or (None) can again."""
        if why is None:
            self.blocked.pop(offset, None)
        else:
            self.blocked[offset] = why

    def crowds(self, length: int | None, limit: int) -> bool:
        """All that is finished takes metadata of that length, or (None) more than `limit`; whether this
        changes `crowded`.

        What does not fit is repeated by who goes on from here, and what was read already goes on to finish:
        so it is crowded before its metadata is full, until half of that is free. Only what was read can
        finish, and make room: where nothing can finish by itself, more has to be read. What is withheld
        cannot, nor what its lane keeps behind it: only deliveries pay for it, and there may be none but of
        what is still to be read.
        """
        before = self.crowded
        enough = limit // 2 if before else limit // 4 * 3
        is_full = length is None or (length > enough and not self.offsets.fits(enough))
        waits_for_others = len(self.withheld) + self.lanes.behind()
        self.crowded = is_full and self.offsets.unfinished() > waits_for_others
        return self.crowded is not before

    def standing(self) -> PartitionStatus:
        offsets = self.offsets
        return PartitionStatus(
            offsets.position(),
            offsets.expected(),
            offsets.unfinished(),
            offsets.gap(),
            offsets.oldest(),
            self.committed.offset if self.committed else None,
        )

"""Unreadable partitions: those that stand still because the client cannot unpack or believe a batch.

Promise: such a partition is told once for each place where it stands, and is known as unreadable until a
record or an end beyond that place was read, or it is not ours any more. The other partitions go on.
"""

from collections.abc import Callable, Mapping

from processor.model import Assigned, Lost, MadeAnew, Partition, Received, Revoked, SourceEvent, Unreadable
from processor.telemetry.facts import Facts


class UnreadablePartitions:
    """Stands between the source and who takes its events, and passes all others on."""

    def __init__(self, facts: Facts, pass_on: Callable[[SourceEvent], None]) -> None:
        self._facts = facts
        self._pass_on = pass_on
        self._stands_at: dict[Partition, int] = {}

    def take(self, event: SourceEvent) -> None:
        """Something happened at the source."""
        match event:
            case Unreadable():
                self._stands(event)
                return
            case Received() if self._stands_at:
                self._moved(event)
            case (
                Assigned(positions=gone)
                | MadeAnew(partitions=gone)
                | Revoked(partitions=gone)
                | Lost(partitions=gone)
            ):
                for partition in gone:
                    self._stands_at.pop(partition, None)
        self._pass_on(event)

    def places(self) -> Mapping[Partition, int]:
        """All of them, each with the offset that it stands at."""
        return self._stands_at

    def _stands(self, at: Unreadable) -> None:
        if self._stands_at.get(at.partition) == at.offset:
            return
        self._stands_at[at.partition] = at.offset
        self._facts.unreadable(at)

    def _moved(self, received: Received) -> None:
        """What was read before it came to stand may be told behind that."""
        read = [(record.partition, record.offset) for record in received.records]
        read += [(partition, end - 1) for partition, end in received.ends.items()]
        for partition, offset in read:
            at = self._stands_at.get(partition)
            if at is not None and offset >= at:
                del self._stands_at[partition]
                self._facts.readable(partition, at)

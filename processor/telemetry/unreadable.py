"""What cannot be read: partitions that stand still because the client cannot unpack or believe a batch.

Promise: such a partition is told once for each place where it stands, with its coordinates and the
ways out, and is known as unreadable until a record or an end beyond that place was read, or it is
not ours any more. The other partitions go on.
"""

from collections.abc import Callable, Mapping

import structlog

from processor.model import Assigned, Lost, MadeAnew, Partition, Received, Revoked, SourceEvent, Unreadable

WAYS_OUT = {
    "_BAD_COMPRESSION": "a batch larger than 100 MB unpacked is read with a higher receive.message.max.bytes "
    "in kafka.client; else see the runbook, WebhookProcessorPartitionUnreadable, to move the group past it",
}
WAY_OUT = "see the runbook, WebhookProcessorPartitionUnreadable, to move the group past it"

log = structlog.get_logger()


class Reading:
    """Stands between the source and who takes its events, and passes all others on."""

    def __init__(self, pass_on: Callable[[SourceEvent], None]) -> None:
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

    def unreadable(self) -> Mapping[Partition, int]:
        """The partitions that cannot be read, each with the offset that it stands at."""
        return self._stands_at

    def _stands(self, at: Unreadable) -> None:
        if self._stands_at.get(at.partition) == at.offset:
            return
        self._stands_at[at.partition] = at.offset
        log.error(
            "a partition cannot be read and stands still; the others go on",
            partition=str(at.partition),
            offset=at.offset,
            error=at.error,
            message=at.message,
            way_out=WAYS_OUT.get(at.error, WAY_OUT),
        )

    def _moved(self, received: Received) -> None:
        """What was read before it came to stand may be told behind that."""
        read = [(record.partition, record.offset) for record in received.records]
        read += [(partition, end - 1) for partition, end in received.ends.items()]
        for partition, offset in read:
            at = self._stands_at.get(partition)
            if at is not None and offset >= at:
                del self._stands_at[partition]
                log.info("a partition is read again", partition=str(partition), offset=at)

"""The log lines about the Kafka client and our membership in the group.

Promise: what the client reports is told once; what comes again is summed up once a minute, and once more
when it is over.
"""

from collections.abc import Callable

import structlog

from processor.core.repeats import Repeats

log = structlog.get_logger()


class ClientLog:
    """What was told of one process. `now`: seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._repeats = Repeats()

    def troubled(self, error: str, message: str, topic: str | None) -> None:
        kind = f"{error} {topic}" if topic else error
        if self._repeats.is_first(kind, message, self._now()):
            of_topic = {"topic": topic} if topic else {}
            log.warning("kafka client", error=error, message=message, **of_topic)

    def sum_up(self) -> None:
        for kind, last, times, seconds, is_over in self._repeats.due(self._now()):
            event = "kafka client: it is over" if is_over else "kafka client: the same again"
            log.warning(event, error=kind, times=times, seconds=round(seconds), last=last)

    def foreign(self, destination: str, partitions: int) -> None:
        """Another destination has committed positions in our group."""
        if self._repeats.is_first(f"destination {destination}", destination, self._now()):
            log.error(
                "another destination commits in this group: events are split between the two. Give each a "
                "kafka.group_id of its own; after a change of destination.name it passes by itself",
                other=destination,
                partitions=partitions,
            )

    def membership_unproven(self, why: str) -> None:
        """That we are a member of the group has not been proven for some time."""
        log.warning("membership in the group is not proven: nothing is sent, nothing is lost", reason=why)

    def membership_proven(self) -> None:
        """It is again, after it was told that it is not."""
        log.info("membership in the group is proven")

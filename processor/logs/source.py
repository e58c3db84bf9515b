"""The log lines about topics: whose commits are refused, that were made anew, whose headers are odd.

Promises: a refusal that goes on is told again once a minute at the most, however many partitions and
commits it is, and when it is over; odd headers once a partition.
"""

from collections import Counter
from collections.abc import Mapping

import structlog

from processor.model import Partition, Record

TELL_AGAIN_SECONDS = 60.0

log = structlog.get_logger()

Refusal = tuple[str, str]
"""A topic and an error."""


class SourceLog:
    """What was told of the topics of one process. Times are seconds."""

    def __init__(self) -> None:
        self._told_at: dict[Refusal, float] = {}
        self._headless: set[Partition] = set()

    def answered(self, errors: Mapping[Partition, str | None], now: float) -> None:
        """A commit was answered: None, or what went wrong, for each partition."""
        refused = Counter((partition.topic, error) for partition, error in errors.items() if error)
        for (topic, error), partitions in refused.items():
            if now - self._told_at.get((topic, error), -TELL_AGAIN_SECONDS) >= TELL_AGAIN_SECONDS:
                self._told_at[topic, error] = now
                log.warning("commit failed", topic=topic, error=error, partitions=partitions)
        if self._told_at and not refused:
            self._over({partition.topic for partition in errors})

    def made_anew(self, topic: str, partitions: int) -> None:
        """So many partitions belong to another topic of the same name."""
        log.error(
            "the topic was deleted and made anew: it is read from its beginning, whatever was committed",
            topic=topic,
            partitions=partitions,
        )

    def headless(self, record: Record) -> None:
        """The headers of a record could not be read."""
        if record.partition not in self._headless:
            self._headless.add(record.partition)
            log.warning(
                "headers of a record cannot be read and are left out: a name is not UTF-8. "
                "This is told once for each partition",
                partition=str(record.partition),
                offset=record.offset,
            )

    def _over(self, topics: set[str]) -> None:
        for topic in sorted(topics.intersection(topic for topic, _ in self._told_at)):
            self._told_at = {each: at for each, at in self._told_at.items() if each[0] != topic}
            log.info("commits are acknowledged again", topic=topic)

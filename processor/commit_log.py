"""The log lines about commits: a topic that is refused is told by name, once, and when it is over.

Promise: what goes on is told again once a minute at the most, however many partitions and commits it is.
"""

from collections import Counter
from collections.abc import Mapping

import structlog

from processor.model import Partition

TELL_AGAIN_SECONDS = 60.0

log = structlog.get_logger()

Refusal = tuple[str, str]
"""A topic and an error."""


class CommitLog:
    """What was told of the commits of one process. Times are seconds."""

    def __init__(self) -> None:
        self._told_at: dict[Refusal, float] = {}

    def answered(self, errors: Mapping[Partition, str | None], now: float) -> Counter[str]:
        """A commit was answered; returns how many partitions of each topic were refused."""
        refused = Counter((partition.topic, error) for partition, error in errors.items() if error)
        for (topic, error), partitions in refused.items():
            if now - self._told_at.get((topic, error), -TELL_AGAIN_SECONDS) >= TELL_AGAIN_SECONDS:
                self._told_at[topic, error] = now
                log.warning("commit failed", topic=topic, error=error, partitions=partitions)
        if self._told_at and not refused:
            self._over({partition.topic for partition in errors})
        return Counter(partition.topic for partition, error in errors.items() if error)

    def _over(self, topics: set[str]) -> None:
        for topic in sorted(topics.intersection(topic for topic, _ in self._told_at)):
            self._told_at = {each: at for each, at in self._told_at.items() if each[0] != topic}
            log.info("commits are acknowledged again", topic=topic)

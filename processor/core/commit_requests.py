"""Which positions go to the broker in one request.

The broker judges every partition by itself, but the client library tells one partition's error for all
of the request: where a topic was deleted, or may not be read any more, nothing is known of the others,
though the broker took them.

Promise: what one topic or partition is refused for says nothing of another. After such an answer the
topics are sent apart at once, and where a topic is refused its partitions, so that those that are well
are acknowledged; what is refused alone stays apart, one request for each such topic, until it is taken.
"""

from collections.abc import Collection, Iterable, Mapping

from processor.model import Partition

_OF_ONE = frozenset(
    (
        "UNKNOWN_TOPIC_OR_PART",
        "UNKNOWN_TOPIC_ID",
        "TOPIC_AUTHORIZATION_FAILED",
        "TOPIC_EXCEPTION",
        "INVALID_COMMIT_OFFSET_SIZE",
    )
)
"""The last is of a request that is too large: in parts it is not."""

LOOK_AGAIN_SECONDS = 60.0
"""After so long the partitions of a refused topic are sent one by one again."""

Request = Collection[Partition]


class CommitRequests:
    """What is known of the partitions of one process: which have to be sent apart. Times are monotonic."""

    def __init__(self) -> None:
        self._apart: set[Partition] = set()
        self._looked_at: dict[str, float] = {}

    def divided(self, partitions: Collection[Partition]) -> list[Request]:
        """These, in as few requests as may be; the one with all that is well comes first."""
        if self._apart.isdisjoint(partitions):
            return [partitions]
        well = [partition for partition in partitions if partition not in self._apart]
        apart = _by_topic(partition for partition in partitions if partition in self._apart)
        return [*([well] if well else ()), *apart]

    def answered(self, errors: Mapping[Partition, str | None], now: float) -> list[Request]:
        """A request was answered; returns what has to be sent once more, at once, to know what it means."""
        refused = [partition for partition, error in errors.items() if error in _OF_ONE]
        self._apart.difference_update(partition for partition, error in errors.items() if error is None)
        topics = _by_topic(refused)
        if len(topics) > 1:
            return topics
        if len(refused) > 1 and self._is_to_be_looked_at(refused, now):
            self._looked_at[refused[0].topic] = now
            return [[partition] for partition in refused]
        self._apart.update(refused)
        return []

    def forgotten(self, partitions: Iterable[Partition]) -> None:
        """These are ours no longer."""
        self._apart.difference_update(partitions)

    def _is_to_be_looked_at(self, refused: list[Partition], now: float) -> bool:
        """Whether one of them may be well after all."""
        looked_at = self._looked_at.get(refused[0].topic)
        is_new = not self._apart.issuperset(refused)
        return is_new or looked_at is None or now - looked_at >= LOOK_AGAIN_SECONDS


def _by_topic(partitions: Iterable[Partition]) -> list[Request]:
    topics: dict[str, list[Partition]] = {}
    for partition in partitions:
        topics.setdefault(partition.topic, []).append(partition)
    return list(topics.values())

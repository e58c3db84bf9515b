"""Which positions go to the broker in one request.

The broker judges every partition by itself, but the client library tells one partition's error for all
of the request: where a topic was deleted, or may not be read any more, nothing is known of the others,
though the broker took them.

Promise: what one topic or partition is refused for says nothing of another. After such an answer the
topics are sent apart at once, and where a topic is refused its partitions, so that those that are well
are acknowledged; what is refused alone stays apart, one request for each such topic, until it is taken.

A look at a refused topic is bounded, however many partitions it has: some go alone, others with each look,
and the rest in halves and halves of halves, which finds most of what is well in a row at once (where a topic
made anew has fewer partitions), and what is well here and there within some looks.
"""

from bisect import bisect
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
"""After so long the partitions of a refused topic are looked at again."""
ALONE, HALVINGS = 32, 32
"""How many partitions of a topic go alone in a look, and how many requests are halved."""

Request = Collection[Partition]


class CommitRequests:
    """What is known of the partitions of one process: which have to be sent apart. Times are monotonic."""

    def __init__(self) -> None:
        self._apart: set[Partition] = set()
        self._looked_at: dict[str, float] = {}
        self._halvings: dict[str, int] = {}
        """Of the topics that are looked at in this round, how often one may still be halved."""
        self._last_alone: dict[str, Partition] = {}

    def divided(self, partitions: Collection[Partition]) -> list[Request]:
        """A round of these, in as few requests as may be; the one with all that is well comes first."""
        self._halvings.clear()
        if self._apart.isdisjoint(partitions):
            return [partitions]
        well = [partition for partition in partitions if partition not in self._apart]
        apart = _by_topic(partition for partition in partitions if partition in self._apart)
        return [*([well] if well else ()), *apart]

    def answered(self, errors: Mapping[Partition, str | None], now: float) -> list[Request]:
        """A request was answered; returns what has to be sent once more in this round to know what it means.

        It goes behind what waits in the round: so what is halved is halved evenly.
        """
        refused = [partition for partition, error in errors.items() if error in _OF_ONE]
        self._apart.difference_update(partition for partition, error in errors.items() if error is None)
        topics = _by_topic(refused)
        if len(topics) > 1:
            return topics
        if len(refused) > 1 and (parts := self._parts(sorted(refused), now)):
            return parts
        self._apart.update(refused)
        return []

    def forgotten(self, partitions: Iterable[Partition]) -> None:
        """These are ours no longer."""
        self._apart.difference_update(partitions)

    def _parts(self, refused: list[Partition], now: float) -> list[Request]:
        topic = refused[0].topic
        if topic in self._halvings:
            self._halvings[topic] -= 1
            return _halves(refused) if self._halvings[topic] >= 0 else []
        if not self._is_to_be_looked_at(refused, now):
            return []
        self._looked_at[topic], self._halvings[topic] = now, HALVINGS
        first = bisect(refused, self._last_alone.get(topic, Partition(topic, -1)))
        ordered = refused[first:] + refused[:first]
        alone, rest = ordered[:ALONE], sorted(ordered[ALONE:])
        self._last_alone[topic] = alone[-1]
        return [*([each] for each in alone), *_halves(rest)]

    def _is_to_be_looked_at(self, refused: list[Partition], now: float) -> bool:
        """Whether one of them may be well after all."""
        looked_at = self._looked_at.get(refused[0].topic)
        is_new = not self._apart.issuperset(refused)
        return is_new or looked_at is None or now - looked_at >= LOOK_AGAIN_SECONDS


def _halves(partitions: list[Partition]) -> list[Request]:
    middle = len(partitions) // 2
    return [half for half in (partitions[:middle], partitions[middle:]) if half]


def _by_topic(partitions: Iterable[Partition]) -> list[Request]:
    topics: dict[str, list[Partition]] = {}
    for partition in partitions:
        topics.setdefault(partition.topic, []).append(partition)
    return list(topics.values())

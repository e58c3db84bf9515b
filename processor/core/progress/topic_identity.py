"""Which topic a position belongs to: a topic made anew has the same name and another id.

Kafka gives each topic an id of 16 bytes (brokers before 2.8 give none). What is told of topics is a
map: the id, or b"" where it has none; None where the topic is not there; unknown ones are left out.

Promises:
- a position that is marked with one id counts for nothing in a topic with another;
- a topic without an id that was away counts as another when it is there again; one answer, as of a broker
  that has just started and knows of no topics yet, does not make it away: it has to be told again
  `AWAY_SECONDS` later, with nothing else between;
- an id that was replaced is not believed again: who still says it is late.
"""

from collections.abc import Collection, Iterable, Mapping

from processor.model import Partition

AWAY_SECONDS = 5.0

TopicIds = Mapping[str, bytes | None]


class TopicIdentities:
    """With which topics the partitions of one process began. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._ids: dict[Partition, bytes] = {}
        self._away_since: dict[Partition, float] = {}
        self._away: set[Partition] = set()
        self._replaced: set[bytes] = set()

    def begun(self, marked: Mapping[Partition, bytes | None], told: TopicIds) -> frozenset[Partition]:
        """These partitions are ours, with the ids beside their positions; returns those of other topics."""
        for partition, mark in marked.items():
            if id_ := told.get(partition.topic) or mark:
                self._ids[partition] = id_
        return frozenset(p for p, mark in marked.items() if mark and self._ids[p] != mark)

    def learned(self, partitions: Collection[Partition], told: TopicIds, now: float) -> frozenset[Partition]:
        """Of these partitions, those whose topics are others by now; they begin with those."""
        others = frozenset(p for p in partitions if p.topic in told and self._is_other(p, told[p.topic], now))
        for partition in others:
            if partition in self._ids:
                self._replaced.add(self._ids[partition])
            self._ids[partition] = told[partition.topic] or b""
        return others

    def timely(self, told: TopicIds) -> TopicIds:
        """What is told, without what is known to be over."""
        return {topic: id_ for topic, id_ in told.items() if id_ not in self._replaced}

    def forgotten(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._ids.pop(partition, None)
            self._is_there(partition)

    def _is_other(self, partition: Partition, id_: bytes | None, now: float) -> bool:
        if id_ is None:
            if now - self._away_since.setdefault(partition, now) >= AWAY_SECONDS:
                self._away.add(partition)
            return False
        was_away = partition in self._away
        self._is_there(partition)
        return self._ids.setdefault(partition, id_) != id_ if id_ else was_away

    def _is_there(self, partition: Partition) -> None:
        self._away_since.pop(partition, None)
        self._away.discard(partition)

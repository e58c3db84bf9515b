"""Sample: a few records of a topic, read as they stand there, beside every group.

Promises:
- nothing is joined, committed or created: who reads in the group notices nothing;
- what is read ends: at so many records, and at what each partition held when it was looked at;
- no more records are kept than are wanted, however many partitions there are;
- a broker that does not answer, or refuses, is told in words after `ANSWER_SECONDS` at the latest.
"""

import heapq
import math
from collections.abc import Mapping

import confluent_kafka
from confluent_kafka import TopicPartition

from processor.config.kafka import KafkaSettings
from processor.core.progress.start import StartPolicy
from processor.kafka.checks.stored import ANSWER_SECONDS, Span, held, opened, partitions, read
from processor.model import Partition, Record

At = int | StartPolicy | None
"""From this offset of each partition on, or from a time on, or (None) the newest that there are."""


def sample(kafka: KafkaSettings, topic: str, count: int, at: At, now: float) -> list[Record]:
    """Up to `count` records of all partitions, by their timestamps; `now` in seconds since 1970.

    Raises FatalError: the topic is not there, may not be read, or nobody answers.
    """
    with opened(kafka) as client:
        spans = _spans(client, partitions(client, topic), count, at, now)
        best = Best(count, are_newest=at is None)
        for record in read(client, spans, count):
            best.take(record)
        return best.taken()


class Best:
    """The first `count` records by their timestamps, or the last."""

    def __init__(self, count: int, *, are_newest: bool) -> None:
        self._count = count
        self._sign = 1 if are_newest else -1
        self._kept: list[tuple[tuple[float, int, int], Record]] = []
        """A heap: first whoever gives way to a better one."""

    def take(self, record: Record) -> None:
        """One more, which is kept where it is among the best so far."""
        at = record.timestamp or 0.0
        place = (self._sign * at, self._sign * record.partition.number, self._sign * record.offset)
        if len(self._kept) < self._count:
            heapq.heappush(self._kept, (place, record))
        elif place > self._kept[0][0]:
            heapq.heapreplace(self._kept, (place, record))

    def taken(self) -> list[Record]:
        """What was kept so far, the oldest record first."""
        ordered = sorted(self._kept, key=lambda kept: kept[0], reverse=self._sign < 0)
        return [record for _, record in ordered]


def _spans(
    client: confluent_kafka.Consumer, those: list[Partition], count: int, at: At, now: float
) -> dict[Partition, Span]:
    """What is to be read of each; those that hold nothing of it are left out."""
    spans = held(client, those)
    if isinstance(at, StartPolicy):
        firsts = (
            {p: span.first for p, span in spans.items()} if at.word else _from_time(client, those, at, now)
        )
    else:
        firsts = {p: end - count if at is None else at for p, (_, end) in spans.items()}
    wanted = {p: Span(max(low, firsts.get(p, end)), end) for p, (low, end) in spans.items()}
    return {partition: span for partition, span in wanted.items() if span.first < span.end}


def _from_time(
    client: confluent_kafka.Consumer, those: list[Partition], at: StartPolicy, now: float
) -> Mapping[Partition, int]:
    """Where each has its first record from then on; those that have none are left out."""
    since = now - at.before if at.at is None else at.at
    asked = [TopicPartition(*partition, max(0, math.ceil(since * 1000))) for partition in those]
    found = client.offsets_for_times(asked, timeout=ANSWER_SECONDS)
    return {Partition(each.topic, each.partition): each.offset for each in found if each.offset >= 0}

"""Sample: a few records of a topic, read as they stand there, beside every group.

Promises:
- nothing is joined, committed or created: who reads in the group notices nothing;
- what is read ends: at so many records, and at what each partition held when it was looked at;
- no more records are kept than are wanted, however many partitions there are;
- a broker that does not answer, or refuses, is told in words after `ANSWER_SECONDS` at the latest.
"""

import heapq
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from processor.config.kafka import KafkaSettings
from processor.core.progress.start import StartPolicy
from processor.errors import FatalError
from processor.kafka.options import LOGGER, client_options
from processor.kafka.partitions.records import NO_HEADERS, UNREADABLE_HEADERS, headers_of
from processor.kafka.refusals import CONSUMED_BYTES
from processor.kafka.remedies import AWAY, in_words
from processor.model import Partition, Record

ANSWER_SECONDS = 10.0
READ_AHEAD_KILOBYTES = 16_384
_LEFT_TO_TIME = frozenset((*AWAY, "_MSG_TIMED_OUT"))
"""What the library tries again by itself, for as long as we wait."""

At = int | StartPolicy | None
"""From this offset of each partition on, or from a time on, or (None) the newest that there are."""


class Span(NamedTuple):
    """The offsets of a partition that are read: from `first` on, below `end`."""

    first: int
    end: int


def sample(kafka: KafkaSettings, topic: str, count: int, at: At, now: float) -> list[Record]:
    """Up to `count` records of all partitions, by their timestamps; `now` in seconds since 1970.

    Raises FatalError: the topic is not there, may not be read, or nobody answers.
    """
    with _client(kafka) as client:
        spans = _spans(client, _partitions(client, topic), count, at, now)
        best = Best(count, are_newest=at is None)
        for record in _read(client, spans, count):
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


@contextmanager
def _client(kafka: KafkaSettings) -> Iterator[confluent_kafka.Consumer]:
    """A consumer that joins nothing: the library wants the name of a group all the same."""
    options = client_options(kafka) | {
        "group.id": kafka.group_id,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "isolation.level": kafka.isolation_level,
        "allow.auto.create.topics": False,
        "check.crcs": True,
        "message.max.bytes": CONSUMED_BYTES,
        "queued.max.messages.kbytes": READ_AHEAD_KILOBYTES,
    }
    client = confluent_kafka.Consumer(options, logger=LOGGER)
    try:
        yield client
    except KafkaException as error:
        raise FatalError(in_words(error.args[0])) from error
    finally:
        client.close()


def _partitions(client: confluent_kafka.Consumer, topic: str) -> list[Partition]:
    found = client.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
    if found.error is not None:
        unknown = found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
        why = "is not there, or may not be seen with this login" if unknown else in_words(found.error)
        raise FatalError(f"topic {topic}: {why}")
    return [Partition(topic, number) for number in sorted(found.partitions)]


def _spans(
    client: confluent_kafka.Consumer, partitions: list[Partition], count: int, at: At, now: float
) -> dict[Partition, Span]:
    """What is to be read of each; those that hold nothing of it are left out."""
    held = {p: client.get_watermark_offsets(TopicPartition(*p), timeout=ANSWER_SECONDS) for p in partitions}
    if isinstance(at, StartPolicy):
        firsts = (
            {p: low for p, (low, _) in held.items()} if at.word else _from_time(client, partitions, at, now)
        )
    else:
        firsts = {p: end - count if at is None else at for p, (_, end) in held.items()}
    spans = {p: Span(max(low, firsts.get(p, end)), end) for p, (low, end) in held.items()}
    return {partition: span for partition, span in spans.items() if span.first < span.end}


def _from_time(
    client: confluent_kafka.Consumer, partitions: list[Partition], at: StartPolicy, now: float
) -> Mapping[Partition, int]:
    """Where each has its first record from then on; those that have none are left out."""
    since = now - at.before if at.at is None else at.at
    asked = [TopicPartition(*partition, max(0, math.ceil(since * 1000))) for partition in partitions]
    found = client.offsets_for_times(asked, timeout=ANSWER_SECONDS)
    return {Partition(each.topic, each.partition): each.offset for each in found if each.offset >= 0}


def _read(client: confluent_kafka.Consumer, spans: Mapping[Partition, Span], count: int) -> Iterator[Record]:
    """The records of the spans, up to `count` of each."""
    left = dict.fromkeys(spans, count)
    client.assign([TopicPartition(*partition, span.first) for partition, span in spans.items()])
    quiet_until = time.monotonic() + ANSWER_SECONDS
    while left:
        message = client.poll(max(0.0, quiet_until - time.monotonic()))
        if message is None:
            waiting = ", ".join(map(str, sorted(left)[:3]))
            raise FatalError(f"nothing came of {waiting} in {ANSWER_SECONDS:g} seconds: are the brokers up?")
        partition = Partition(message.topic() or "", message.partition() or 0)
        offset, error = message.offset() or 0, message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
            _judge(error, message.topic())
            continue
        if partition not in left:
            continue
        quiet_until = time.monotonic() + ANSWER_SECONDS
        if error is None and offset < spans[partition].end:
            left[partition] -= 1
            yield _record(message, partition, offset)
        if error is not None or not left[partition] or offset + 1 >= spans[partition].end:
            del left[partition]
            client.incremental_unassign([TopicPartition(*partition)])


def _judge(error: KafkaError, topic: str | None) -> None:
    """An error came in place of a record: raises FatalError for what will not pass by itself."""
    if error.name() not in _LEFT_TO_TIME:
        raise FatalError(f"topic {topic}: {in_words(error)}" if topic else in_words(error))


def _record(message: Message, partition: Partition, offset: int) -> Record:
    (found,) = headers_of([message])
    headers = None if found is UNREADABLE_HEADERS else tuple(found or NO_HEADERS)
    kind, milliseconds = message.timestamp()
    at = milliseconds / 1000 if kind and milliseconds >= 0 else None
    return Record(partition, offset, message.key(), message.value(), headers, at, 0)

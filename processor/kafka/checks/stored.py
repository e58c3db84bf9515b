"""What a topic holds, read as it stands there, beside every group.

Promises:
- nothing is joined, committed or created: who reads in the group notices nothing;
- what is read ends: at what each partition held when it was looked at, or at so many records of each;
- a broker that does not answer, or refuses, is told in words after `ANSWER_SECONDS` at the latest;
- what is read is kept nowhere: memory does not grow with the topic.
"""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from processor.config.kafka import KafkaSettings
from processor.errors import FatalError
from processor.kafka.options import LOGGER, client_options
from processor.kafka.partitions.records import NO_HEADERS, UNREADABLE_HEADERS, headers_of
from processor.kafka.refusals import CONSUMED_BYTES
from processor.kafka.remedies import AWAY, in_words
from processor.model import Partition, Record

ANSWER_SECONDS = 10.0
FETCH_BYTES = 256 * 1024
"""Of a partition at once, packed."""
READ_AHEAD, READ_AHEAD_KILOBYTES = 2_000, 4_096
"""Messages that are fetched before they are asked for, of each partition: small ones take a kilobyte each."""
AT_ONCE = 100
"""Messages asked of the library at a time, at most."""
_UNSEEN = "is not there, or may not be seen: create it, or grant Describe on it"
_LEFT_TO_TIME = frozenset((*AWAY, "_MSG_TIMED_OUT", "GROUP_AUTHORIZATION_FAILED"))
"""What the library tries again by itself, for as long as we wait; and the group is not needed to read."""


class Span(NamedTuple):
    """The offsets of a partition that are read: from `first` on, below `end`."""

    first: int
    end: int


def beside(kafka: KafkaSettings, group: str | None = None) -> confluent_kafka.Consumer:
    """A consumer that joins nothing: the library wants the name of a group all the same."""
    options = client_options(kafka) | {
        "group.id": group or kafka.group_id,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "isolation.level": kafka.isolation_level,
        "allow.auto.create.topics": False,
        "check.crcs": True,
        "message.max.bytes": CONSUMED_BYTES,
        "queued.max.messages.kbytes": READ_AHEAD_KILOBYTES,
        "queued.min.messages": READ_AHEAD,
        "fetch.message.max.bytes": FETCH_BYTES,
    }
    return confluent_kafka.Consumer(options, logger=LOGGER)


@contextmanager
def opened(kafka: KafkaSettings, group: str | None = None) -> Iterator[confluent_kafka.Consumer]:
    """The same for a while. Raises FatalError for what a broker refuses."""
    client = beside(kafka, group)
    try:
        yield client
    except KafkaException as error:
        raise FatalError(in_words(error.args[0])) from error
    finally:
        client.close()


def partitions(client: confluent_kafka.Consumer, topic: str) -> list[Partition]:
    """Those of a topic. Raises FatalError where it is not there, or may not be seen."""
    found = client.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
    if found.error is not None:
        unknown = found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
        why = _UNSEEN if unknown else in_words(found.error)
        raise FatalError(f"topic {topic}: {why}")
    return [Partition(topic, number) for number in sorted(found.partitions)]


def held(client: confluent_kafka.Consumer, those: list[Partition]) -> dict[Partition, Span]:
    """What each holds now."""
    return {p: Span(*client.get_watermark_offsets(TopicPartition(*p), timeout=ANSWER_SECONDS)) for p in those}


def read(
    client: confluent_kafka.Consumer, spans: Mapping[Partition, Span], most: int = sys.maxsize
) -> Iterator[Record]:
    """The records of spans that are not empty, up to `most` of each.

    Raises FatalError for what will not pass by itself, and where nothing comes any more.
    """
    left = dict.fromkeys(spans, most)
    client.assign([TopicPartition(*partition, span.first) for partition, span in spans.items()])
    quiet_until = time.monotonic() + ANSWER_SECONDS
    while left:
        first = client.poll(max(0.0, quiet_until - time.monotonic()))
        if first is None:
            waiting = ", ".join(map(str, sorted(left)[:3]))
            raise FatalError(f"nothing came of {waiting} in {ANSWER_SECONDS:g} seconds: are the brokers up?")
        for message in (first, *client.consume(AT_ONCE, 0)):
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
                quiet_until = time.monotonic() + ANSWER_SECONDS  # who takes them may take their time
            if error is not None or left[partition] == 0 or offset + 1 >= spans[partition].end:
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

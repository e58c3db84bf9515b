"""What goes into the topic, and what the group writes down of it: two clients in threads of their own.

`Feed` produces the events of a plan in order, never further ahead than it is allowed; a broker that is
killed meanwhile makes it neither lose nor repeat one. `Watch` reads `__consumer_offsets`, where every
position that the group commits stands, in the order in which the broker took it.
"""

import struct
import threading
import time
from collections.abc import Mapping
from functools import partial

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from tests.faults.ledger import Commit, Ledger

OFFSETS = "__consumer_offsets"
PATIENCE_SECONDS = 60.0
_QUIET = {"log_level": 0, "reconnect.backoff.max.ms": 500}
_ORDERED = {
    "enable.idempotence": True,
    "message.timeout.ms": 600_000,
    "linger.ms": 10,
    "compression.type": "lz4",
    "queue.buffering.max.messages": 1_000_000,
}


class Feed:
    """Produces; `allowed` is how many events may have been produced by now."""

    def __init__(self, client: Mapping[str, str], topic: str, ledger: Ledger) -> None:
        self.allowed = 0
        self.acknowledged = 0
        self.error = ""
        self._client = {**client, **_QUIET, **_ORDERED}
        self._topic = topic
        self._ledger = ledger
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Produce no more; wait for what was produced."""
        self._ending = True
        self._thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        producer, n = Producer(self._client), 0
        while n < self._ledger.plan.events and not self._ending and not self.error:
            if n < self.allowed:
                self._produce(producer, n)
                n += 1
            producer.poll(0.05 if n >= self.allowed else 0)
        producer.flush(PATIENCE_SECONDS)

    def _produce(self, producer: Producer, n: int) -> None:
        plan, told = self._ledger.plan, partial(self._told, n)
        while True:
            try:
                producer.produce(self._topic, plan.payload(n), plan.key_bytes(n), on_delivery=told)
            except BufferError:
                producer.poll(0.1)
            else:
                return

    def _told(self, n: int, error: KafkaError | None, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        if error or partition is None or offset is None:
            self.error = f"event {n}: {error}"
        else:
            self._ledger.produced(n, partition, offset)
            self.acknowledged += 1


class Watch:
    """Reads what a group commits for a topic."""

    def __init__(
        self, client: Mapping[str, str], group: str, topic: str, ledger: Ledger, zero: float
    ) -> None:
        self._client = {**client, **_QUIET, "group.id": "watch", "fetch.wait.max.ms": 100}
        self._group, self._topic = group, topic
        self._ledger = ledger
        self._zero = zero
        self._reached: dict[int, int] = {}
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, positions: Mapping[int, int]) -> None:
        """Read until these positions have been seen, then no more."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._saw(positions) and time.monotonic() < deadline and self._thread.is_alive():
            time.sleep(0.05)
        self._ending = True
        self._thread.join(PATIENCE_SECONDS)

    def _saw(self, positions: Mapping[int, int]) -> bool:
        return all(self._reached.get(partition) == offset for partition, offset in positions.items())

    def _run(self) -> None:
        with Consumer(self._client) as consumer:
            consumer.assign(
                [TopicPartition(OFFSETS, p, OFFSET_BEGINNING) for p in self._partitions(consumer)]
            )
            while not self._ending:
                for message in consumer.consume(1000, 0.1):
                    if message.error() is None:
                        self._read(message)

    def _partitions(self, consumer: Consumer) -> list[int]:
        """Of the offsets topic, as soon as a group has made it appear."""
        while not self._ending:
            try:
                found = consumer.list_topics(timeout=5).topics.get(OFFSETS)
            except KafkaException:
                found = None
            if found is not None and found.partitions:
                return list(found.partitions)
            time.sleep(0.1)
        return []

    def _read(self, message: Message) -> None:
        key, value = message.key(), message.value()
        if not isinstance(key, bytes) or not isinstance(value, bytes):
            return
        where = _place(key)
        if where is None or where[:2] != (self._group, self._topic):
            return
        offset, metadata, timestamp = position(value)
        partition = where[2]
        at_ms = int(timestamp - self._zero * 1000)
        self._ledger.committed(Commit(max(at_ms, 0), partition, offset, metadata))
        self._reached[partition] = offset


def _place(key: bytes) -> tuple[str, str, int] | None:
    """Group, topic and partition of a commit's key; None for what is no commit."""
    version = struct.unpack_from(">h", key)[0]
    if version not in (0, 1):
        return None
    group, at = _text(key, 2)
    topic, at = _text(key, at)
    return group, topic, struct.unpack_from(">i", key, at)[0]


def position(value: bytes) -> tuple[int, str, int]:
    """Offset, metadata and time in milliseconds of a commit's value (OffsetCommitValue, versions 1, 3, 4)."""
    version, offset = struct.unpack_from(">hq", value)
    at = 14 if version >= 3 else 10
    if version >= 4:
        length, at = _varint(value, at)
        metadata, at = value[at : at + length - 1].decode(), at + length - 1
    else:
        metadata, at = _text(value, at)
    return offset, metadata.rstrip("\0"), struct.unpack_from(">q", value, at)[0]


def _text(data: bytes, at: int) -> tuple[str, int]:
    length = struct.unpack_from(">h", data, at)[0]
    return data[at + 2 : at + 2 + length].decode(), at + 2 + length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        number |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return number, at

"""What is read of the assigned partitions: messages of the library as records, and what else they tell.

Promises:
- nothing comes of a partition that is not ours, or that began anew while it was read;
- a partition that went and came back during one read, so that its records cannot be told apart, is
  read anew from where it begins;
- with the first that comes of a partition it is told how far its log goes;
- a record below the place where its partition begins ends the process;
- what a record holds never does: headers that cannot be read are left out, and told.

What is asked of a message is made before it is handed out, but for its headers: their names are
decoded when they are asked for, and one that is not UTF-8 costs all of them.
"""

from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from operator import methodcaller
from typing import cast

import confluent_kafka
from confluent_kafka import OFFSET_INVALID, KafkaError, Message, TopicPartition

from processor.errors import FatalError
from processor.kafka.beginnings import Beginnings
from processor.kafka.holds import Holds
from processor.model import Partition, Received, Record, RecordHeaders, Unreadable

RESET = "has records below its committed offset: was it made anew? Set the group's offsets, then start again"

_headers_of = methodcaller("headers")
"""The library leaves an exception pending beside its answer where a name is no UTF-8. What was called often
is called without a look for one, so that any later call fails; behind this it is always looked for."""

BATCH_BYTES = 4 * 1024 * 1024
"""Once so much has come in one read, no more is asked for."""
FEW, MANY = 10, 100
"""Messages asked of the library at a time, before it is known how large they are, and at the most."""
UNREADABLE = frozenset(
    (
        KafkaError._BAD_COMPRESSION,  # noqa: SLF001
        KafkaError._BAD_MSG,  # noqa: SLF001
        KafkaError._NOT_IMPLEMENTED,  # noqa: SLF001
        KafkaError._UNSUPPORTED_FEATURE,  # noqa: SLF001
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
    )
)
"""What a fetch says of bytes: broken, of an unknown codec or format, or too large unpacked."""


class Records:
    """The assigned partitions of one consumer; to be called in its thread."""

    def __init__(
        self,
        client: confluent_kafka.Consumer,
        holds: Holds,
        beginnings: Beginnings,
        failed: Callable[[KafkaError, str | None], None],
        is_made_anew: Callable[[Partition], bool],
        unreadable: Callable[[Unreadable], None],
    ) -> None:
        """`is_made_anew`: whether the topic is another one by now; then the partition has begun anew."""
        self._client = client
        self._holds = holds
        self._beginnings = beginnings
        self._failed = failed
        self._is_made_anew = is_made_anew
        self._unreadable = unreadable
        self._epochs: dict[Partition, int] = {}
        self._partitions: dict[tuple[str, int], Partition] = {}
        self._dropped: set[Partition] = set()
        self._starts: dict[Partition, int] = {}
        self._headless: list[Record] = []
        self._unheard: set[Partition] = set()
        """Those of which nothing has come yet."""

    @property
    def partitions(self) -> AbstractSet[Partition]:
        """Those that are read."""
        return self._epochs.keys()

    def begin(
        self, epoch: int, starts: Mapping[Partition, int], *, unread: Collection[Partition] = ()
    ) -> None:
        """These partitions are ours from these offsets on; the `unread` are ours too, and never read.

        The group takes them for read: only so do the others of the same assignment come to rest.
        """
        for partition, offset in starts.items():
            self._partitions[partition] = partition
            self._epochs[partition] = epoch
            self._starts[partition] = offset
        self._unheard |= starts.keys()
        paused = [TopicPartition(*partition, 0) for partition in unread]
        self._client.incremental_assign(
            [TopicPartition(*partition, offset) for partition, offset in starts.items()] + paused
        )
        if paused:
            self._client.pause(paused)

    def begin_anew(self, epoch: int, partitions: Collection[Partition], offset: int) -> None:
        """These, which are read, begin at `offset` in a new assignment; what is read just now is left out."""
        self._dropped.update(partitions)
        for partition in partitions:
            self._epochs[partition] = epoch
            self._unheard.add(partition)
            self._begin_at(partition, offset)

    def drop(self, partitions: frozenset[Partition]) -> None:
        """These go: nothing of them is read any more."""
        for partition in partitions:
            self._partitions.pop(partition, None)
            self._epochs.pop(partition, None)
        self._unheard -= partitions
        self._dropped |= partitions
        self._holds.forget(partitions)

    def read(self, most: int, wait: float = 0.0) -> Received | None:
        """Up to `most` records, and the ends that were reached; None: neither within `wait` seconds.

        Less where they are large: no more than make up `BATCH_BYTES`, if they are as large as those before.
        """
        self._dropped.clear()
        first = self._client.poll(wait)
        if first is None:
            return None
        self._headless = []
        records: list[Record] = []
        ends: dict[Partition, int] = {}
        bounds: dict[Partition, int] = {}
        messages, left, weight = [first], most, 0
        while messages:
            before = len(records)
            for message in messages:
                if message.error() is None:
                    self._take(message, records)
                else:
                    self._note(message, ends)
                if self._unheard:
                    self._hear(message, bounds)
            # Values weigh by their length alone, which costs next to nothing; headers are rarely there.
            weight += sum(map(len, messages)) + sum(r.weight() for r in records[before:] if r.headers)
            left -= len(messages)
            asked = min(left, self._room(most - left, weight)) if weight < BATCH_BYTES else 0
            messages = self._client.consume(asked, 0) if asked else []
        for partition in self._dropped & self._partitions.keys():
            self._begin_at(partition, self._starts[partition])
        return Received(records, ends, self._headless, bounds) if records or ends else None

    def _room(self, known: int, weight: int) -> int:
        """How many messages more are asked for, if they are as large as those that are known."""
        if known < FEW:
            return FEW
        return min(MANY, max(FEW, (BATCH_BYTES - weight) * known // max(1, weight)))

    def _hear(self, message: Message, bounds: dict[Partition, int]) -> None:
        """The first that is fetched of a partition tells how far its log goes: that came with it."""
        partition = self._partitions.get((message.topic(), message.partition()))  # type: ignore[arg-type]
        if partition is None or partition not in self._unheard or partition in self._dropped:
            return
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
            return
        known: tuple[int, int] | None = self._client.get_watermark_offsets(
            TopicPartition(*partition), cached=True
        )
        if known is not None and known[1] >= 0:
            bounds[partition] = known[1]
            self._unheard.discard(partition)

    def _take(self, message: Message, records: list[Record]) -> None:
        partition = self._partitions.get((message.topic(), message.partition()))  # type: ignore[arg-type]
        if partition is None or partition in self._dropped:
            return
        if message.offset() < self._starts[partition]:  # type: ignore[operator]
            if self._is_made_anew(partition):
                return
            raise FatalError(f"{partition} {RESET}")
        try:
            headers = cast(RecordHeaders, tuple(_headers_of(message) or ()))
        except (SystemError, ValueError):
            headers = None
        kind, milliseconds = message.timestamp()
        record = Record(
            partition,
            message.offset(),  # type: ignore[arg-type]
            message.key(),
            message.value(),
            headers,
            milliseconds / 1000 if kind and milliseconds >= 0 else None,
            self._epochs[partition],
        )
        records.append(record)
        if headers is None:
            self._headless.append(record)

    def _note(self, message: Message, ends: dict[Partition, int]) -> None:
        error = message.error()
        partition = self._partitions.get((message.topic(), message.partition()))  # type: ignore[arg-type]
        if error.code() == KafkaError._PARTITION_EOF:  # type: ignore[union-attr] # noqa: SLF001
            if partition is not None and partition not in self._dropped:
                ends[partition] = message.offset()  # type: ignore[assignment]
        elif error.code() == KafkaError._AUTO_OFFSET_RESET and partition is not None:  # type: ignore[union-attr] # noqa: SLF001
            # What began anew in this read does so at its end: this one tells of what was before.
            if partition not in self._dropped:
                self._restart(partition, message.offset())
        else:
            if error.code() in UNREADABLE and partition is not None:  # type: ignore[union-attr]
                self._unreadable(Unreadable(partition, message.offset() or 0, error.name(), error.str()))  # type: ignore[union-attr]
            self._failed(error, message.topic())  # type: ignore[arg-type]

    def _restart(self, partition: Partition, offset: int | None) -> None:
        """The topic does not hold `offset`, or (None) the group has none."""
        start = self._starts[partition]
        if offset is None or offset < 0:
            self._begin_at(partition, self._beginnings.instead_of(partition, offset))
        elif partition in self._unheard and start not in (offset, OFFSET_INVALID):
            # Nothing has come since it began, and not there: this tells of what it was before, or of where
            # a log began that has moved on since. Its start is still where it has to be read.
            self._begin_at(partition, start)
        elif not self._is_made_anew(partition):
            self._begin_at(partition, self._beginnings.instead_of(partition, offset))

    def _begin_at(self, partition: Partition, offset: int) -> None:
        self._starts[partition] = offset
        self._holds.forget(frozenset((partition,)))
        self._client.incremental_unassign([TopicPartition(*partition)])
        self._client.incremental_assign([TopicPartition(*partition, offset)])

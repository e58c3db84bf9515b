"""What is read of the assigned partitions: messages of the library as records, and what else they tell.

Promises:
- nothing comes of a partition that is not ours, or that began anew while it was read;
- a partition that went and came back during one read, so that its records cannot be told apart, is
  read anew from where it begins;
- with the first that comes of a partition it is told how far its log goes;
- a partition of which it is not known where it begins is ours, and parked: nothing of it is fetched,
  and it holds no other; a read asks nothing of the brokers but records. (The library would say at
  once again that it has no offset, and a look-up may take seconds.)
- a record below the place where its partition begins ends the process;
- what a record holds never does: headers that cannot be read are left out, and told.

What is asked of a message is made before it is handed out, but for its headers: their names are
decoded when they are asked for, and one that is not UTF-8 costs all of them.
"""

import time
from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from operator import methodcaller

import confluent_kafka
from confluent_kafka import OFFSET_INVALID, KafkaError, Message, TopicPartition

from processor.errors import FatalError
from processor.kafka.partitions.pauses import Pauses
from processor.kafka.partitions.start_positions import AGAIN_SECONDS, StartPositions
from processor.kafka.patience import Patience
from processor.model import Partition, Received, Record, RecordHeaders, Unreadable

RESET = "has records below its committed offset: was it made anew? Set the group's offsets, then start again"

_headers_of = methodcaller("headers")
"""The library leaves an exception pending beside its answer where a name is no UTF-8. What was called often
is called without a look for one, so that any later call fails; behind this it is always looked for."""

BATCH_BYTES = 4 * 1024 * 1024
"""Once so much has come in one read, no more is asked for."""
PARKED_SECONDS = 1.0
"""After so long it is tried again to learn where a partition begins."""
SHARE = 4
"""And after so many times what the last try took: most of the time is for reading."""
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
        holds: Pauses,
        beginnings: StartPositions,
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
        self._parked: dict[Partition, int | None] = {}
        """With the offset that their topic does not hold; None: it is not known what the group has."""
        self._due: dict[Partition, float] = {}
        self._unheard: set[Partition] = set()
        """Those of which nothing has come yet."""

    @property
    def partitions(self) -> AbstractSet[Partition]:
        """Those that are read."""
        return self._epochs.keys()

    def begin(
        self,
        epoch: int,
        starts: Mapping[Partition, int],
        *,
        parked: Collection[Partition] = (),
        unread: Collection[Partition] = (),
    ) -> None:
        """These partitions are ours from these offsets on, the `parked` from where only time will tell.

        The `unread` are ours too, and never read.

        The group takes them for read: only so do the others of the same assignment come to rest.
        """
        for partition in (*starts, *parked):
            self._partitions[partition] = partition
            self._epochs[partition] = epoch
        self._starts.update(starts)
        self._unheard |= starts.keys() | set(parked)
        again = frozenset(self._parked.keys() & {*starts, *parked, *unread})
        if again:
            self._leave(again)
        paused = [TopicPartition(*partition, 0) for partition in (*unread, *parked)]
        self._client.incremental_assign(
            [TopicPartition(*partition, offset) for partition, offset in starts.items()] + paused
        )
        if paused:
            self._client.pause(paused)
        if parked:
            self._park(dict.fromkeys(parked))

    def put_off(self, partitions: Collection[Partition], since: float) -> None:
        """What was asked of these from `since` on, in monotonic seconds, is not known: ask later."""
        now = time.monotonic()
        pause = PARKED_SECONDS + SHARE * (now - since)
        self._due.update(dict.fromkeys(partitions, now + pause))

    def unknown(self, now: float) -> frozenset[Partition]:
        """Of which it is time to ask what the group has committed."""
        return frozenset(p for p, offset in self._parked.items() if offset is None and self._due[p] <= now)

    def settle(self, now: float) -> None:
        """Let those begin whose offset was not held; with the first that does not answer it is enough.

        So it is once that has taken as long as a go may: the others begin in the next rounds.
        """
        patience = Patience(AGAIN_SECONDS)
        for partition in [p for p, due in self._due.items() if due <= now]:
            offset = self._parked.get(partition)
            if offset is None:
                continue
            if patience.is_over:
                return
            since = time.monotonic()
            self._beginnings.take_time(is_again=True)
            place = None if self._is_made_anew(partition) else self._beginnings.instead_of(partition, offset)
            if place is not None:
                self._begin_at(partition, place)
                continue
            self.put_off(self._parked.keys() & {partition}, since)
            return

    def _park(self, partitions: Mapping[Partition, int | None]) -> None:
        self._parked.update(partitions)
        self._due.update(dict.fromkeys(partitions, 0.0))
        self._holds.park(frozenset(partitions))

    def _leave(self, partitions: frozenset[Partition]) -> None:
        for partition in partitions:
            self._parked.pop(partition, None)
            self._due.pop(partition, None)
        self._holds.forget(partitions)
        self._client.incremental_unassign([TopicPartition(*partition) for partition in partitions])

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
            self._parked.pop(partition, None)
            self._due.pop(partition, None)
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
        for partition in (self._dropped & self._partitions.keys()) - self._parked.keys():
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
        if partition is None:
            return
        if (self._dropped or self._parked) and (partition in self._dropped or partition in self._parked):
            return
        if message.offset() < self._starts[partition]:  # type: ignore[operator]
            if self._is_made_anew(partition):
                return
            raise FatalError(f"{partition} {RESET}")
        headers: RecordHeaders | None
        try:
            headers = tuple(found) if (found := _headers_of(message)) else ()
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
            if partition is not None and partition not in self._dropped and partition not in self._parked:
                ends[partition] = message.offset()  # type: ignore[assignment]
        elif error.code() == KafkaError._AUTO_OFFSET_RESET and partition is not None:  # type: ignore[union-attr] # noqa: SLF001
            # What began anew in this read does so at its end: this one tells of what was before.
            if partition not in self._dropped and partition not in self._parked:
                self._restart(partition, message.offset())
        else:
            if error.code() in UNREADABLE and partition is not None:  # type: ignore[union-attr]
                self._unreadable(Unreadable(partition, message.offset() or 0, error.name(), error.str()))  # type: ignore[union-attr]
            self._failed(error, message.topic())  # type: ignore[arg-type]

    def _restart(self, partition: Partition, offset: int | None) -> None:
        """The topic does not hold `offset`, or (None) the group has none."""
        start = self._starts[partition]
        if offset is None or offset < 0:
            self._park({partition: None})
        elif partition in self._unheard and start not in (offset, OFFSET_INVALID):
            # Nothing has come since it began, and not there: this tells of what it was before, or of where
            # a log began that has moved on since. Its start is still where it has to be read.
            self._begin_at(partition, start)
        else:
            self._park({partition: offset})

    def _begin_at(self, partition: Partition, offset: int) -> None:
        self._starts[partition] = offset
        self._leave(frozenset((partition,)))
        self._client.incremental_assign([TopicPartition(*partition, offset)])

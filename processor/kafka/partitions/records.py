"""What is read of the assigned partitions: messages of the library as records, and what else they tell.

Promises:
- nothing comes of a partition that went while it was read, nor of one that began anew or came back
  meanwhile, so that its records cannot be told apart: it is read anew from where it begins;
- with the first that comes of a partition it is told how far its log goes;
- a read asks nothing of the brokers but records: what has no place is parked, and holds no other;
- a record below the place where its partition begins ends the process;
- what a record holds never does: headers that cannot be read are left out, and told.

What is asked of a message is made before it is handed out, but for its headers: their names are
decoded when they are asked for, and one that is not UTF-8 costs all of them (`headers_of`).
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import confluent_kafka
from confluent_kafka import OFFSET_INVALID, KafkaError, Message, TopicPartition

from processor.errors import FatalError
from processor.kafka.partitions.fetching import Fetching
from processor.kafka.partitions.tenures import OURS, READ, TAKEN, UNHEARD, Tenure, Tenures
from processor.model import Partition, Received, Record, RecordHeaders, Unreadable

RESET = "has records below its committed offset: was it made anew? Set the group's offsets, then start again"

NO_HEADERS: RecordHeaders = ()
UNREADABLE_HEADERS = [("", None)]
"""Stands for those of which a name is no UTF-8; known by its identity."""
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


class Batch:
    """What one read brings."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.headless: list[Record] = []
        self.ends: dict[Partition, int] = {}
        self.bounds: dict[Partition, int] = {}
        self.weight = 0
        """In bytes, near enough."""

    def with_headers(self, record: Record) -> None:
        """This has some, which weigh, or they cannot be read."""
        if record.headers is None:
            self.headless.append(record)
        else:
            self.weight += record.weight()

    def leave_out(self, partitions: Collection[Partition]) -> None:
        """Their tenures are over in which this was read: it would be told behind the news of that."""
        self.records = [record for record in self.records if record.partition not in partitions]
        self.headless = [record for record in self.headless if record.partition not in partitions]
        for partition in partitions:
            self.ends.pop(partition, None)
            self.bounds.pop(partition, None)


class Records:
    """What is read of the partitions of one consumer; to be called in its thread."""

    def __init__(
        self,
        client: confluent_kafka.Consumer,
        tenures: Tenures,
        fetching: Fetching,
        failed: Callable[[KafkaError, str | None], None],
        is_made_anew: Callable[[Partition], bool],
        unreadable: Callable[[Unreadable], None],
    ) -> None:
        """`is_made_anew`: whether the topic is another one by now; then the partition has begun anew."""
        self._client = client
        self._tenures = tenures
        self._fetching = fetching
        self._failed = failed
        self._is_made_anew = is_made_anew
        self._unreadable = unreadable

    def read(self, most: int, wait: float = 0.0) -> Received | None:
        """Up to `most` records, and the ends that were reached; None: neither within `wait` seconds.

        Less where they are large: no more than make up `BATCH_BYTES`, if they are as large as those before.
        """
        self._tenures.settled()
        first = self._client.poll(wait)
        if first is None:
            return None
        got = Batch()
        messages, left = [first], most
        while messages:
            self._take(messages, got)
            left -= len(messages)
            asked = min(left, self._room(most - left, got.weight)) if got.weight < BATCH_BYTES else 0
            messages = self._client.consume(asked, 0) if asked else []
        if upset := self._tenures.upset():
            got.leave_out(upset)
            for tenure in self._tenures.settled():
                self._fetching.begin_at(tenure, tenure.start)
        if got.records or got.ends:
            return Received(got.records, got.ends, got.headless, got.bounds)
        return None

    def _room(self, known: int, weight: int) -> int:
        """How many messages more are asked for, if they are as large as those that are known."""
        if known < FEW:
            return FEW
        return min(MANY, max(FEW, (BATCH_BYTES - weight) * known // max(1, weight)))

    def _take(self, messages: Sequence[Message], got: Batch) -> None:
        """The one loop that each message goes through: a look-up, and a record of what it holds."""
        find, take = self._tenures.find, got.records.append
        for message, found in zip(messages, headers_of(messages), strict=True):
            tenure = find((message.topic(), message.partition()))  # type: ignore[arg-type]
            if message.error() is not None:
                self._note(message, tenure, got)
                continue
            if tenure is None:
                continue
            offset: int = message.offset()  # type: ignore[assignment]
            # One test for nearly all: what is read, and lies where it may.
            if (tenure.state is not READ or offset < tenure.start) and not self._counts(tenure, offset, got):
                continue
            headers: RecordHeaders | None = NO_HEADERS
            if found:
                headers = None if found is UNREADABLE_HEADERS else tuple(found)
            kind, milliseconds = message.timestamp()
            record = Record(
                tenure.partition,
                offset,
                message.key(),
                message.value(),
                headers,
                milliseconds / 1000 if kind and milliseconds >= 0 else None,
                tenure.epoch,
            )
            take(record)
            if found:
                got.with_headers(record)
        # Values weigh by their length alone, which costs next to nothing; headers are rarely there.
        got.weight += sum(map(len, messages))

    def _counts(self, tenure: Tenure, offset: int, got: Batch) -> bool:
        """Whether a record is to be taken that is the first, or not where it is expected."""
        if tenure.state not in TAKEN:
            return False
        if offset < tenure.start:
            if self._is_made_anew(tenure.partition):
                return False
            raise FatalError(f"{tenure.partition} {RESET}")
        self._hear(tenure, got)
        return True

    def _hear(self, tenure: Tenure, got: Batch) -> None:
        """The first that is fetched of a partition tells how far its log goes: that came with it."""
        if tenure.state is not UNHEARD:
            return
        place = TopicPartition(*tenure.partition)
        known: tuple[int, int] | None = self._client.get_watermark_offsets(place, cached=True)
        if known is not None and known[1] >= 0:
            got.bounds[tenure.partition] = known[1]
            self._tenures.become(tenure, READ)

    def _note(self, message: Message, tenure: Tenure | None, got: Batch) -> None:
        """What is no record: an end, a place that there is not, or trouble."""
        error: KafkaError = message.error()  # type: ignore[assignment]
        code = error.code()
        is_taken = tenure is not None and tenure.state in TAKEN
        if code == KafkaError._PARTITION_EOF:  # noqa: SLF001
            if tenure is not None and is_taken:
                got.ends[tenure.partition] = message.offset()  # type: ignore[assignment]
                self._hear(tenure, got)
            return
        is_ours = tenure is not None and tenure.state in OURS
        if tenure is not None and is_ours and code == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            # What began anew in this read does so at its end: this one tells of what was before.
            if is_taken:
                self._restart(tenure, message.offset())
            return
        if tenure is not None and is_ours and code in UNREADABLE:
            place = message.offset() or 0
            self._unreadable(Unreadable(tenure.partition, place, error.name(), error.str()))
        self._failed(error, message.topic())

    def _restart(self, tenure: Tenure, offset: int | None) -> None:
        """The topic does not hold `offset`, or (None) the group has none."""
        if offset is None or offset < 0:
            self._fetching.park(tenure, None)
        elif tenure.state is UNHEARD and tenure.start not in (offset, OFFSET_INVALID):
            # Nothing has come since it began, and not there: this tells of what it was before, or of where
            # a log began that has moved on since. Its start is still where it has to be read.
            self._fetching.begin_at(tenure, tenure.start)
        else:
            self._fetching.park(tenure, offset)


def headers_of(messages: Sequence[Message]) -> list[Any]:
    """Of each, in their order: what the library gives, or `UNREADABLE_HEADERS`.

    It leaves an exception pending beside its answer where a name is no UTF-8. A call that stands in the code
    is carried out without a look for one once it has been often, so that any later call fails; one from
    within `map` never is, and costs no more. None is asked twice: it would answer with what it got so far.
    """
    found: list[Any] = []
    answers = map(Message.headers, messages)
    while len(found) < len(messages):
        try:
            found.extend(answers)
        except (SystemError, ValueError):
            found.append(UNREADABLE_HEADERS)
    return found

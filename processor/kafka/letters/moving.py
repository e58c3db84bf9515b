"""Records moved from one topic to others, exactly once: by transactions that hold the positions too.

Promises:
- a reader of committed records sees each of them once, however often the process is killed: what is written
  and the position behind it become true together, or not at all;
- of two that move for the same group one is told that the other does, and ends;
- nothing is moved while the group has members, who send the same letters again: one that joins meanwhile is
  seen before anything becomes true, or else waits for the positions and begins behind them;
- what was finished beyond a position stays finished.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.config.kafka import DeadLetterSettings, KafkaSettings
from processor.core.progress.offset_codec import Marks, Span, encode
from processor.errors import FatalError
from processor.kafka.options import LOGGER, client_options, producer_options
from processor.kafka.remedies import in_words
from processor.model import DeadLetter, Partition

Positions = Mapping[Partition, tuple[int, Iterable[Span]]]
"""The next offset of each partition, and what is finished beyond it."""
ANSWER_SECONDS = 30.0
TRIES = 5
_REMEDIES = {
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": "grant Write and Describe on the transactional id {id}",
    "TOPIC_AUTHORIZATION_FAILED": "grant Write on the topic",
    "GROUP_AUTHORIZATION_FAILED": "grant Read on the group",
    "MSG_SIZE_TOO_LARGE": "raise max.message.bytes of the topic",
    "INVALID_TIMESTAMP": "the topic does not take so old a time: leave --keep-timestamps away",
    "INVALID_RECORD": "a compacted topic takes none without a key: choose another",
    "_FENCED": "another process moves letters of the same run: let that one end",
    "INVALID_PRODUCER_EPOCH": "another process moves letters of the same run: let that one end",
    "PRODUCER_FENCED": "another process moves letters of the same run: let that one end",
}


class Moved(NamedTuple):
    """A record to be written to a topic; `source` names where it comes from."""

    topic: str
    letter: DeadLetter
    source: str


class Moving:
    """Moves for one group; begin with `open`, before the group's positions are asked for."""

    def __init__(self, kafka: KafkaSettings, dead_letter: DeadLetterSettings, group: str) -> None:
        self.id = f"{group}.requeue"
        """The transactional id."""
        options = producer_options(kafka, dead_letter) | {"transactional.id": self.id}
        options["transaction.timeout.ms"] = round(2 * dead_letter.write_timeout * 1000)
        self._group = group
        self._admin = AdminClient(client_options(kafka), logger=LOGGER)
        self._client = confluent_kafka.Producer(options, logger=LOGGER)
        self._refused: list[str] = []

    def open(self) -> None:
        """Take over: what another one of the same id has not committed is undone. Raises FatalError."""
        self._again(lambda: self._client.init_transactions(ANSWER_SECONDS))
        self._refuse_members()

    def move(
        self,
        records: Iterable[Moved],
        positions: Positions,
        reader: confluent_kafka.Consumer,
        marks: Marks,
    ) -> None:
        """All of these and the positions, with what is finished beyond each; or nothing.

        Raises FatalError.
        """
        if not positions:
            return
        offsets = [
            TopicPartition(*partition, offset, encode(offset, beyond, marks=marks)[0])
            for partition, (offset, beyond) in positions.items()
        ]
        metadata = reader.consumer_group_metadata()
        self._again(self._client.begin_transaction)
        try:
            for moved in records:
                self._write(moved)
            self._again(
                lambda: self._client.send_offsets_to_transaction(offsets, metadata, ANSWER_SECONDS),
            )
            self._refuse_members()  # who joins from here on is not told its positions before the end of this
            self._again(lambda: self._client.commit_transaction(ANSWER_SECONDS))
        except BaseException:  # a signal as well: readers of committed records would wait behind it
            self._undo()
            raise

    def _write(self, moved: Moved) -> None:
        letter = moved.letter

        def written(error: KafkaError | None, _: confluent_kafka.Message) -> None:
            # What a transaction that is undone was to hold is told of each of its records.
            if error is not None and error.name() not in ("_PURGE_QUEUE", "_PURGE_INFLIGHT"):
                self._refused.append(
                    f"{moved.source} cannot be written to {moved.topic}: {self._said(error)}"
                )

        timestamp = 0 if letter.timestamp is None else round(letter.timestamp * 1000)
        while True:
            try:
                self._client.produce(
                    moved.topic,
                    key=letter.key,
                    value=letter.value,
                    headers=list(letter.headers),
                    timestamp=timestamp,
                    on_delivery=written,
                )
            except BufferError:
                self._hear(0.1)
            except KafkaException as error:
                raise FatalError(
                    f"{moved.source} cannot be written to {moved.topic}: {self._said(error.args[0])}"
                ) from error
            else:
                return

    def _refuse_members(self) -> None:
        """Raises FatalError where somebody is in the group."""
        asked = self._admin.describe_consumer_groups([self._group], request_timeout=ANSWER_SECONDS)
        (answer,) = asked.values()
        try:
            there = len(answer.result().members)
        except KafkaException as error:
            if error.args[0].name() == "GROUP_ID_NOT_FOUND":  # nobody has ever been in it
                return
            raise FatalError(f"group {self._group}: {in_words(error.args[0])}") from error
        if there:
            raise FatalError(
                f"{there} processes send letters of group {self._group} again: let them end first"
            )

    def _again(self, ask: Callable[[], None]) -> None:
        """Ask, and again where that may help. Raises FatalError."""
        for n in range(TRIES):
            try:
                ask()
            except KafkaException as error:
                told: KafkaError = error.args[0]
                if told.retriable() and n + 1 < TRIES:
                    continue
                self._hear(0)
                said = self._refused[0] if self._refused else self._said(told)
                raise FatalError(said) from error
            else:
                return

    def _hear(self, seconds: float) -> None:
        """What became of what was written; what is fatal is raised again by whatever is asked next."""
        with contextlib.suppress(KafkaException):
            self._client.poll(seconds)

    def _undo(self) -> None:
        """So that nobody waits for the end of its time; where that fails, they wait."""
        try:
            self._client.abort_transaction(ANSWER_SECONDS)
        except KafkaException:
            LOGGER.warning("the transaction is undone by the brokers once its time is up")

    def _said(self, error: KafkaError) -> str:
        remedy = _REMEDIES.get(error.name())
        return f"{error.str()}: {remedy.format(id=self.id)}" if remedy else in_words(error)

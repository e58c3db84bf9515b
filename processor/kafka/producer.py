"""Writes records to topics of ours and waits for the acknowledgement.

Promise: every `write` is answered exactly once on the event loop, and with None only after all in-sync
replicas have the record. A write that timed out may still arrive: written again it is there twice, never not
at all.

A client that can go on no more, as of a user who may write to no topic and gets no producer id, is made
anew, again and again until it can: what was under way is answered as failed, and until then `fault` says why.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from itertools import count

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from processor.config.kafka import DeadLetterSettings, KafkaSettings
from processor.errors import WriteError
from processor.kafka.commands import call_on
from processor.kafka.options import LOGGER, producer_options
from processor.kafka.remedies import in_words
from processor.model import Message

POLL_SECONDS = 0.2
RENEW_SECONDS = 5.0
"""After so long a client is made in place of a broken one, and one that was made is taken for well."""
DROP_SECONDS = 60.0

Written = Callable[[WriteError | None], None]

_REASONS = {
    KafkaError.MSG_SIZE_TOO_LARGE: "too_large",
    KafkaError.RECORD_LIST_TOO_LARGE: "too_large",
    KafkaError.INVALID_MSG_SIZE: "too_large",
    KafkaError.INVALID_RECORD: "invalid_record",
    KafkaError.INVALID_TIMESTAMP: "invalid_timestamp",
    KafkaError._INVALID_DIFFERENT_RECORD: "other_record",  # noqa: SLF001
    KafkaError.UNKNOWN_TOPIC_OR_PART: "unknown_topic",
    KafkaError._UNKNOWN_TOPIC: "unknown_topic",  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION: "unknown_topic",  # noqa: SLF001
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "not_authorized",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "not_authorized",
    KafkaError._AUTHENTICATION: "not_authorized",  # noqa: SLF001
    KafkaError._MSG_TIMED_OUT: "timed_out",  # noqa: SLF001
    KafkaError._TIMED_OUT: "timed_out",  # noqa: SLF001
    KafkaError._QUEUE_FULL: "queue_full",  # noqa: SLF001
}


_REMEDIES = {
    "unknown_topic": " (create the {topic}, or grant Write on it)",
    "too_large": " (max.message.bytes of the {topic}, or message.max.bytes of its broker)",
    "invalid_record": " (a compacted {topic} takes none without a key: set cleanup.policy=delete)",
    "invalid_timestamp": " (beyond message.timestamp.before.max.ms or message.timestamp.after.max.ms of the "
    "{topic}: is the clock here right?)",
}
LETTERS, REPORTS = "dead-letter topic", "topic of reports"


def _untold(_name: str, _text: str) -> None:
    """Nobody wants to know."""


class Producer:
    """Writes to the dead-letter topic, and to others, from `open` to `close`."""

    def __init__(self, kafka: KafkaSettings, dead_letter: DeadLetterSettings) -> None:
        self._topic = dead_letter.topic
        self._max_bytes = dead_letter.max_message_bytes
        self._options = producer_options(kafka, dead_letter)
        self._closing = False
        self._client: confluent_kafka.Producer | None = None
        self._unanswered: dict[int, Written] = {}
        self._numbers = count()
        self._broken: WriteError | None = None

    def open(self, troubled: Callable[[str, str], object] = _untold) -> None:
        """Connect; answers come on the running loop.

        `troubled` is told what the client goes on from: the name of an error, and a sentence.
        """
        self._loop = asyncio.get_running_loop()
        self._troubled = troubled
        self._begin()

    def fault(self) -> str | None:
        """Why nothing can be written; None: it can, as far as is known."""
        return self._broken.message if self._broken else None

    def _begin(self) -> None:
        options = {**self._options, "error_cb": self._on_error}
        self._client = client = confluent_kafka.Producer(options, logger=LOGGER)
        self._thread = threading.Thread(target=self._run, args=(client,), name="kafka-producer", daemon=True)
        self._thread.start()

    def write(self, message: Message, written: Written) -> None:
        """Write a dead letter; `written` gets None once acknowledged, else WriteError."""
        self.write_to(self._topic, message, written, LETTERS)

    def write_to(self, topic: str, message: Message, written: Written, called: str) -> None:
        """The same to any topic, which is `called` that where something is wrong with it."""
        if self._client is None:
            self._loop.call_soon(written, self._broken)
            return
        number = next(self._numbers)
        self._unanswered[number] = written
        try:
            self._client.produce(
                topic,
                key=message.key,
                value=message.value,
                headers=list(message.headers),
                timestamp=_milliseconds(message.timestamp),
                on_delivery=lambda error, _: call_on(
                    self._loop, self._settle, number, _answer(error, called) if error else None
                ),
            )
        except KafkaException as error:
            self._loop.call_soon(self._settle, number, self._refused(error.args[0]))
        except BufferError:
            full = WriteError("queue_full", "too many records wait to be written")
            self._loop.call_soon(self._settle, number, full)

    async def close(self, within: float) -> None:
        """Wait up to `within` seconds for what was written, then disconnect."""
        if self._client is not None:
            with contextlib.suppress(KafkaException):  # it breaks just now: what it had is answered by that
                await self._loop.run_in_executor(None, self._client.flush, within)
        self._closing = True
        await self._loop.run_in_executor(None, self._thread.join, within)

    def _run(self, client: confluent_kafka.Producer) -> None:
        try:
            while not self._closing:
                client.poll(POLL_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever ends the thread, another client may go on
            dropped = threading.Event()
            call_on(self._loop, self._is_broken, _broken(error), dropped)
            dropped.wait(DROP_SECONDS)  # so that the client ends here, where nobody waits for that

    def _is_broken(self, error: WriteError, dropped: threading.Event) -> None:
        """Nothing comes of the client any more."""
        self._broken, self._client = error, None
        dropped.set()
        unanswered, self._unanswered = self._unanswered, {}
        for written in unanswered.values():
            written(error)
        self._troubled("dead_letter_producer", f"{error.message}: the client is made anew until it can write")
        self._loop.call_later(RENEW_SECONDS, self._renew)

    def _renew(self) -> None:
        if self._closing:
            return
        try:
            self._begin()
        except KafkaException as error:  # as where a file of certificates is gone
            self._broken = _broken(error)
            self._loop.call_later(RENEW_SECONDS, self._renew)
        else:
            self._loop.call_later(RENEW_SECONDS, self._is_well, self._client)

    def _is_well(self, client: confluent_kafka.Producer | None) -> None:
        if client is self._client:
            self._broken = None

    def _on_error(self, error: KafkaError) -> None:
        if not error.fatal():
            call_on(self._loop, self._troubled, error.name(), in_words(error))

    def _refused(self, error: KafkaError) -> WriteError:
        """Before it was sent, so that the limit is ours."""
        refused = _write_error(error)
        limit = (
            f" (dead_letter.max_message_bytes: {self._max_bytes})" if refused.reason == "too_large" else ""
        )
        return WriteError(refused.reason, refused.message + limit)

    def _settle(self, number: int, error: WriteError | None) -> None:
        """Once: what a broken client was asked is answered already."""
        if written := self._unanswered.pop(number, None):
            written(error)


class TopicOfReports:
    """Where the producer of dead letters writes reports."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    def write(self, message: Message, written: Written) -> None:
        """Write; `written` gets None once acknowledged, else WriteError."""
        self._producer.write_to(self._topic, message, written, REPORTS)


def _answer(error: KafkaError, called: str) -> WriteError:
    """Of the broker, so that the limit is the topic's."""
    told = _write_error(error)
    return WriteError(told.reason, told.message + _REMEDIES.get(told.reason, "").format(topic=called))


def _milliseconds(timestamp: float | None) -> int:
    """As Kafka has it; 0 stands for now, as for what lies beyond what it can hold."""
    if timestamp is None or not 0 <= timestamp * 1000 < 2**63:
        return 0
    return round(timestamp * 1000)


def _broken(error: Exception) -> WriteError:
    if isinstance(error, KafkaException):
        told: KafkaError = error.args[0]
        return WriteError(_REASONS.get(told.code(), "broker"), f"{told.name()}: {in_words(told)}")
    return WriteError("broker", str(error))


def _write_error(error: KafkaError) -> WriteError:
    return WriteError(_REASONS.get(error.code(), "broker"), f"{error.name()}: {error.str()}")

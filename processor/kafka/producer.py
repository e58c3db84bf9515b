"""Writes records and waits for the acknowledgement.

Promise: every `write` is answered exactly once on the event loop, unless `fatal` was called, and
with None only after all in-sync replicas have the record. A write that timed out may still arrive:
written again it is there twice, never not at all.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVarTuple

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from processor.errors import WriteError
from processor.kafka.options import LOGGER, producer_options
from processor.kafka.remedies import in_words
from processor.kafka_settings import DeadLetterSettings, KafkaSettings
from processor.model import DeadLetter

POLL_SECONDS = 0.2

Arguments = TypeVarTuple("Arguments")
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
    "too_large": " (max.message.bytes of the dead-letter topic, or message.max.bytes of its broker)",
    "invalid_record": " (a compacted dead-letter topic takes none without a key: set cleanup.policy=delete)",
    "invalid_timestamp": " (beyond message.timestamp.before.max.ms or message.timestamp.after.max.ms of the "
    "dead-letter topic: is the clock here right?)",
}


def _untold(_name: str, _text: str) -> None:
    """Nobody wants to know."""


class Producer:
    """Writes to the dead-letter topic, from `open` to `close`."""

    def __init__(self, kafka: KafkaSettings, dead_letter: DeadLetterSettings) -> None:
        self._topic = dead_letter.topic
        self._max_bytes = dead_letter.max_message_bytes
        self._options = producer_options(kafka, dead_letter)
        self._closing = False

    def open(self, fatal: Callable[[str], None], troubled: Callable[[str, str], object] = _untold) -> None:
        """Connect; answers come on the running loop. `fatal`: no write can succeed any more.

        `troubled` is told what the client goes on from: the name of an error, and a sentence.
        """
        self._loop = asyncio.get_running_loop()
        self._fatal = fatal
        self._troubled = troubled
        options = {**self._options, "error_cb": self._on_error}
        self._client = confluent_kafka.Producer(options, logger=LOGGER)
        self._thread = threading.Thread(target=self._run, name="kafka-producer", daemon=True)
        self._thread.start()

    def write(self, letter: DeadLetter, written: Written) -> None:
        """Write; `written` gets None once acknowledged, else WriteError."""
        try:
            self._client.produce(
                self._topic,
                key=letter.key,
                value=letter.value,
                headers=list(letter.headers),
                timestamp=_milliseconds(letter.timestamp),
                on_delivery=lambda error, _: self._answered(error, written),
            )
        except KafkaException as error:
            self._loop.call_soon(written, self._refused(error.args[0]))
        except BufferError:
            self._loop.call_soon(
                written, WriteError("queue_full", "too many dead letters wait to be written")
            )

    async def close(self, within: float) -> None:
        """Wait up to `within` seconds for what was written, then disconnect."""
        await self._loop.run_in_executor(None, self._client.flush, within)
        self._closing = True
        await self._loop.run_in_executor(None, self._thread.join, within)

    def _run(self) -> None:
        try:
            while not self._closing:
                self._client.poll(POLL_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever ends the thread has to end the process
            self._call(self._fatal, f"the dead-letter producer ended: {_said(error)}")

    def _on_error(self, error: KafkaError) -> None:
        if not error.fatal():
            self._call(self._troubled, error.name(), in_words(error))

    def _refused(self, error: KafkaError) -> WriteError:
        """Before it was sent, so that the limit is ours."""
        refused = _write_error(error)
        limit = (
            f" (dead_letter.max_message_bytes: {self._max_bytes})" if refused.reason == "too_large" else ""
        )
        return WriteError(refused.reason, refused.message + limit)

    def _answered(self, error: KafkaError | None, written: Written) -> None:
        self._call(written, _answer(error) if error else None)

    def _call(self, function: Callable[[*Arguments], object], *args: *Arguments) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody listens any more
            self._loop.call_soon_threadsafe(function, *args)


def _answer(error: KafkaError) -> WriteError:
    """Of the broker, so that the limit is the topic's."""
    told = _write_error(error)
    return WriteError(told.reason, told.message + _REMEDIES.get(told.reason, ""))


def _milliseconds(timestamp: float | None) -> int:
    """As Kafka has it; 0 stands for now, as for what lies beyond what it can hold."""
    if timestamp is None or not 0 <= timestamp * 1000 < 2**63:
        return 0
    return round(timestamp * 1000)


def _said(error: Exception) -> str:
    if isinstance(error, KafkaException):
        return f"{error.args[0].name()}: {in_words(error.args[0])}"
    return str(error)


def _write_error(error: KafkaError) -> WriteError:
    return WriteError(_REASONS.get(error.code(), "broker"), f"{error.name()}: {error.str()}")

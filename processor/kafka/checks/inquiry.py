"""Questions to the brokers while we run: do they know our group protocol, which topics are there.

Promise: nothing is changed by them, and what is not answered is None. They are asked by metadata alone: the
library's admin requests, where they time out, may end the process (librdkafka 4605).
"""

import asyncio
import contextlib
import logging
import re
import threading
from collections.abc import Callable, Collection
from typing import TypeVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from processor.config.kafka import KafkaSettings
from processor.kafka.options import LOGGER, client_options

ANSWER_SECONDS = 10.0

NO_CONSUMER_PROTOCOL = (
    "the brokers do not know kafka.group_protocol `consumer`, which takes Kafka 4.0 or newer: set `classic`"
)
PREVIEW_OF_CONSUMER_PROTOCOL = (
    "the brokers know kafka.group_protocol `consumer` at most as a preview: set `classic`, or use Kafka 4.0 "
    "or newer"
)

_HEARTBEAT = re.compile(r"ApiKey ConsumerGroupHeartbeat \(\d+\) Versions \d+\.\.(\d+)")
_NO_HEARTBEAT = re.compile(r"ConsumerGroupHeartbeat .*NOT supported by broker")

Answer = TypeVar("Answer")


class Inquiry:
    """Asks by clients of its own, in threads that nobody waits for at the end."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka

    async def missing(self, topics: Collection[str]) -> Collection[str] | None:
        """Which of these topics are not there, or may not be seen."""
        known = await apart(lambda: topics_of(AdminClient(client_options(self._kafka), logger=LOGGER)))
        return None if known is None else set(topics) - set(known)

    async def doubt_of_protocol(self) -> str | None:
        """Why our group protocol may not be had here; empty: nothing speaks against it."""
        return await apart(lambda: doubt_of_protocol(self._kafka))


def topics_of(client: AdminClient) -> Collection[str] | None:
    """All topics that may be seen."""
    try:
        return client.list_topics(timeout=ANSWER_SECONDS).topics.keys()
    except KafkaException:
        return None


def doubt_of_protocol(kafka: KafkaSettings) -> str | None:
    """Why the group protocol may not be had; empty: nothing speaks against it; None: not told.

    The library keeps to itself which requests the brokers know, but for its debug lines.
    """
    if kafka.group_protocol == "classic":
        return ""
    lines = Lines()
    client = AdminClient(client_options(kafka) | {"debug": "feature"}, logger=lines)
    if topics_of(client) is None:
        return None
    client.poll(0)
    return doubt_in(lines.said)


def doubt_in(said: Collection[str]) -> str | None:
    """What the library's lines about requests that brokers know tell of it; None: nothing."""
    if any(_NO_HEARTBEAT.search(line) for line in said):
        return NO_CONSUMER_PROTOCOL
    versions = [int(found[1]) for line in said if (found := _HEARTBEAT.search(line))]
    if not versions:
        return None
    return "" if min(versions) > 0 else PREVIEW_OF_CONSUMER_PROTOCOL


class Lines(logging.Logger):
    """Keeps what the library says."""

    def __init__(self) -> None:
        super().__init__("librdkafka.debug", logging.DEBUG)
        self.said: list[str] = []

    def handle(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


async def apart(ask: Callable[[], Answer | None]) -> Answer | None:
    """The answer, from a thread that may still wait for it when the process ends; None: there is none."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Answer | None] = loop.create_future()

    def give(answer: Answer | None) -> None:
        if not answered.done():
            answered.set_result(answer)

    def run() -> None:
        answer = None
        try:
            answer = ask()
        except Exception as error:  # noqa: BLE001 - a client that cannot even be made answers nothing either
            LOGGER.warning("the brokers cannot be asked: %s", error)
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody listens any more
            loop.call_soon_threadsafe(give, answer)

    threading.Thread(target=run, name="kafka-inquiry", daemon=True).start()
    return await answered

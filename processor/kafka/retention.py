"""How long the dead-letter topic keeps what is written to it, as the brokers tell it.

Promise: nothing is changed by asking, and what is not told is taken for short (`UNTOLD_SECONDS`).
"""

import asyncio
import math
import time
from collections.abc import Iterator, Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from processor.config.kafka import KafkaSettings
from processor.core.dead_letter import oldest_time
from processor.kafka.checks.inquiry import ANSWER_SECONDS, apart
from processor.kafka.options import LOGGER, client_options

ASK_SECONDS = 60.0
USUALLY_AHEAD_SECONDS = 3600.0
"""Kafka's own bound from 4.0 on."""


class Retention:
    """Of one topic; `watch` keeps it true."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self._kafka = kafka
        self._topic = topic
        self._kept: float | None = None
        self._client: AdminClient | None = None

    def oldest(self) -> float:
        """The oldest timestamp with which a letter is kept long enough."""
        return oldest_time(self._kept, time.time())

    async def watch(self) -> None:
        """Ask now and then, for ever; what was told holds until something else is."""
        while True:
            if (kept := await apart(self._ask)) is not None:
                self._kept = kept
            await asyncio.sleep(ASK_SECONDS)

    def _ask(self) -> float | None:
        self._client = self._client or AdminClient(client_options(self._kafka), logger=LOGGER)
        resource = ConfigResource(ResourceType.TOPIC, self._topic)
        (answer,) = self._client.describe_configs([resource], request_timeout=ANSWER_SECONDS).values()
        try:
            return kept_seconds({name: entry.value for name, entry in answer.result().items()})
        except KafkaException:
            return None


def bounds_of_time(limits: Mapping[str, str], oldest: float | None) -> Iterator[str]:
    """Which records' times letters cannot have, where records may be so many seconds old (None: not told)."""
    before, after = (_bound(limits, which) for which in ("before", "after"))
    kept = kept_seconds(limits)
    if kept is not None and oldest is not None and kept < oldest:
        yield f"older than {kept / 2:.0f} s (half of its retention.ms)"
    if before is not None and oldest is not None and before < oldest:
        yield f"older than {before:.0f} s (its message.timestamp.before.max.ms)"
    if after is not None and after < USUALLY_AHEAD_SECONDS:
        yield f"more than {after:.0f} s ahead (its message.timestamp.after.max.ms)"


def _bound(limits: Mapping[str, str], which: str) -> float | None:
    if limits.get("message.timestamp.type") == "LogAppendTime":
        return None
    both = seconds_of(limits, "message.timestamp.difference.max.ms")
    one = seconds_of(limits, f"message.timestamp.{which}.max.ms")
    return one if both is None or one is None else min(both, one)


def kept_seconds(limits: Mapping[str, str]) -> float | None:
    """For how long from its timestamp on a topic of this configuration keeps a record; None: not told."""
    is_by_time = "delete" in limits.get("cleanup.policy", "delete")
    if not is_by_time or limits.get("message.timestamp.type") == "LogAppendTime":
        return math.inf
    return seconds_of(limits, "retention.ms")


def seconds_of(limits: Mapping[str, str], name: str) -> float | None:
    """A limit in seconds, endless where there is none; None: not told."""
    if name not in limits:
        return None
    milliseconds = int(limits[name])
    return math.inf if milliseconds < 0 else milliseconds / 1000

"""How long the dead-letter topic is taken to keep a letter: as told, for ever, or for short if not told."""

import asyncio
import contextlib
import math
import time
from uuid import uuid4

import pytest

from processor.config.kafka import KafkaSettings
from processor.core.dead_letter import UNTOLD_SECONDS
from processor.kafka.embedded import EmbeddedBroker
from processor.kafka.retention import Retention, bounds_of_time, kept_seconds
from tests.support.apache_kafka import Broker
from tests.support.patience import PATIENCE


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        ({"retention.ms": "7200000", "cleanup.policy": "delete"}, 7200.0),
        ({"retention.ms": "7200000", "cleanup.policy": "compact,delete"}, 7200.0),
        ({"retention.ms": "-1", "cleanup.policy": "delete"}, math.inf),
        ({"retention.ms": "7200000", "cleanup.policy": "compact"}, math.inf),
        ({"retention.ms": "7200000", "message.timestamp.type": "LogAppendTime"}, math.inf),
        ({}, None),
    ],
)
def test_a_topic_keeps_a_record_from_its_timestamp_on_or_for_ever(
    limits: dict[str, str], kept: float | None
) -> None:
    assert kept_seconds(limits) == kept


@pytest.mark.parametrize(
    ("limits", "oldest", "bounds"),
    [
        ({"retention.ms": "7200000"}, 7200.0, []),
        ({"retention.ms": "7200000"}, 7201.0, ["older than 3600 s (half of its retention.ms)"]),
        ({"retention.ms": "7200000"}, None, []),
        (
            {"message.timestamp.before.max.ms": "60000", "message.timestamp.after.max.ms": "1000"},
            math.inf,
            [
                "older than 60 s (its message.timestamp.before.max.ms)",
                "more than 1 s ahead (its message.timestamp.after.max.ms)",
            ],
        ),
        (
            {"message.timestamp.difference.max.ms": "60000", "message.timestamp.before.max.ms": "90000"},
            math.inf,
            ["older than 60 s (its message.timestamp.before.max.ms)"],
        ),
        ({"message.timestamp.after.max.ms": "3600000"}, math.inf, []),
        ({"message.timestamp.after.max.ms": "1000", "message.timestamp.type": "LogAppendTime"}, math.inf, []),
    ],
)
def test_times_that_letters_cannot_have_are_told_where_records_may_have_them(
    limits: dict[str, str], oldest: float | None, bounds: list[str]
) -> None:
    assert list(bounds_of_time(limits, oldest)) == bounds


async def oldest(servers: str, topic: str) -> float:
    """How long before now the oldest time lies, once a first answer may have come."""
    retention = Retention(KafkaSettings(bootstrap_servers=servers, group_id="g", topics=["t"]), topic)
    watching = asyncio.create_task(retention.watch())
    untold = time.time() - retention.oldest()
    assert untold == pytest.approx(UNTOLD_SECONDS / 2, abs=PATIENCE)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE if topic != "untold" else 1.0):
            while abs(time.time() - retention.oldest() - untold) < 1:
                await asyncio.sleep(0.01)
    watching.cancel()
    return time.time() - retention.oldest()


@pytest.mark.kafka
@pytest.mark.parametrize(("milliseconds", "age"), [("1000000", 500.0), ("-1", math.inf)])
async def test_half_of_what_the_brokers_tell_is_left_to_a_letter(
    apache_kafka: Broker, milliseconds: str, age: float
) -> None:
    topic = f"letters-{uuid4()}"
    apache_kafka.create_topic(topic, config={"retention.ms": milliseconds})
    assert await oldest(apache_kafka.bootstrap_servers, topic) == pytest.approx(age, abs=1)


async def test_a_topic_of_which_nothing_is_told_is_taken_to_keep_letters_for_short() -> None:
    with EmbeddedBroker() as broker:
        found = await oldest(broker.bootstrap_servers, "untold")
    assert found == pytest.approx(UNTOLD_SECONDS / 2, abs=1)

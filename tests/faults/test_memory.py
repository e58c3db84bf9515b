"""Memory stays within what the chart allows, whatever the topic: compressed a hundred times, or all headers.

The endpoint does not answer, so what is read waits. The most resident memory that the process ever had
counts, as the kernel kept it.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.acceptance.conftest import Stage
from tests.acceptance.conftest import stage as stage
from tests.support.endpoint import Arrival, Endpoint, Reply

pytestmark = pytest.mark.kafka

Build = Callable[..., Stage]

MEGABYTE = 1024 * 1024
WAITING = 16 * MEGABYTE
ALLOWED = 256 * MEGABYTE + 4 * WAITING
"""The chart's limit of memory."""
LARGEST = 30 * MEGABYTE
"""What two reads may bring beside what waits: each some of the largest records here, and the bytes before."""


def compressed() -> Iterator[Mapping[str, Any]]:
    """300 MB for 50 partitions, which zstd makes a hundred times smaller."""
    for n in range(3_000):
        noise = os.urandom(500).hex().encode()
        yield {"partition": n % 50, "key": b"k%d" % n, "value": b'{"a":"%s%s"}' % (noise, b"a" * 99_000)}


def headers() -> Iterator[Mapping[str, Any]]:
    """360 MB of headers; the values are nothing."""
    for n in range(400):
        yield {
            "partition": n % 50,
            "key": b"k%d" % n,
            "value": b"{}",
            "headers": [("h", b"h" * 900_000)],
        }


async def silent(_: Arrival) -> Reply:
    """Never answers."""
    await asyncio.Event().wait()
    return Reply()


@pytest.mark.parametrize("topic", [compressed, headers])
async def test_the_memory_of_a_process_stays_below_the_limit_of_the_chart(
    stage: Build, topic: Callable[[], Iterator[Mapping[str, Any]]]
) -> None:
    here = stage(partitions=50)
    produce(here, topic())
    delivery = {"max_waiting_bytes": WAITING}
    async with Endpoint(silent) as endpoint, here.processor(endpoint.url, delivery=delivery) as processor:
        await processor.until("paused_partitions", "bytes", at_least=50)
        assert (await processor.metrics())["waiting_bytes",] < 2 * WAITING + LARGEST
        assert processor.most_memory() < ALLOWED
        await processor.kill()


def produce(stage: Stage, messages: Iterator[Mapping[str, Any]]) -> None:
    """Write them, compressed as well as the library can."""
    producer = Producer(
        {**stage.broker.settings, "compression.type": "zstd", "linger.ms": 50, "log_level": 0}
    )
    for message in messages:
        producer.produce(stage.topic, **message)
        producer.poll(0)
    assert producer.flush(60) == 0

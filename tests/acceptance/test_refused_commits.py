"""What the broker refuses to commit: long metadata, one of two topics, a topic made anew."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

from processor.core.progress.offset_codec import decode
from tests.acceptance.conftest import Stage
from tests.acceptance.processor import Processor
from tests.acceptance.test_nothing_is_lost import number, numbered, repeats, until_all_have_come
from tests.support.apache_kafka import Broker, GuardedBroker, start
from tests.support.endpoint import Arrival, Endpoint, Reply
from tests.support.not_tested import not_tested

pytestmark = pytest.mark.kafka

SESSION_SECONDS = 6
LONGER_THAN_A_LEASE = 2 * SESSION_SECONDS
STANDSTILL = 40
"""Seconds: less than the minute for which a topic stands still that another one stops."""


@pytest.fixture(scope="module")
def strict_kafka() -> Iterator[Broker]:
    """A broker that takes a quarter of the usual metadata."""
    broker = start(properties={"offset.metadata.max.bytes": 1024})
    if broker is None:
        not_tested("with a broker that takes little commit metadata")
    try:
        yield broker
    finally:
        broker.stop()


class Two:
    """A second topic beside that of a stage."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.stage = Stage(broker, folder, 1)
        self.good, self.bad = self.stage.topic, f"bad-{uuid4()}"
        broker.create_topic(self.bad, 2)
        broker.create_topic(self.stage.dead_letters)

    def processor(self, url: str, **kafka: Any) -> Processor:
        settings: dict[str, Any] = {"topics": [self.good, self.bad], **kafka}
        return self.stage.processor(url, kafka=settings)

    def produce(self, topic: str, first: int, end: int) -> None:
        self.stage.broker.produce(topic, numbered(first, end))


async def test_a_broker_that_takes_little_metadata_stops_nothing_and_a_restart_repeats_little(
    strict_kafka: Broker, tmp_path: Path
) -> None:
    here, events = Stage(strict_kafka, tmp_path, 1), 1_300
    strict_kafka.create_topic(here.dead_letters)
    here.produce(numbered(0, events, keys=events))
    finished = [n for n in range(events) if n % 3]

    def script(arrival: Arrival) -> Reply:
        return Reply(200 if number(arrival) % 3 else 503)

    settings: dict[str, dict[str, Any]] = {
        "retry": {"initial_backoff": 3, "max_backoff": 3},
        "circuit": {"enabled": False},
    }
    async with Endpoint(script) as endpoint:
        processor = await here.processor(endpoint.url, **settings).start()
        await processor.until("deliveries_total", "delivered", at_least=len(finished))
        await processor.until("commit_metadata_refusals_total", at_least=1)
        await asyncio.sleep(LONGER_THAN_A_LEASE)
        assert (await processor.page("/readyz"))[0] == 200
        here.produce(numbered(events, events + 1))
        position = here.broker.committed(here.group, here.topic)[0]
        remembered = sum(end - first for first, end in decode(*position))
        assert remembered > len(finished) / 2
        await processor.kill()
        first = set(map(number, endpoint.requests))
        endpoint.requests.clear()
        endpoint.script = lambda _: Reply(200)
        async with here.processor(endpoint.url) as processor:
            await processor.until("committed_offset", "0", here.topic, at_least=events + 1)
            assert await processor.terminate() == 0
        assert first | set(map(number, endpoint.requests)) == set(range(events + 1))
        assert len(set(finished).intersection(map(number, endpoint.requests))) <= len(finished) - remembered
        assert repeats(endpoint) == 0
    assert here.committed() == events + 1


async def goes_on(two: Two, processor: Processor, endpoint: Endpoint, first: int) -> None:
    """Events of the good topic are delivered and committed, for longer than a proof lasts."""
    for n in range(first, first + LONGER_THAN_A_LEASE):
        two.produce(two.good, n, n + 1)
        async with asyncio.timeout(STANDSTILL):
            while n not in map(number, endpoint.requests):
                await asyncio.sleep(0.05)
        await asyncio.sleep(1)
    async with asyncio.timeout(STANDSTILL):
        while two.stage.committed() < first + LONGER_THAN_A_LEASE:
            await asyncio.sleep(0.1)
    assert ("commit_errors_total", two.good) not in await processor.metrics()


async def test_of_two_topics_one_is_deleted_and_the_other_goes_on(
    apache_kafka: Broker, tmp_path: Path
) -> None:
    two = Two(apache_kafka, tmp_path)
    async with Endpoint() as endpoint, two.processor(endpoint.url) as processor:
        two.produce(two.good, 0, 100)
        two.produce(two.bad, 1000, 1100)
        await processor.until("deliveries_total", "delivered", at_least=200)
        apache_kafka.delete_topic(two.bad)
        await goes_on(two, processor, endpoint, 100)
        assert await processor.terminate() == 0


async def test_of_two_topics_one_may_not_be_read_any_more_and_the_other_goes_on(
    guarded_kafka: GuardedBroker, tmp_path: Path
) -> None:
    two = Two(guarded_kafka, tmp_path)
    guarded_kafka.allow(AclOperation.READ, ResourceType.GROUP, two.stage.group)
    for topic in (two.good, two.bad):
        guarded_kafka.allow(AclOperation.READ, ResourceType.TOPIC, topic)
    guarded_kafka.allow(AclOperation.WRITE, ResourceType.TOPIC, two.stage.dead_letters)
    login: dict[str, Any] = {
        "bootstrap_servers": guarded_kafka.guest_settings["bootstrap.servers"],
        "security_protocol": "sasl_plaintext",
        "sasl_mechanism": "PLAIN",
        "sasl_username": guarded_kafka.username,
        "sasl_password": guarded_kafka.password,
    }
    async with Endpoint() as endpoint, two.processor(endpoint.url, **login) as processor:
        two.produce(two.good, 0, 100)
        two.produce(two.bad, 1000, 1100)
        await processor.until("deliveries_total", "delivered", at_least=200)
        guarded_kafka.forbid(AclOperation.READ, ResourceType.TOPIC, two.bad)
        await goes_on(two, processor, endpoint, 100)
        await processor.until("commit_errors_total", two.bad, at_least=1)
        guarded_kafka.allow(AclOperation.READ, ResourceType.TOPIC, two.bad)
        two.produce(two.bad, 1100, 1110)
        await until_all_have_come(endpoint, 200 + LONGER_THAN_A_LEASE + 10)
        await processor.tells("commits are acknowledged again", topic=two.bad)
        assert await processor.terminate() == 0
    assert sum(at for at, _ in guarded_kafka.committed(two.stage.group, two.bad).values()) == 110


async def test_a_topic_made_anew_under_a_running_process_is_delivered_whole(
    apache_kafka: Broker, tmp_path: Path
) -> None:
    here = Stage(apache_kafka, tmp_path, 1)
    apache_kafka.create_topic(here.dead_letters)
    here.produce(numbered(0, 50))
    async with Endpoint() as endpoint, here.processor(endpoint.url) as processor:
        await processor.until("committed_offset", "0", here.topic, at_least=50)
        apache_kafka.delete_topic(here.topic)
        apache_kafka.create_topic(here.topic)
        here.produce(numbered(100, 170))
        await until_all_have_come(endpoint, 120)
        await processor.tells(
            "the topic was deleted and made anew: it is read from its beginning, whatever was committed",
            topic=here.topic,
        )
        await processor.until("committed_offset", "0", here.topic, at_least=70)
        assert await processor.terminate() == 0
    assert here.committed() == 70

"""How far the topics go, as the brokers say it; what cannot be learned is left out and stops nobody."""

import asyncio
from collections.abc import Callable, Iterator
from uuid import uuid4

import confluent_kafka
import pytest

from processor.app import App
from processor.config.kafka import KafkaSettings
from processor.kafka.embedded import EmbeddedBroker
from processor.kafka.partitions import end_offsets
from processor.kafka.partitions.end_offsets import EndOffsets
from processor.model import Partition
from tests.support.apache_kafka import Broker
from tests.support.endpoint import HOST, Endpoint, unused_port
from tests.support.patience import PATIENCE
from tests.unit.test_app import settings

Create = Callable[[str, int], None]


class Site:
    """A broker to ask, and topics to make there."""

    def __init__(self, bootstrap_servers: str, create: Create) -> None:
        self.bootstrap_servers = bootstrap_servers
        self._create = create

    def topic(self, partitions: int) -> str:
        """A new topic."""
        name = f"ends-{uuid4()}"
        self._create(name, partitions)
        return name

    def produce(self, topic: str, partition: int, count: int) -> None:
        """Append records."""
        producer = confluent_kafka.Producer({"bootstrap.servers": self.bootstrap_servers})
        for _ in range(count):
            producer.produce(topic, b"value", partition=partition)
        assert producer.flush(PATIENCE) == 0


def of(bootstrap_servers: str, isolation_level: str = "read_committed") -> EndOffsets:
    """Somebody who asks."""
    said = {"bootstrap_servers": bootstrap_servers, "group_id": "g", "topics": ["t"]}
    return EndOffsets(KafkaSettings.model_validate(said | {"isolation_level": isolation_level}))


async def until(one: EndOffsets, expected: dict[Partition, int]) -> None:
    """Ask until this is the answer; TimeoutError when it never is."""
    async with asyncio.timeout(PATIENCE):
        while await one.measure(expected) != expected:
            continue


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Both brokers, one after the other."""
    if request.param == "embedded":
        with EmbeddedBroker() as embedded:
            yield Site(embedded.bootstrap_servers, embedded.create_topic)
    else:
        apache: Broker = request.getfixturevalue("apache_kafka")
        yield Site(apache.bootstrap_servers, apache.create_topic)


async def test_the_end_is_the_offset_behind_the_last_record(site: Site) -> None:
    first, second = site.topic(2), site.topic(1)
    site.produce(first, 1, 3)
    asked = [Partition(first, 0), Partition(first, 1), Partition(second, 0)]
    one = of(site.bootstrap_servers)
    assert await one.measure(asked) == dict(zip(asked, (0, 3, 0), strict=True))
    site.produce(second, 0, 2)
    assert await one.measure(asked) == dict(zip(asked, (0, 3, 2), strict=True))


async def test_partitions_that_cannot_be_learned_are_left_out(site: Site) -> None:
    known = Partition(site.topic(1), 0)
    asked = [known, known._replace(number=7), Partition(f"missing-{uuid4()}", 0)]
    assert await of(site.bootstrap_servers).measure(asked) == {known: 0}


async def test_nothing_is_asked_where_nothing_is_assigned() -> None:
    assert await of(f"{HOST}:{unused_port()}").measure([]) == {}


async def test_nothing_is_known_while_no_broker_can_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end_offsets, "ANSWER_SECONDS", 0.5)
    async with asyncio.timeout(PATIENCE):
        assert await of(f"{HOST}:{unused_port()}").measure([Partition("events", 0)]) == {}


async def test_a_broker_that_comes_back_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end_offsets, "ANSWER_SECONDS", 0.5)
    with EmbeddedBroker() as broker:
        broker.create_topic("events")
        known = Partition("events", 0)
        one = of(broker.bootstrap_servers)
        await until(one, {known: 0})
        broker.broker_down()
        assert await one.measure([known]) == {}
        broker.broker_up()
        await until(one, {known: 0})


def with_open_transaction(broker: Broker, topic: str) -> confluent_kafka.Producer:
    """Who has written one record to a new topic, and not said yet whether it counts."""
    broker.create_topic(topic)
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": broker.bootstrap_servers, "transactional.id": topic}
    )
    producer.init_transactions(PATIENCE)
    producer.begin_transaction()
    producer.produce(topic, b"{}")
    assert producer.flush(PATIENCE) == 0
    return producer


@pytest.mark.kafka
async def test_records_of_an_open_transaction_count_only_where_they_are_read(apache_kafka: Broker) -> None:
    known = Partition(f"ends-{uuid4()}", 0)
    producer = with_open_transaction(apache_kafka, known.topic)
    committed = of(apache_kafka.bootstrap_servers)
    uncommitted = of(apache_kafka.bootstrap_servers, "read_uncommitted")
    assert await committed.measure([known]) == {known: 0}
    assert await uncommitted.measure([known]) == {known: 1}
    assert await committed.high([known]) == {known: 1}
    producer.abort_transaction(PATIENCE)
    await until(committed, {known: 2})


@pytest.mark.kafka
async def test_a_process_shows_what_an_open_transaction_keeps_from_it_and_for_how_long(
    apache_kafka: Broker,
) -> None:
    topic = f"ends-{uuid4()}"
    producer = with_open_transaction(apache_kafka, topic)
    group = {"KAFKA__TOPICS": topic, "KAFKA__GROUP_ID": topic}
    async with Endpoint() as endpoint:
        app = App(settings(apache_kafka, endpoint.url, **group))
        stop = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(app.run(stop))
        async with asyncio.timeout(PATIENCE):
            while not of_partition(app, topic, "last_stable_offset_still_seconds"):
                await asyncio.sleep(0.05)
            assert of_partition(app, topic, "lag_high_watermark_records") == 1
            assert of_partition(app, topic, "lag_records") == 0
            producer.commit_transaction(PATIENCE)
            await endpoint.received(1)
        stop.set_result(None)
        await running


def of_partition(app: App, topic: str, name: str) -> float | None:
    """What a process shows of the topic's only partition."""
    labels = {"destination": "webhook", "topic": topic, "partition": "0"}
    return app._metrics.registry.get_sample_value(f"webhook_processor_{name}", labels)

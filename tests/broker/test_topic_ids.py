"""Which topics there are, as the brokers say it; who does not answer is not waited for."""

from queue import SimpleQueue
from uuid import uuid4

import pytest

from processor.config.kafka import KafkaSettings
from processor.core.progress.topic_identity import TopicIds
from processor.kafka.embedded import EmbeddedBroker
from processor.kafka.partitions.topic_ids import Registry
from tests.support.apache_kafka import Broker
from tests.support.patience import PATIENCE


def registry(bootstrap_servers: str) -> Registry:
    return Registry(KafkaSettings(bootstrap_servers=bootstrap_servers, group_id="g", topics=["t"]))


@pytest.mark.kafka
def test_a_topic_has_an_id_until_it_is_deleted_and_then_another(apache_kafka: Broker) -> None:
    name, asked = f"ids-{uuid4()}", registry(apache_kafka.bootstrap_servers)
    apache_kafka.create_topic(name)
    first = asked.ask({name}).answer(PATIENCE)[name]
    assert first is not None
    assert len(first) == 16
    assert asked.ask({name}).answer(PATIENCE) == {name: first}
    apache_kafka.delete_topic(name)
    assert asked.ask({name}).answer(PATIENCE) == {name: None}
    apache_kafka.create_topic(name)
    assert asked.ask({name}).answer(PATIENCE)[name] not in (first, None, b"")
    apache_kafka.delete_topic(name)


@pytest.mark.kafka
def test_an_answer_is_told_once_for_all_topics(apache_kafka: Broker) -> None:
    topics = {f"ids-{uuid4()}" for _ in range(3)}
    told: SimpleQueue[TopicIds] = SimpleQueue()
    asked = registry(apache_kafka.bootstrap_servers)
    asked.ask(topics, told.put)
    assert told.get(timeout=PATIENCE) == dict.fromkeys(topics)
    assert told.empty()


def test_a_broker_that_knows_no_ids_is_not_waited_for() -> None:
    with EmbeddedBroker() as broker:
        broker.create_topic("t")
        assert registry(broker.bootstrap_servers).ask({"t"}).answer() == {}


def test_of_no_topics_nothing_is_asked() -> None:
    assert registry("127.0.0.1:1").ask(()).answer(PATIENCE) == {}

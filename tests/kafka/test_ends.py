"""How far the topics go, as the brokers say it."""

from uuid import uuid4

import pytest

from processor.kafka.ends import Ends
from processor.model import Partition
from processor.sections import KafkaSettings
from tests.apache_kafka import Broker

pytestmark = pytest.mark.kafka


def ends_of(broker: Broker) -> Ends:
    return Ends(KafkaSettings(bootstrap_servers=broker.bootstrap_servers, group_id="g", topics=["t"]))


async def test_the_end_is_the_offset_behind_the_last_record(apache_kafka: Broker) -> None:
    topic = f"ends-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    apache_kafka.produce(topic, [(None, b"v", ())] * 3, partition=1)
    asked = [Partition(topic, 0), Partition(topic, 1)]
    assert await ends_of(apache_kafka).measure(asked) == {asked[0]: 0, asked[1]: 3}


async def test_partitions_that_cannot_be_learned_are_left_out(apache_kafka: Broker) -> None:
    topic = f"ends-{uuid4()}"
    apache_kafka.create_topic(topic)
    known = Partition(topic, 0)
    assert await ends_of(apache_kafka).measure([known, Partition(topic, 7)]) == {known: 0}


async def test_nothing_is_asked_where_nothing_is_assigned(apache_kafka: Broker) -> None:
    assert await ends_of(apache_kafka).measure([]) == {}

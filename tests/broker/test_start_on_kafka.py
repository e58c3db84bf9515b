"""Where partitions begin on a real broker: those that appear later lose nothing, and none is replayed."""

import time
from collections.abc import Mapping
from functools import partial
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from processor.core.progress.offset_codec import Marks, encode
from processor.model import Assigned, Partition, Position, Stopped
from tests.broker.batches import Raw, produce
from tests.broker.test_consumer import has_read
from tests.broker.test_source_contract import RealRig
from tests.support.apache_kafka import Broker

pytestmark = pytest.mark.kafka
SOON = {"topic.metadata.refresh.interval.ms": 500}
HOUR = 3600.0


def a_rig(broker: Broker, topic: str, group: str, reset: str) -> RealRig:
    """One that discovers partitions soon."""
    return RealRig(broker.bootstrap_servers, topic, group, reset=reset, client=SOON)


def add_partitions(broker: Broker, topic: str, count: int) -> None:
    """So many, all told."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_partitions([NewPartitions(topic, count)])[topic].result(30)


def aged(*ages: float) -> list[Raw]:
    """Records so many seconds old, numbered."""
    return [Raw(b"%d" % n, timestamp=round((time.time() - age) * 1000)) for n, age in enumerate(ages)]


def starts(rig: RealRig) -> Mapping[Partition, int]:
    """Where partitions were said to begin."""
    return {p: at for event in rig.events if isinstance(event, Assigned) for p, at in event.starts.items()}


def values(rig: RealRig, partition: int) -> list[bytes | None]:
    """What was read of a partition."""
    return [record.value for record in rig.of(partition)]


@pytest.mark.parametrize("reset", ["latest", "2h"])
async def test_a_partition_that_is_added_under_a_running_group_is_read_from_its_start(
    apache_kafka: Broker, reset: str
) -> None:
    topic = f"added-{uuid4()}"
    apache_kafka.create_topic(topic, 1)
    produce(apache_kafka, topic, aged(5 * HOUR, 5 * HOUR))
    rig = a_rig(apache_kafka, topic, f"group-{uuid4()}", reset)
    await rig.start()
    await rig.until(rig.assigned)
    assert starts(rig) == {rig.partitions[0]: 2}
    add_partitions(apache_kafka, topic, 2)
    produce(apache_kafka, topic, aged(9 * HOUR, 0), partition=1)
    await rig.until(lambda: len(rig.of(1)) == 2)
    assert starts(rig)[rig.partitions[1]] == 0
    assert rig.of(0) == []
    await rig.close()


@pytest.mark.parametrize("reset", ["latest", "error"])
async def test_what_was_never_committed_begins_where_the_group_did_and_what_was_added_meanwhile_is_whole(
    apache_kafka: Broker, reset: str
) -> None:
    topic, group = f"never-{uuid4()}", f"group-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    produce(apache_kafka, topic, aged(3 * HOUR))
    produce(apache_kafka, topic, aged(3 * HOUR, 0.5 * HOUR), partition=1)
    metadata, _ = encode(1, (), marks=Marks(since=time.time() - HOUR))
    first = a_rig(apache_kafka, topic, group, "latest")
    await first.start()
    await first.until(first.assigned)
    await first.commit({first.partitions[0]: Position(1, metadata)})
    await first.close()
    add_partitions(apache_kafka, topic, 3)
    produce(apache_kafka, topic, aged(60, 0), partition=2)
    heir = a_rig(apache_kafka, topic, group, reset)
    await heir.start()
    await heir.until(lambda: (len(heir.of(1)), len(heir.of(2))) == (1, 2))
    assert (values(heir, 1), values(heir, 2)) == ([b"1"], [b"0", b"1"])
    assert heir.of(0) == []
    await heir.close()


async def test_a_group_may_start_so_long_ago(apache_kafka: Broker) -> None:
    topic = f"ago-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    produce(apache_kafka, topic, aged(3 * HOUR, HOUR, 0))
    rig = a_rig(apache_kafka, topic, f"group-{uuid4()}", "2h")
    await rig.start()
    await rig.until(partial(has_read, rig, 2))
    assert values(rig, 0) == [b"1", b"2"]
    assert starts(rig) == {rig.partitions[0]: 1, rig.partitions[1]: 0}
    assert not any(isinstance(event, Stopped) for event in rig.events)
    await rig.close()

"""A partition of which it is not known where it begins holds up nothing, and begins once that is known."""

import math
import time
from collections.abc import Callable, Iterator

import confluent_kafka
import pytest
from confluent_kafka import OFFSET_INVALID, TopicPartition

from processor.core.progress.offset_codec import Marks, encode
from processor.kafka.embedded import EmbeddedBroker
from processor.kafka.partitions.fetching import Fetching
from processor.kafka.partitions.pauses import Pauses
from processor.kafka.partitions.records import Records
from processor.kafka.partitions.start_positions import StartPositions
from processor.kafka.partitions.tenures import Tenures
from processor.model import Assigned, Partition, Position, SourceEvent, Troubled
from tests.broker.test_source_contract import RealRig
from tests.broker.test_start_on_kafka import starts
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.slow

SINCE = 1_000_000_000.0
OFFSET_FETCH = 9
"""The protocol's number for it."""


@pytest.fixture
def cluster() -> Iterator[EmbeddedBroker]:
    """Two brokers."""
    with EmbeddedBroker(2) as broker:
        yield broker


def a_topic(cluster: EmbeddedBroker, partitions: int = 6) -> list[Partition]:
    """Partitions of three records each, led by the first broker, but for the last three.

    Whatever the time that is asked for, no record is as late.
    """
    cluster.create_topic("t", partitions)
    made = [Partition("t", number) for number in range(partitions)]
    for each in made:
        cluster.set_leader(*each, 1 if each.number < partitions - 3 else 2)
    append(cluster, *made * 3)
    return made


def append(cluster: EmbeddedBroker, *partitions: Partition) -> None:
    """One record to each."""
    producer = confluent_kafka.Producer({"bootstrap.servers": cluster.bootstrap_servers})
    for partition in partitions:
        producer.produce(partition.topic, b"x", partition=partition.number)
    assert producer.flush(30) == 0


class Reader:
    """What a consumer without a group's rebalances reads, and what it asks meanwhile."""

    def __init__(self, cluster: EmbeddedBroker, setting: str, topics: list[str]) -> None:
        options = {
            "bootstrap.servers": cluster.bootstrap_servers,
            "group.id": "g",
            "enable.auto.commit": False,
        }
        options |= {"auto.offset.reset": "error", "enable.partition.eof": True}
        self.client = confluent_kafka.Consumer(options)
        self.told: list[SourceEvent] = []
        self.read: dict[Partition, list[int]] = {}
        self.beginnings = StartPositions(self.client, topics.__contains__, setting, self.told.append)
        tenures = Tenures()
        self.fetching = Fetching(self.client, tenures, Pauses(self.client), self.beginnings, lambda _: False)
        self.records = Records(
            self.client, tenures, self.fetching, lambda *_: None, lambda _: False, self.told.append
        )

    def until(self, condition: Callable[[], object]) -> None:
        """Read until this holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline
            received = self.records.read(500, 0.05)
            for record in received.records if received else ():
                self.read.setdefault(record.partition, []).append(record.offset)


def test_a_leader_that_is_down_keeps_no_partition_of_others_from_its_place(cluster: EmbeddedBroker) -> None:
    partitions = a_topic(cluster)
    reader = Reader(cluster, "latest", ["t"])
    marked = encode(1, (), marks=Marks(since=SINCE))[0]
    reader.client.commit(offsets=[TopicPartition("t", 0, 1, marked)], asynchronous=False)
    cluster.broker_down(2)
    committed = reader.beginnings.committed([TopicPartition(*each) for each in partitions])
    starts = reader.beginnings.of(partitions, committed)
    assert starts == {partitions[0]: 1, partitions[1]: 3, partitions[2]: 3}
    assert len({event for event in reader.told if isinstance(event, Troubled)}) == len(reader.told) <= 2
    reader.fetching.begin(1, starts, parked=partitions[3:])
    reader.until(lambda: reader.read == {partitions[0]: [1, 2]})
    assert reader.fetching.unknown(math.inf) == frozenset(partitions[3:])
    cluster.broker_up(2)
    again: dict[Partition, int] = {}
    while len(again) < 3:
        committed = reader.beginnings.committed([TopicPartition(*each) for each in partitions[3:]])
        again = reader.beginnings.of(partitions[3:], committed, is_asked=True)
    reader.fetching.begin(2, again)
    assert not reader.fetching.unknown(math.inf)
    append(cluster, *partitions)
    reader.until(lambda: all(reader.read.get(p) == [3] for p in partitions[1:]))
    reader.client.close()


def test_a_read_asks_nothing_of_what_the_library_has_no_offset_of(cluster: EmbeddedBroker) -> None:
    partitions = a_topic(cluster, 5)
    reader = Reader(cluster, "latest", ["elsewhere"])
    reader.fetching.begin(1, {partitions[0]: 0, partitions[1]: OFFSET_INVALID})
    reader.until(lambda: reader.read == {partitions[0]: [0, 1, 2]} and reader.fetching.unknown(math.inf))
    assert reader.fetching.unknown(math.inf) == {partitions[1]}
    assert (reader.told, reader.beginnings.since) == ([], None)
    reader.client.close()


async def test_a_position_that_is_refused_at_first_is_kept_and_told_once_it_is_known(
    cluster: EmbeddedBroker,
) -> None:
    a_topic(cluster, 5)
    rig = RealRig(cluster.bootstrap_servers, "t", "g", reset="latest")
    client = confluent_kafka.Consumer({"bootstrap.servers": cluster.bootstrap_servers, "group.id": "g"})
    marked = encode(1, (), marks=Marks(since=SINCE))[0]
    client.commit(offsets=[TopicPartition("t", 0, 1, marked)], asynchronous=False)
    client.close()
    cluster.push_errors(OFFSET_FETCH, [confluent_kafka.KafkaError.GROUP_AUTHORIZATION_FAILED] * 3)
    await rig.start()
    await rig.until(lambda: len(rig.of(0)) == 2)
    told = [event for event in rig.events if isinstance(event, Assigned)]
    assert [event.positions[rig.partitions[0]] for event in told] == [None, (1, marked)]
    assert told[-1].starts[rig.partitions[1]] == 3
    assert {record.epoch for record in rig.of(0)} == {told[-1].epoch}
    await rig.close()


async def test_a_source_reads_on_while_a_leader_is_down_and_begins_its_partitions_when_it_is_back(
    cluster: EmbeddedBroker,
) -> None:
    partitions = a_topic(cluster, 4)
    rig = RealRig(cluster.bootstrap_servers, "t", "g", reset="latest")
    client = confluent_kafka.Consumer({"bootstrap.servers": cluster.bootstrap_servers, "group.id": "g"})
    marked = encode(1, (), marks=Marks(since=SINCE))[0]
    client.commit(offsets=[TopicPartition("t", 0, 1, marked)], asynchronous=False)
    client.close()
    cluster.broker_down(2)
    await rig.start()
    await rig.until(lambda: len(rig.of(0)) == 2)
    assert await rig.commit({partitions[0]: Position(3, marked)}) == {partitions[0]: None}
    cluster.broker_up(2)
    await rig.until(lambda: starts(rig).keys() == set(partitions))
    append(cluster, *partitions)
    await rig.until(lambda: [record.offset for record in rig.of(1)] == [3])
    assert [record.offset for record in rig.of(0)] == [1, 2, 3]
    await rig.close()

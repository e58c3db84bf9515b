"""A topic that was deleted and made anew is read from its beginning, whatever the group has committed."""

import asyncio
from collections.abc import AsyncIterator
from itertools import chain
from uuid import uuid4

import confluent_kafka
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from processor.core.progress.offset_codec import Marks, Span, cluster_mark, encode, read
from processor.model import Assigned, Identified, MadeAnew, Partition, Position, Received, Stopped, Troubled
from tests.broker.test_source_contract import RealRig
from tests.support.apache_kafka import Broker

pytestmark = pytest.mark.kafka


class Rig(RealRig):
    """One partition is written to; the topic can be made anew."""

    def __init__(self, broker: Broker, topic: str, group: str, reset: str = "earliest") -> None:
        super().__init__(broker.bootstrap_servers, topic, group, reset)
        self.topic = topic
        self._broker = broker

    async def work(self) -> None:
        self.source.identify()
        await asyncio.sleep(0.1)

    def make_anew(self, count: int) -> None:
        """With so many records."""
        self._broker.delete_topic(self.topic)
        self._broker.create_topic(self.topic, 2)
        self.produce(0, count)

    def anew(self) -> list[frozenset[Partition]]:
        """What was told of topics made anew."""
        return [event.partitions for event in self.events if isinstance(event, MadeAnew)]

    def offsets(self) -> list[int]:
        """What came of the written partition since it was assigned last."""
        received = (e.records for e in self.events if isinstance(e, Received))
        records = [record for record in chain(*received) if record.partition == self.partitions[0]]
        return [record.offset for record in records if record.epoch == records[-1].epoch]

    def topic_id(self) -> bytes | None:
        """As it was told last."""
        told = [event.topic_ids for event in self.events if isinstance(event, Identified)]
        return told[-1].get(self.topic) if told else None

    def marked(self, offset: int, topic_id: bytes | None) -> dict[Partition, Position]:
        """A position in the topic of that id."""
        return {self.partitions[0]: Position(offset, encode(offset, (), marks=Marks(topic_id))[0])}


async def test_a_position_copied_from_another_cluster_is_read_on_from_and_nothing_is_finished_beyond_it(
    apache_kafka: Broker,
) -> None:
    topic, group = f"copied-{uuid4()}", f"group-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    rig = Rig(apache_kafka, topic, group)
    rig.produce(0, 10)
    foreign = Marks(b"x" * 16, "crm", 0.0, cluster_mark("another cluster"))
    copied = TopicPartition(topic, 0, 4, encode(4, [Span(6, 9)], marks=foreign)[0])
    with confluent_kafka.Consumer({**apache_kafka.settings, "group.id": group}) as tool:
        tool.commit(offsets=[copied], asynchronous=False)
    await rig.start()
    await rig.until(lambda: len(rig.offsets()) == 6)
    assert (rig.offsets(), rig.anew()) == ([4, 5, 6, 7, 8, 9], [])
    (assigned,) = [event for event in rig.events if isinstance(event, Assigned)]
    assert assigned.positions[rig.partitions[0]] == Position(4)
    admin = AdminClient({"bootstrap.servers": apache_kafka.bootstrap_servers})
    assert assigned.cluster == cluster_mark(admin.describe_cluster().result().cluster_id)
    told = [event.error for event in rig.events if isinstance(event, Troubled)]
    assert told == ["foreign_cluster"]
    await rig.close()


@pytest.fixture
async def rig(apache_kafka: Broker) -> AsyncIterator[Rig]:
    topic = f"anew-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    yield Rig(apache_kafka, topic, f"group-{uuid4()}")
    apache_kafka.delete_topic(topic)


async def read_and_commit(rig: Rig, count: int) -> None:
    rig.produce(0, count)
    await rig.start()
    await rig.until(lambda: len(rig.of(0)) == count and rig.topic_id())
    assert await rig.commit(rig.marked(count, rig.topic_id())) == {rig.partitions[0]: None}


@pytest.mark.parametrize("count", [70, 20], ids=["longer", "shorter"])
async def test_a_topic_made_anew_under_a_running_source_is_read_from_its_beginning(
    rig: Rig, count: int
) -> None:
    await read_and_commit(rig, 50)
    before = rig.topic_id()
    rig.make_anew(count)
    await rig.until(lambda: rig.anew() and rig.offsets() == list(range(count)))
    last = next(event for event in reversed(rig.events) if isinstance(event, Assigned))
    assert last.topic_ids[rig.topic] not in (before, None)
    assert not any(isinstance(event, Stopped) for event in rig.events)
    await rig.close()


async def test_a_topic_made_anew_while_nobody_read_is_read_from_its_beginning_although_it_is_longer(
    rig: Rig, apache_kafka: Broker
) -> None:
    await read_and_commit(rig, 50)
    written = rig.marked(50, rig.topic_id())
    rig.make_anew(70)
    await rig.until(rig.anew)
    assert (await rig.commit(written)).keys() == written.keys()  # as a commit that was late would be
    assert apache_kafka.committed(rig._group, rig.topic)[0][0] == 50
    await rig.close()
    heir = Rig(apache_kafka, rig.topic, rig._group)
    await heir.start()
    await heir.until(lambda: heir.offsets() == list(range(70)))
    assert heir.anew() == [{heir.partitions[0]}]
    assert heir.assigned()[heir.partitions[0]] is None
    await heir.close()


async def test_with_the_setting_error_a_topic_made_anew_is_for_the_operator(
    rig: Rig, apache_kafka: Broker
) -> None:
    await read_and_commit(rig, 50)
    await rig.close()
    rig.make_anew(70)
    heir = Rig(apache_kafka, rig.topic, rig._group, "error")
    foreign = heir.marked(50, b"other than this.")
    offset, metadata = foreign[heir.partitions[0]]
    commit(apache_kafka, rig._group, heir.partitions[0], offset, metadata)
    await heir.start()
    await heir.until(lambda: any(isinstance(event, Stopped) for event in heir.events))
    stopped = next(event for event in heir.events if isinstance(event, Stopped))
    assert "made anew" in stopped.error
    assert heir.of(0) == []
    await heir.close()


async def test_a_position_of_the_same_topic_is_where_the_next_one_starts(
    rig: Rig, apache_kafka: Broker
) -> None:
    await read_and_commit(rig, 50)
    await rig.close()
    rig.produce(0, 20)
    heir = Rig(apache_kafka, rig.topic, rig._group)
    await heir.start()
    await heir.until(lambda: heir.offsets() == list(range(50, 70)))
    assert heir.anew() == []
    position = heir.assigned()[heir.partitions[0]]
    assert position is not None
    assert read(*position).marks.topic_id == heir.topic_id()
    await heir.close()


async def test_that_a_topic_is_away_is_told(rig: Rig, apache_kafka: Broker) -> None:
    await read_and_commit(rig, 5)
    apache_kafka.delete_topic(rig.topic)
    await rig.until(lambda: rig.topic_id() is None)
    await rig.close()
    apache_kafka.create_topic(rig.topic)


def commit(broker: Broker, group: str, partition: Partition, offset: int, metadata: str) -> None:
    place = confluent_kafka.TopicPartition(*partition, offset, metadata)
    with confluent_kafka.Consumer({**broker.settings, "group.id": group, "log_level": 0}) as consumer:
        consumer.commit(offsets=[place], asynchronous=False)

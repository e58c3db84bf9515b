"""What a record holds never ends the source: bytes that no client library writes, on a real broker."""

import time
from functools import partial
from uuid import uuid4

import confluent_kafka
import pytest

from processor.kafka.embedded import EmbeddedBroker
from processor.kafka.partitions.fetching import Fetching
from processor.kafka.partitions.pauses import Pauses
from processor.kafka.partitions.records import Records
from processor.kafka.partitions.start_positions import StartPositions
from processor.kafka.partitions.tenures import Tenures
from processor.model import Partition, Received, Record, Stopped, Unreadable
from tests.broker.batches import Raw, crc32c, produce
from tests.broker.test_consumer import has_read
from tests.broker.test_source_contract import RealRig
from tests.support.apache_kafka import Broker
from tests.support.patience import PATIENCE

NOT_UTF8 = (b"\xff\xfe", b"x")
WARM = 200
ANY_TIME = {"message.timestamp.after.max.ms": str(2**63 - 1)}


def headless(rig: RealRig) -> list[Record]:
    """The records that were told to have lost their headers."""
    return [one for event in rig.events if isinstance(event, Received) for one in event.headless]


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.kafka
async def test_a_header_name_that_is_no_utf8_costs_the_headers_of_its_record_and_nothing_else(
    apache_kafka: Broker,
) -> None:
    topic = f"headers-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    good = Raw(b"good", [(b"own", b"1"), (b"none", None)])
    bad = Raw(b"bad", [*good.headers, NOT_UTF8], key=b"k")
    # Behind so many the interpreter calls what it has often called without looking for a pending error.
    produce(apache_kafka, topic, [good] * WARM + [bad, bad, good, bad])
    rig = RealRig(apache_kafka.bootstrap_servers, topic)
    rig.produce(1, 3)
    await rig.start()
    await rig.until(partial(has_read, rig, WARM + 4, 3))
    read = [(one.value, one.headers) for one in rig.of(0)]
    assert read[WARM:] == [(b"bad", None)] * 2 + [(b"good", (("own", b"1"), ("none", None))), (b"bad", None)]
    assert set(read[:WARM]) == {read[-2]}
    assert headless(rig) == [rig.of(0)[n] for n in (WARM, WARM + 1, WARM + 3)]
    assert rig.of(0)[WARM].key == b"k"
    assert not any(isinstance(event, Stopped) for event in rig.events)
    await rig.close()


def large(broker: Broker, topic: str, size: int) -> None:
    """A small record, one that is large only when unpacked, and another small one."""
    producer = confluent_kafka.Producer(
        {**broker.settings, "compression.type": "zstd", "message.max.bytes": 2 * size}
    )
    for value in (b"small", bytes(size), b"small"):
        producer.produce(topic, value, partition=0)
        assert producer.flush(30) == 0


@pytest.mark.kafka
async def test_a_batch_that_is_too_large_unpacked_is_told_with_its_place_and_holds_no_other_partition(
    apache_kafka: Broker,
) -> None:
    topic, limit = f"large-{uuid4()}", 8 * 1024 * 1024 + 512
    apache_kafka.create_topic(topic, 2)
    large(apache_kafka, topic, 2 * limit)
    rig = RealRig(apache_kafka.bootstrap_servers, topic, client={"receive.message.max.bytes": limit})
    await rig.start()
    await rig.until(lambda: sum(isinstance(event, Unreadable) for event in rig.events) >= 2)
    rig.produce(1, 3)
    await rig.until(partial(has_read, rig, 1, 3))
    told = {event[:3] for event in rig.events if isinstance(event, Unreadable)}
    assert told == {(rig.partitions[0], 1, "_BAD_COMPRESSION")}
    await rig.close()
    heir = RealRig(apache_kafka.bootstrap_servers, topic, client={"receive.message.max.bytes": 4 * limit})
    await heir.start()
    await heir.until(partial(has_read, heir, 3, 3))
    assert not any(isinstance(event, Unreadable) for event in heir.events)
    await heir.close()


@pytest.mark.kafka
@pytest.mark.since("3.6")
async def test_a_timestamp_is_what_was_written_or_none(apache_kafka: Broker) -> None:
    topic = f"timestamps-{uuid4()}"
    apache_kafka.create_topic(topic, 2, ANY_TIME)
    stamps = (-1, -5, 0, 7500, 2**62)
    produce(apache_kafka, topic, [Raw(b"%d" % stamp, timestamp=stamp) for stamp in stamps])
    rig = RealRig(apache_kafka.bootstrap_servers, topic)
    await rig.start()
    await rig.until(partial(has_read, rig, len(stamps)))
    assert [one.timestamp for one in rig.of(0)] == [None, None, 0.0, 7.5, 2**62 / 1000]
    await rig.close()


def test_what_is_told_of_a_log_that_is_over_moves_no_partition_that_began_anew() -> None:
    topic, many, behind = "anew", 12, 1000
    partitions = [Partition(topic, number) for number in range(many)]
    with EmbeddedBroker() as broker:
        broker.create_topic(topic, many)
        producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
        for number in range(many):
            producer.produce(topic, b"new", partition=number)
        assert producer.flush(PATIENCE) == 0
        client = confluent_kafka.Consumer(
            {"bootstrap.servers": broker.bootstrap_servers, "group.id": "g", "auto.offset.reset": "error"}
        )
        beginnings = StartPositions(client, [topic].__contains__, "earliest", lambda _: None)
        anew: list[Partition] = []

        def is_made_anew(partition: Partition) -> bool:
            if anew:
                return False
            anew.extend(partitions)
            fetching.begin_anew(2, partitions, confluent_kafka.OFFSET_BEGINNING)
            return partition in anew

        tenures = Tenures()
        fetching = Fetching(client, tenures, Pauses(client), beginnings, is_made_anew)
        records = Records(client, tenures, fetching, lambda *_: None, is_made_anew, lambda _: None)
        fetching.begin(1, dict.fromkeys(partitions, behind))
        first: dict[Partition, tuple[int, int]] = {}
        deadline = time.monotonic() + PATIENCE
        while len(first) < many and time.monotonic() < deadline:
            fetching.settle(time.monotonic())
            if received := records.read(500, 0.05):
                for one in received.records:
                    first.setdefault(one.partition, (one.epoch, one.offset))
        client.close()
    assert first == dict.fromkeys(partitions, (2, 0))

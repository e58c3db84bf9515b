"""What a record holds never ends the source: bytes that no client library writes, on a real broker."""

from functools import partial
from uuid import uuid4

import confluent_kafka
import pytest

from processor.model import Received, Record, Stopped, Unreadable
from tests.apache_kafka import Broker
from tests.kafka.batches import Raw, crc32c, produce
from tests.kafka.test_consumer import has_read
from tests.kafka.test_source_contract import RealRig

pytestmark = pytest.mark.kafka
NOT_UTF8 = (b"\xff\xfe", b"x")
ANY_TIME = {"message.timestamp.after.max.ms": str(2**63 - 1)}


def headless(rig: RealRig) -> list[Record]:
    """The records that were told to have lost their headers."""
    return [one for event in rig.events if isinstance(event, Received) for one in event.headless]


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283


async def test_a_header_name_that_is_no_utf8_costs_the_headers_of_its_record_and_nothing_else(
    apache_kafka: Broker,
) -> None:
    topic = f"headers-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    good = [(b"own", b"1"), (b"none", None)]
    produce(apache_kafka, topic, [Raw(b"0", good), Raw(b"1", [*good, NOT_UTF8], key=b"k"), Raw(b"2", good)])
    rig = RealRig(apache_kafka.bootstrap_servers, topic)
    rig.produce(1, 3)
    await rig.start()
    await rig.until(partial(has_read, rig, 3, 3))
    assert [(one.value, one.headers) for one in rig.of(0)] == [
        (b"0", (("own", b"1"), ("none", None))),
        (b"1", None),
        (b"2", (("own", b"1"), ("none", None))),
    ]
    assert headless(rig) == [rig.of(0)[1]]
    assert rig.of(0)[1].key == b"k"
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

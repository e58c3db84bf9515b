"""What a record holds never ends the source: bytes that no client library writes, on a real broker."""

from functools import partial
from uuid import uuid4

import pytest

from processor.model import Received, Record, Stopped
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

"""What only the real consumer meets: committed metadata that another client wrote."""

import socket
import struct
from collections import Counter
from collections.abc import Mapping
from functools import partial
from uuid import uuid4

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from processor.config.kafka import KafkaSettings
from processor.kafka.consumer import Consumer
from processor.kafka.partitions import pauses
from processor.kafka.partitions.committer import GONE_MEANWHILE
from processor.model import Missed, Partition, Position, Received, Stopped, Troubled
from tests.broker.test_source_contract import RealRig
from tests.support.apache_kafka import Broker

OFFSET_COMMIT, VERSION = 8, 2


def text(value: str) -> bytes:
    """A string of Kafka's protocol."""
    encoded = value.encode()
    return struct.pack(">h", len(encoded)) + encoded


def commit_as_java_does(broker: Broker, group: str, topic: str, offsets: dict[int, tuple[int, str]]) -> None:
    """Commit with metadata that no NUL ends, by a request of our own.

    https://kafka.apache.org/protocol#The_Messages_OffsetCommit
    """
    partitions = b"".join(
        struct.pack(">iq", number, at) + text(said) for number, (at, said) in offsets.items()
    )
    request = (
        struct.pack(">hhi", OFFSET_COMMIT, VERSION, 1)
        + text("test")
        + text(group)
        + struct.pack(">i", -1)
        + text("")
        + struct.pack(">qi", -1, 1)
        + text(topic)
        + struct.pack(">i", len(offsets))
        + partitions
    )
    host, _, port = broker.bootstrap_servers.partition(",")[0].partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = connection.recv(65536)
    assert answer[-2:] == b"\0\0"


def has_read(rig: RealRig, *counts: int) -> bool:
    """Whether so many records came of each partition."""
    return tuple(len(rig.of(number)) for number in range(len(counts))) == counts


@pytest.mark.kafka
async def test_metadata_of_another_client_is_no_reason_to_stop_and_nothing_is_skipped(
    apache_kafka: Broker,
) -> None:
    topic, group = f"foreign-{uuid4()}", f"group-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    rig = RealRig(apache_kafka.bootstrap_servers, topic, group)
    rig.produce(0, 5)
    rig.produce(1, 5)
    await rig.start()
    await rig.until(lambda: len(rig.of(0)) == len(rig.of(1)) == 5)
    await rig.close()
    for _ in range(3):
        commit_as_java_does(apache_kafka, group, topic, {0: (2, "java"), 1: (3, "")})
        heir = rig.heir()
        await heir.start()
        await heir.until(partial(has_read, heir, 3, 2))
        assert [record.offset for record in heir.of(0)] == [2, 3, 4]
        assert not any(isinstance(event, Stopped) for event in heir.events)
        assert heir.assigned()[heir.partitions[1]] == Position(3)
        await heir.close()


@pytest.mark.kafka
async def test_the_thread_says_that_it_goes_round_also_when_nothing_comes(apache_kafka: Broker) -> None:
    topic = f"idle-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    rig = RealRig(apache_kafka.bootstrap_servers, topic)
    await rig.start()
    await rig.until(lambda: len(rig.assigned()) == 2)
    silences = [rig.source.silence()]

    def is_broken() -> bool:
        silences.append(rig.source.silence())
        return silences[-1] < silences[-2]

    for _ in range(3):
        await rig.until(is_broken)
    assert not any(isinstance(event, Troubled | Stopped) for event in rig.events)
    await rig.close()


@pytest.mark.kafka
async def test_a_partition_that_begins_anew_below_its_committed_offset_ends_the_source_and_skips_nothing(
    apache_kafka: Broker,
) -> None:
    topic, group = f"anew-{uuid4()}", f"group-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    commit_as_java_does(apache_kafka, group, topic, {0: (100, "")})
    rig = RealRig(apache_kafka.bootstrap_servers, topic, group)
    rig.produce(0, 5)
    await rig.start()
    await rig.until(lambda: any(isinstance(event, Stopped) for event in rig.events))
    assert "below its committed offset" in next(e.error for e in rig.events if isinstance(e, Stopped))
    assert rig.of(0) == []


@pytest.mark.kafka
async def test_a_commit_is_answered_in_a_rest_in_which_little_is_read(
    apache_kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pauses, "PATIENCE_SECONDS", 600.0)
    topic = f"rest-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    rig = RealRig(apache_kafka.bootstrap_servers, topic)
    rig.produce(0, 1)
    await rig.start()
    await rig.until(lambda: len(rig.of(0)) == 1)
    rig.source.rest(True)
    rig.produce(0, 5_000)
    answers: list[Mapping[Partition, str | None]] = []
    rig.source.commit(rig.commits({rig.partitions[0]: Position(1)}), answers.append)
    await rig.until(lambda: answers)
    assert answers == [{rig.partitions[0]: None}]
    assert len(rig.of(0)) < 1_000
    rig.source.rest(False)
    await rig.until(lambda: len(rig.of(0)) == 5_001)
    await rig.close()


def retired(broker: Broker, topic: str, before: int) -> None:
    """Retention took the records of the first partition before this offset."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    (low,) = admin.delete_records([TopicPartition(topic, 0, before)]).values()
    assert low.result().low_watermark == before


@pytest.mark.kafka
async def test_records_deleted_before_they_were_read_are_told_and_the_rest_is_read(
    apache_kafka: Broker,
) -> None:
    topic, group = f"retired-{uuid4()}", f"group-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    rig = RealRig(apache_kafka.bootstrap_servers, topic, group)
    rig.produce(0, 10)
    commit_as_java_does(apache_kafka, group, topic, {0: (2, "")})
    retired(apache_kafka, topic, 6)
    await rig.start()
    await rig.until(partial(has_read, rig, 4))
    assert [record.offset for record in rig.of(0)] == [6, 7, 8, 9]
    assert [event for event in rig.events if isinstance(event, Missed)] == [Missed(rig.partitions[0], 2, 6)]
    await rig.close()


@pytest.mark.kafka
@pytest.mark.parametrize(("committed", "why"), [(True, "no longer holds"), (False, "no committed offset")])
async def test_with_the_reset_error_the_source_ends_rather_than_begin_anywhere(
    apache_kafka: Broker, committed: bool, why: str
) -> None:
    topic, group = f"strict-{uuid4()}", f"group-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    rig = RealRig(apache_kafka.bootstrap_servers, topic, group, reset="error")
    rig.produce(0, 10)
    if committed:
        commit_as_java_does(apache_kafka, group, topic, {0: (2, ""), 1: (0, "")})
        retired(apache_kafka, topic, 6)
    await rig.start()
    await rig.until(lambda: any(isinstance(event, Stopped) for event in rig.events))
    assert why in next(event.error for event in rig.events if isinstance(event, Stopped))
    assert rig.of(0) == []


@pytest.mark.kafka
async def test_with_the_reset_latest_a_new_group_begins_at_the_end(apache_kafka: Broker) -> None:
    topic = f"latest-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    rig = RealRig(apache_kafka.bootstrap_servers, topic, reset="latest")
    rig.produce(0, 10)
    await rig.start()
    await rig.until(lambda: rig.ends().get(rig.partitions[0]) == 10)
    rig.produce(0, 1)
    await rig.until(partial(has_read, rig, 1))
    assert [record.offset for record in rig.of(0)] == [10]
    await rig.close()


@pytest.mark.kafka
async def test_a_commit_by_a_loop_that_stood_still_while_the_partition_went_is_not_sent(
    apache_kafka: Broker,
) -> None:
    topic, group = f"stale-{uuid4()}", f"group-{uuid4()}"
    apache_kafka.create_topic(topic, 2)
    rig = RealRig(apache_kafka.bootstrap_servers, topic, group, max_wait=0.5)
    rig.produce(0, 5)
    rig.produce(1, 5)
    await rig.start()
    await rig.until(partial(has_read, rig, 5, 5))
    both = dict.fromkeys(rig.partitions, Position(1))
    assert await rig.commit(both) == dict.fromkeys(both)
    await rig.crowd()
    (rival,) = rig._rivals
    while not (taken := rival.assignment()):
        rival.poll(0.1)
    assert rig.gone() == frozenset()
    (gone,) = (Partition(each.topic, each.partition) for each in taken)
    assert await rig.commit({gone: Position(5)}) == {gone: GONE_MEANWHILE}
    kept = next(partition for partition in rig.partitions if partition != gone)
    assert await rig.commit({kept: Position(4)}) == {kept: None}
    committed = apache_kafka.committed(group, topic)
    assert (committed[gone.number][0], committed[kept.number][0]) == (1, 4)
    rival.close()
    await rig.close()


class Matching(RealRig):
    """Reads whatever begins with the topic's name, which is also how the dead-letter topic is called."""

    def __init__(self, broker: Broker, topic: str, protocol: str) -> None:
        self._protocol = protocol
        super().__init__(broker.bootstrap_servers, topic)

    def _consumer(self) -> Consumer:
        kafka = KafkaSettings(
            bootstrap_servers=self._servers,
            group_id=self._group,
            topics=[f"^{self.partitions[0].topic}.*"],
            group_protocol=self._protocol,
            client={"topic.metadata.refresh.interval.ms": 500},
        )
        return Consumer(kafka, frozenset((f"{self.partitions[0].topic}.dlq",)), max_wait=self._max_wait)

    def counts(self) -> Counter[str]:
        """How many records came of each topic."""
        received = (event.records for event in self.events if isinstance(event, Received))
        return Counter(record.partition.topic for records in received for record in records)

    def told(self) -> list[str]:
        """What trouble there was."""
        return [event.error for event in self.events if isinstance(event, Troubled)]


LETTERS = [(b"k", b"a letter", ())] * 5


@pytest.mark.kafka
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
@pytest.mark.parametrize("is_there", [True, False], ids=["before", "later"])
async def test_a_pattern_reads_no_dead_letter_and_all_else_that_it_matches(
    apache_kafka: Broker, protocol: str, is_there: bool
) -> None:
    topic = f"matching-{uuid4()}"
    letters, more = f"{topic}.dlq", f"{topic}.more"
    apache_kafka.create_topic(topic, 2)
    if is_there:
        apache_kafka.create_topic(letters, 2)
        apache_kafka.produce(letters, LETTERS)
    rig = Matching(apache_kafka, topic, protocol)
    await rig.start()
    rig.produce(0, 3)
    await rig.until(lambda: rig.counts()[topic] == 3)
    if not is_there:
        apache_kafka.create_topic(letters, 2)
        apache_kafka.produce(letters, LETTERS)
    apache_kafka.create_topic(more, 2)
    apache_kafka.produce(more, [(b"k", b"{}", ())] * 5)
    await rig.until(lambda: rig.counts()[more] == 5)
    told = ["own_topic"] if protocol == "consumer" else []
    await rig.until(lambda: rig.told() == told)
    rig.produce(1, 3)
    await rig.until(lambda: rig.counts()[topic] == 6)
    positions = dict.fromkeys(rig.assigned(), Position(1))
    assert await rig.commit(positions) == dict.fromkeys(positions)
    await rig.close()
    assert set(rig.counts()) == {topic, more} == {partition.topic for partition in rig.assigned()}
    assert (rig.told(), apache_kafka.committed(rig._group, letters)) == (told, {})

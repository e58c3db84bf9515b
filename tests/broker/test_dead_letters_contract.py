"""What every writer of dead letters promises the delivery: the fake one, and the real one on both brokers."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import confluent_kafka
import pytest
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

from processor.config.kafka import DeadLetterSettings, KafkaSettings
from processor.core.dead_letter import DeadLetterPolicy, Failure
from processor.errors import WriteError
from processor.kafka import producer
from processor.kafka.embedded import EmbeddedBroker
from processor.kafka.producer import Producer
from processor.model import DeadLetter, Record
from processor.telemetry.metrics import ProcessMetrics
from processor.traffic.undelivered.dead_letters import Letters
from processor.traffic.written.writing import Topic
from tests.support.builders import record
from tests.support.fakes import FakeDeadLetters, VirtualClock
from tests.support.patience import PATIENCE

LETTER = DeadLetter(b"k", b"v", (("first", b"1"), ("none", None), ("first", b"2")))
PRODUCE = 0
"""The number of the produce request in Kafka's protocol."""
OUT_OF_ORDER_SEQUENCE = 45
DAY = 86_400.0
OFFSET = "__connect.errors.offset"


class FakeRig:
    """The fake."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.writer: FakeDeadLetters = FakeDeadLetters(self.clock)

    async def work(self) -> None:
        self.clock.run()

    def read(self) -> list[DeadLetter]:
        return self.writer.letters

    async def close(self) -> None:
        """Nothing to close."""


class RealRig:
    """The real one."""

    def __init__(
        self, bootstrap_servers: str, topic: str, login: dict[str, str] | None = None, **settings: int
    ) -> None:
        self._servers = bootstrap_servers
        self._topic = topic
        self.troubles: list[tuple[str, str]] = []
        said = {"bootstrap_servers": bootstrap_servers, "group_id": "g", "topics": ["t"], **(login or {})}
        kafka = KafkaSettings.model_validate(said)
        self.writer: Producer = Producer(kafka, DeadLetterSettings(topic=topic, write_timeout=2, **settings))
        self.writer.open(lambda error, text: self.troubles.append((error, text)))

    async def work(self) -> None:
        await asyncio.sleep(0.005)

    def read(self) -> list[DeadLetter]:
        return [
            DeadLetter(message.key(), message.value(), tuple(message.headers() or ()))  # type: ignore[arg-type]
            for message in self._messages()
        ]

    def times(self) -> list[int]:
        """When they were, in milliseconds."""
        return [message.timestamp()[1] for message in self._messages()]

    def _messages(self) -> list[confluent_kafka.Message]:
        reader = confluent_kafka.Consumer(
            {"bootstrap.servers": self._servers, "group.id": "r", "enable.partition.eof": True}
        )
        reader.assign([confluent_kafka.TopicPartition(self._topic, 0, 0)])
        messages = []
        while (message := reader.poll(20)) is not None and message.error() is None:
            messages.append(message)
        reader.close()
        return messages

    async def close(self) -> None:
        await self.writer.close(10)


Rig = FakeRig | RealRig


@pytest.fixture(params=["fake", "embedded", pytest.param("apache", marks=pytest.mark.kafka)])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    topic = f"letters-{uuid4()}"
    if request.param == "fake":
        yield FakeRig()
    elif request.param == "embedded":
        with EmbeddedBroker() as broker:
            broker.create_topic(topic)
            yield RealRig(broker.bootstrap_servers, topic)
    else:
        apache = request.getfixturevalue("apache_kafka")
        apache.create_topic(topic)
        yield RealRig(apache.bootstrap_servers, topic)


async def write(rig: Rig, letter: DeadLetter) -> list[WriteError | None]:
    """Write and wait for the answers."""
    answers: list[WriteError | None] = []
    writer: Topic = rig.writer
    writer.write(letter, answers.append)
    assert answers == []
    async with asyncio.timeout(PATIENCE):
        while not answers:
            await rig.work()
    return answers


async def test_a_letter_is_acknowledged_once_and_can_be_read_as_it_was_written(rig: Rig) -> None:
    assert await write(rig, LETTER) == [None]
    assert rig.read() == [LETTER]
    await rig.close()


async def test_a_letter_without_key_value_and_headers_is_written_as_such(rig: Rig) -> None:
    assert await write(rig, DeadLetter(None, None, ())) == [None]
    assert rig.read() == [DeadLetter(None, None, ())]
    await rig.close()


async def test_many_letters_are_all_acknowledged(rig: Rig) -> None:
    answers: list[WriteError | None] = []
    for n in range(500):
        rig.writer.write(LETTER._replace(value=str(n).encode()), answers.append)
    async with asyncio.timeout(PATIENCE):
        while len(answers) < 500:
            await rig.work()
    assert set(answers) == {None}
    assert [letter.value for letter in rig.read()] == [str(n).encode() for n in range(500)]
    await rig.close()


async def test_a_letter_larger_than_the_limit_is_refused_as_too_large() -> None:
    with EmbeddedBroker() as broker:
        broker.create_topic("letters")
        rig = RealRig(broker.bootstrap_servers, "letters", max_message_bytes=2000)
        (error,) = await write(rig, LETTER._replace(value=b"x" * 3000))
        assert error is not None
        assert error.reason == "too_large"
        assert "dead_letter.max_message_bytes: 2000" in error.message
        await rig.close()


@pytest.mark.kafka
async def test_a_letter_that_the_topic_finds_too_large_is_refused_as_too_large(
    request: pytest.FixtureRequest,
) -> None:
    broker = request.getfixturevalue("apache_kafka")
    topic = f"letters-{uuid4()}"
    broker.create_topic(topic, config={"max.message.bytes": "2000", "compression.type": "uncompressed"})
    rig = RealRig(broker.bootstrap_servers, topic)
    (error,) = await write(rig, LETTER._replace(value=uuid4().bytes * 1000))
    assert error is not None
    assert error.reason == "too_large"
    assert "max.message.bytes of the dead-letter topic" in error.message
    await rig.close()


@pytest.mark.kafka
async def test_small_letters_are_not_too_large_together(request: pytest.FixtureRequest) -> None:
    broker = request.getfixturevalue("apache_kafka")
    topic = f"letters-{uuid4()}"
    broker.create_topic(topic, config={"max.message.bytes": "20000", "compression.type": "uncompressed"})
    rig = RealRig(broker.bootstrap_servers, topic)
    assert await write(rig, LETTER) == [None]
    answers: list[WriteError | None] = []
    for n in range(100):
        rig.writer.write(LETTER._replace(value=NOISE[n : n + 1000]), answers.append)
    async with asyncio.timeout(PATIENCE):
        while len(answers) < 100:
            await rig.work()
    assert set(answers) == {None}
    await rig.close()


@pytest.mark.kafka
async def test_a_topic_that_is_missing_is_named_and_found_when_it_appears(
    request: pytest.FixtureRequest,
) -> None:
    broker = request.getfixturevalue("apache_kafka")
    topic = f"letters-{uuid4()}"
    rig = RealRig(broker.bootstrap_servers, topic)
    (error,) = await write(rig, LETTER)
    assert error is not None
    assert error.reason == "unknown_topic"
    broker.create_topic(topic)
    while await write(rig, LETTER) != [None]:
        continue
    assert rig.read() == [LETTER]
    await rig.close()


async def test_a_broker_that_is_down_is_a_write_that_timed_out() -> None:
    with EmbeddedBroker() as broker:
        broker.create_topic("letters")
        rig = RealRig(broker.bootstrap_servers, "letters")
        assert await write(rig, LETTER) == [None]
        broker.broker_down(1)
        (error,) = await write(rig, LETTER)
        assert error is not None
        assert error.reason == "timed_out"
        broker.broker_up(1)
        while await write(rig, LETTER) != [None]:
            continue
        await rig.close()


async def test_a_producer_that_can_write_no_more_says_so_and_is_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(producer, "RENEW_SECONDS", 0.1)
    with EmbeddedBroker() as broker:
        broker.create_topic("letters")
        rig = RealRig(broker.bootstrap_servers, "letters")
        assert await write(rig, LETTER) == [None]
        broker.push_errors(PRODUCE, [OUT_OF_ORDER_SEQUENCE])
        (error,) = await write(rig, LETTER)
        assert error is not None
        assert "OUT_OF_ORDER_SEQUENCE" in error.message
        assert rig.writer.fault() == error.message
        assert [name for name, _ in rig.troubles] == ["dead_letter_producer"]
        assert await write(rig, LETTER) == [error]
        async with asyncio.timeout(PATIENCE):
            while rig.writer.fault():
                await rig.work()
        assert await write(rig, LETTER) == [None]
        assert rig.read()[-1] == LETTER
        await rig.close()


async def test_a_client_that_cannot_be_made_anew_is_tried_again_until_it_can(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(producer, "RENEW_SECONDS", 0.05)
    certificates = tmp_path / "ca.pem"
    with EmbeddedBroker() as broker:
        broker.create_topic("letters")
        rig = RealRig(broker.bootstrap_servers, "letters")
        assert await write(rig, LETTER) == [None]
        whole = dict(rig.writer._options)
        rig.writer._options |= {"security.protocol": "ssl", "ssl.ca.location": str(certificates)}
        broker.push_errors(PRODUCE, [OUT_OF_ORDER_SEQUENCE])
        assert await write(rig, LETTER) != [None]
        async with asyncio.timeout(PATIENCE):
            while "ssl.ca.location" not in (rig.writer.fault() or ""):
                await rig.work()
        (error,) = await write(rig, LETTER)
        assert error is not None
        rig.writer._options = whole
        async with asyncio.timeout(PATIENCE):
            while rig.writer.fault():
                await rig.work()
        assert await write(rig, LETTER) == [None]
        await rig.close()


@pytest.mark.kafka
async def test_who_may_write_nowhere_writes_nothing_and_goes_on_when_the_right_is_given(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "RENEW_SECONDS", 0.1)
    broker = request.getfixturevalue("guarded_kafka")
    topic = f"letters-{uuid4()}"
    broker.create_topic(topic)
    broker.forbid_everywhere(AclOperation.WRITE, ResourceType.TOPIC)
    login = {
        "security_protocol": "sasl_plaintext",
        "sasl_mechanism": "PLAIN",
        "sasl_username": broker.username,
        "sasl_password": broker.password,
    }
    rig = RealRig(broker.guest_settings["bootstrap.servers"], topic, login=login)
    async with asyncio.timeout(PATIENCE):
        while not rig.writer.fault():
            await rig.work()
    assert "grant Write on the dead-letter topic" in (rig.writer.fault() or "")
    (error,) = await write(rig, LETTER)
    assert error is not None
    assert error.reason == "not_authorized"
    broker.allow(AclOperation.WRITE, ResourceType.TOPIC, topic)
    async with asyncio.timeout(PATIENCE):
        while rig.writer.fault() or await write(rig, LETTER) != [None]:
            await rig.work()
    assert {letter.value() for letter in broker.read_all(topic)} == {LETTER.value}
    broker.forbid(AclOperation.WRITE, ResourceType.TOPIC, topic)
    await rig.close()


COMPACTED = {"cleanup.policy": "compact"}
SMALL = {"max.message.bytes": "2000", "compression.type": "uncompressed"}
NOISE = b"".join(sha256(bytes([n])).digest() for n in range(200))
LARGE = record(7, b"k", NOISE, timestamp=1_600_000_000.123)
KEYLESS = record(7, None, b"{}", timestamp=1_600_000_000.123)
FAILURE = Failure("refused", "the endpoint answered 400", "TASK_PUT", "x")


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("config", "ours", "subject", "reason", "found"),
    [
        (SMALL, 10_000, LARGE, "too_large", (b"k", None)),
        ({}, 2_000, LARGE, "too_large", (b"k", None)),
        (COMPACTED, 10_000, KEYLESS, "invalid_record", (b"events/0/7", b"{}")),
    ],
    ids=["the topic's limit", "our limit", "compacted"],
)
async def test_a_letter_that_can_never_be_written_is_held_or_by_setting_written_with_less(
    request: pytest.FixtureRequest,
    config: dict[str, str],
    ours: int,
    subject: Record,
    reason: str,
    found: tuple[bytes | None, bytes | None],
) -> None:
    broker = request.getfixturevalue("apache_kafka")
    topic = f"letters-{uuid4()}"
    broker.create_topic(topic, config=config)
    rig = RealRig(broker.bootstrap_servers, topic, max_message_bytes=ours)
    for may_reduce in (False, True):
        metrics, ends = ProcessMetrics("test"), list[str]()
        letters = Letters(
            DeadLetterPolicy("crm", "g", "1", may_reduce=may_reduce),
            rig.writer,
            asyncio.get_running_loop(),
            lambda: 0.5,
            metrics,
        )
        letter = letters.write(
            subject, FAILURE, partial(ends.append, "written"), partial(ends.append, "held")
        )
        async with asyncio.timeout(30):
            while not ends:
                await rig.work()
        letter.give_up()
        assert ends == ["written" if may_reduce else "held"]
        failed = metrics.registry.get_sample_value(
            "webhook_processor_dead_letter_write_failures_total", {"destination": "test", "reason": reason}
        )
        assert (failed or 0) == (not may_reduce)
    (one,) = broker.read_all(topic)
    assert (one.key(), one.value()) == found
    assert (one.timestamp()[1] == 1_600_000_000_123) == (reason == "too_large")
    await rig.close()


async def test_a_letter_has_its_own_time_or_that_of_the_write() -> None:
    with EmbeddedBroker() as broker:
        broker.create_topic("letters")
        rig = RealRig(broker.bootstrap_servers, "letters")
        for timestamp in (1_600_000_000.123, None, -1.0, 1e18):
            assert await write(rig, LETTER._replace(timestamp=timestamp)) == [None]
        times = rig.times()
        assert times[0] == 1_600_000_000_123
        assert min(times[1:]) > 1_700_000_000_000
        await rig.close()


@pytest.mark.since("3.6")
@pytest.mark.kafka
async def test_letters_whose_times_the_topic_does_not_take_are_written_at_once_and_hold_no_other(
    request: pytest.FixtureRequest,
) -> None:
    broker = request.getfixturevalue("apache_kafka")
    topic, now = f"letters-{uuid4()}", time.time()
    bounds = dict.fromkeys(("before", "after"), "3600000")
    broker.create_topic(topic, config={f"message.timestamp.{name}.max.ms": ms for name, ms in bounds.items()})
    rig = RealRig(broker.bootstrap_servers, topic)
    metrics, ends = ProcessMetrics("test"), list[str]()
    letters = Letters(
        DeadLetterPolicy("crm", "g", "1"), rig.writer, asyncio.get_running_loop(), lambda: 0.5, metrics
    )
    times = [now, now + 2 * DAY, now - 1, now - 2 * DAY, now - 2]
    for n, at in enumerate(times):
        letters.write(
            record(n, timestamp=at), FAILURE, partial(ends.append, "written"), partial(ends.append, "held")
        )
    async with asyncio.timeout(PATIENCE):
        while len(ends) < len(times):
            await rig.work()
    assert ends == ["written"] * len(times)
    found = {int(dict(each.headers())[OFFSET]): each.timestamp()[1] / 1000 for each in broker.read_all(topic)}
    assert [abs(found[n] - at) < 0.002 for n, at in enumerate(times)] == [True, False, True, False, True]
    assert all(abs(at - now) < 3600 for at in found.values())
    told = metrics.registry.get_sample_value(
        "webhook_processor_source_errors_total", {"destination": "test", "error": "dead_letter_time"}
    )
    assert told == 2
    await rig.close()


@pytest.mark.since("3.6")
@pytest.mark.kafka
async def test_a_time_that_the_topic_does_not_take_is_told_as_such(request: pytest.FixtureRequest) -> None:
    broker = request.getfixturevalue("apache_kafka")
    topic = f"letters-{uuid4()}"
    broker.create_topic(topic, config={"message.timestamp.before.max.ms": "1000"})
    rig = RealRig(broker.bootstrap_servers, topic)
    (error,) = await write(rig, LETTER._replace(timestamp=1_600_000_000.0))
    assert error is not None
    assert error.reason == "invalid_timestamp"
    assert await write(rig, LETTER) == [None]
    await rig.close()

"""A few records of a topic are read as they stand there, and nobody in the group notices."""

import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from confluent_kafka.admin import AdminClient

from processor.config.kafka import KafkaSettings
from processor.core.progress.start import policy_of
from processor.errors import FatalError
from processor.kafka.checks import stored as module
from processor.kafka.checks.sample import At, sample
from processor.model import Partition, Record
from tests.broker.batches import Raw, produce
from tests.support.apache_kafka import Broker
from tests.support.endpoint import HOST, unused_port
from tests.unit.cli.typing import asked

pytestmark = pytest.mark.kafka

NOW = 1_790_000_000.0
GROUP = "that-nobody-may-notice"


@pytest.fixture
def topic(apache_kafka: Broker) -> str:
    """Two partitions of six records in turn, a second apart, `0` the oldest; the last has headers."""
    name = f"sampled-{uuid4()}"
    apache_kafka.create_topic(name, 3)
    for partition in (0, 1):
        numbers = range(partition, 6, 2)
        made = [Raw(b"%d" % n, timestamp=round((NOW + n) * 1000)) for n in numbers]
        produce(apache_kafka, name, made, partition)
    return name


def settings(servers: str, **more: Any) -> KafkaSettings:
    return KafkaSettings.model_validate(
        {"bootstrap_servers": servers, "group_id": GROUP, "topics": ["events"], **more}
    )


def values(broker: Broker, topic: str, count: int, at: At = None) -> list[bytes | None]:
    """What is read, in its order."""
    found = sample(settings(broker.bootstrap_servers), topic, count, at, NOW + 6)
    return [record.value for record in found]


@pytest.mark.parametrize(
    ("count", "at", "expected"),
    [
        (2, None, [b"4", b"5"]),
        (100, None, [b"0", b"1", b"2", b"3", b"4", b"5"]),
        (2, policy_of("earliest"), [b"0", b"1"]),
        (100, 2, [b"4", b"5"]),
        (1, 1, [b"2"]),
        (100, 3, []),
        (2, policy_of("3s"), [b"3", b"4"]),
        (9, policy_of("2000-01-01T00:00:00Z"), [b"0", b"1", b"2", b"3", b"4", b"5"]),
        (9, policy_of("2100-01-01T00:00:00Z"), []),
    ],
)
def test_it_is_the_newest_or_the_first_from_a_place_on(
    apache_kafka: Broker, topic: str, count: int, at: At, expected: list[bytes]
) -> None:
    assert values(apache_kafka, topic, count, at) == expected


def test_a_record_is_as_it_stands_there_and_no_group_is_made(apache_kafka: Broker) -> None:
    topic = f"sampled-{uuid4()}"
    apache_kafka.create_topic(topic, 1)
    apache_kafka.produce(topic, [(b"\xff", None, [("h", b"\x00"), ("none", None)])])
    (found,) = sample(settings(apache_kafka.bootstrap_servers), topic, 5, None, time.time())
    assert found.timestamp is not None
    expected = Record(
        Partition(topic, 0), 0, b"\xff", None, (("h", b"\x00"), ("none", None)), found.timestamp, 0
    )
    assert found == expected
    admin = AdminClient({"bootstrap.servers": apache_kafka.bootstrap_servers})
    assert GROUP not in [each.group_id for each in admin.list_consumer_groups().result(30).valid]


def test_a_topic_that_is_not_there_is_told_and_not_made(apache_kafka: Broker) -> None:
    topic = f"nowhere-{uuid4()}"
    with pytest.raises(FatalError, match=f"topic {topic}: is not there"):
        values(apache_kafka, topic, 1)
    assert (
        topic not in AdminClient({"bootstrap.servers": apache_kafka.bootstrap_servers}).list_topics().topics
    )


def test_a_broker_that_is_away_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 1.0)
    with pytest.raises(FatalError, match=r"\w"):
        sample(settings(f"{HOST}:{unused_port()}"), "events", 1, None, NOW)


def test_preview_shows_what_records_of_a_topic_would_become(
    apache_kafka: Broker, topic: str, tmp_path: Path
) -> None:
    file = tmp_path / "settings.yaml"
    said = {
        "kafka": {"bootstrap_servers": apache_kafka.bootstrap_servers, "group_id": GROUP, "topics": [topic]},
        "dead_letter": {"topic": "letters"},
        "destination": {"url": "https://h.example/base"},
    }
    file.write_text(yaml.safe_dump(said), encoding="utf-8")
    done = asked("preview", "-c", str(file), "--from", topic, "--count", "9", "--at", "2")
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    places = [(each["topic"], each["partition"], each["offset"], each["body"]) for each in shown]
    assert places == [(topic, 0, 2, "4"), (topic, 1, 2, "5")]
    assert asked("preview", "-c", str(file), "--from", "no-such").returncode == 1
    assert asked("preview", "-c", str(file), "--from", topic, "--at", "latest").returncode == 2

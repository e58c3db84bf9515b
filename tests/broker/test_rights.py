"""What `check --connect` says of rights that are missing, of the group, and of the dead-letter topic."""

from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

from processor.config.kafka import DeadLetterSettings, KafkaSettings
from processor.core.progress import offset_codec
from processor.core.progress.offset_codec import Marks
from processor.kafka.checks import check as module
from processor.kafka.checks.check import probe
from processor.kafka.checks.rights import COMPACTED, ONE_OF_A_KEY, SHARED
from tests.support.apache_kafka import Broker, GuardedBroker, SecureBroker, until

pytestmark = pytest.mark.kafka


def faults(servers: str, topic: str, group: str, reports: str | None = None, **more: Any) -> dict[str, str]:
    """What is found to be wrong, with its remedy."""
    said = {"bootstrap_servers": servers, "group_id": group, "topics": [topic]}
    letters = DeadLetterSettings(topic=f"{topic}.dlq")
    found = probe(KafkaSettings.model_validate(said | more), letters, "crm", reports)
    return {finding.what: finding.detail for finding in found if not finding.ok}


@pytest.fixture
def topic(apache_kafka: Broker) -> str:
    """A topic and one for its dead letters."""
    name = f"rights-{uuid4()}"
    apache_kafka.create_topic(name)
    apache_kafka.create_topic(f"{name}.dlq")
    return name


def test_each_right_that_is_missing_is_told_with_its_remedy(guarded_kafka: GuardedBroker) -> None:
    topic, group = f"rights-{uuid4()}", f"group-{uuid4()}"
    reports = f"{topic}.reports"
    for name in (topic, f"{topic}.dlq", reports):
        guarded_kafka.create_topic(name)
        guarded_kafka.allow(AclOperation.DESCRIBE, ResourceType.TOPIC, name)
    login = {
        "security_protocol": "sasl_plaintext",
        "sasl_mechanism": "PLAIN",
        "sasl_username": guarded_kafka.username,
        "sasl_password": guarded_kafka.password,
    }
    where = guarded_kafka.guest_settings["bootstrap.servers"]
    assert {
        what: detail.partition(": ")[2]
        for what, detail in faults(where, topic, group, reports, **login).items()
    } == {
        f"topic {topic}": "grant Read on it",
        f"a fetch of {topic}/0": "Broker: Topic authorization failed: grant Read on the topic",
        f"group {group}": "grant Read on it",
        f"dead-letter topic {topic}.dlq": "grant Write on it",
        f"topic of reports {reports}": "grant Write on it",
    }
    guarded_kafka.allow(AclOperation.READ, ResourceType.TOPIC, topic)
    guarded_kafka.allow(AclOperation.READ, ResourceType.GROUP, group)
    guarded_kafka.allow(AclOperation.WRITE, ResourceType.TOPIC, f"{topic}.dlq")
    assert faults(where, topic, group, **login) == {}


def test_a_group_that_members_of_another_kind_hold_is_told_with_who_they_are(
    apache_kafka: Broker, topic: str
) -> None:
    group = f"group-{uuid4()}"
    rival = Consumer(
        {
            **apache_kafka.settings,
            "group.id": group,
            "client.id": "rival",
            "partition.assignment.strategy": "range",
        }
    )
    rival.subscribe([topic])
    until(lambda: rival.poll(0.1) is None and bool(rival.assignment()), "the rival's share")
    (detail,) = faults(apache_kafka.bootstrap_servers, topic, group).values()
    rival.close()
    assert detail.startswith(
        "is held by rival at 127.0.0.1 with `range`: members that do not know cooperative"
    )
    assert faults(apache_kafka.bootstrap_servers, topic, group) == {}


def test_a_dead_letter_topic_that_forgets_letters_is_told(apache_kafka: Broker) -> None:
    topic = f"rights-{uuid4()}"
    apache_kafka.create_topic(topic)
    apache_kafka.create_topic(f"{topic}.dlq", config={"cleanup.policy": "compact"})
    found = faults(apache_kafka.bootstrap_servers, topic, f"group-{uuid4()}")
    assert found == {f"dead-letter topic {topic}.dlq": COMPACTED}


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (None, (False, "is not there, or may not be seen: create it, or grant Write on it")),
        ({}, (True, "1 partitions")),
        ({"cleanup.policy": "compact"}, (True, f"1 partitions; {ONE_OF_A_KEY}")),
        (
            {"max.message.bytes": "1000"},
            (False, "takes 1000 bytes: set max.message.bytes to 4096 or more"),
        ),
    ],
    ids=["missing", "there", "compacted", "small"],
)
def test_whether_reports_can_be_written_is_told(
    apache_kafka: Broker, topic: str, config: dict[str, str] | None, told: tuple[bool, str]
) -> None:
    reports = f"{topic}.reports"
    if config is not None:
        apache_kafka.create_topic(reports, config=config)
    kafka = {"bootstrap_servers": apache_kafka.bootstrap_servers, "group_id": topic, "topics": [f"^{topic}"]}
    letters = DeadLetterSettings(topic=f"{topic}.dlq")
    found = {each.what: each for each in probe(KafkaSettings.model_validate(kafka), letters, None, reports)}
    one = found[f"topic of reports {reports}"]
    assert (one.ok, one.detail) == told
    assert found[f"topics ^{topic}"].detail == "1 match"


@pytest.mark.since("3.6")
def test_times_that_a_dead_letter_topic_does_not_keep_are_told(apache_kafka: Broker) -> None:
    topic = f"rights-{uuid4()}"
    apache_kafka.create_topic(topic)
    short = {"retention.ms": "3600000", "message.timestamp.before.max.ms": "60000"}
    apache_kafka.create_topic(f"{topic}.dlq", config=short)
    for timestamp in ("record", "now"):
        said = {
            "bootstrap_servers": apache_kafka.bootstrap_servers,
            "group_id": f"{topic}",
            "topics": [topic],
        }
        letters = DeadLetterSettings.model_validate({"topic": f"{topic}.dlq", "timestamp": timestamp})
        *_, found = probe(KafkaSettings.model_validate(said), letters)
        assert found.ok
        assert ("older than 1800 s" in found.detail, "older than 60 s" in found.detail) == (
            timestamp == "record",
            timestamp == "record",
        )


def test_another_destination_that_commits_in_the_group_is_named(apache_kafka: Broker, topic: str) -> None:
    group = f"group-{uuid4()}"
    with Consumer({**apache_kafka.settings, "group.id": group}) as consumer:
        for name in ("crm", "erp"):
            metadata, _ = offset_codec.encode(0, [], marks=Marks(destination=name))
            consumer.commit(offsets=[TopicPartition(topic, 0, 0, metadata)], asynchronous=False)
            found = faults(apache_kafka.bootstrap_servers, topic, group)
            assert found == ({} if name == "crm" else {f"group {group}": f"destination erp {SHARED}"})


def test_a_listener_that_speaks_another_protocol_is_told_as_such(
    secure_kafka: SecureBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 3.0)
    (detail,) = faults(secure_kafka.servers("SSL"), "events", "g").values()
    assert "security_protocol" in detail

"""What a look at the broker finds, and says, before anything is read."""

from uuid import uuid4

import pytest

from processor.kafka.embedded import EmbeddedBroker
from processor.kafka.probe import probe
from processor.sections import DeadLetterSettings, KafkaSettings
from tests.apache_kafka import Broker, SecureBroker
from tests.endpoint import unused_port


def found(
    bootstrap_servers: str, topics: list[str], dead_letters: str, **more: object
) -> list[tuple[bool, str]]:
    """Whether, and what, for the brokers, every topic and the dead-letter topic."""
    kafka = KafkaSettings.model_validate(
        {"bootstrap_servers": bootstrap_servers, "group_id": "g", "topics": topics, **more}
    )
    return [(finding.ok, finding.detail) for finding in probe(kafka, DeadLetterSettings(topic=dead_letters))]


def test_topics_that_are_there_are_told_with_their_partitions() -> None:
    with EmbeddedBroker() as broker:
        broker.create_topic("events", 3)
        broker.create_topic("events.dlq", 1)
        assert found(broker.bootstrap_servers, ["events", "^ev.*s$"], "events.dlq") == [
            (True, "1 in the cluster"),
            (True, "3 partitions"),
            (True, "1 match"),
            (True, "1 partitions"),
        ]


@pytest.mark.kafka
def test_topics_that_are_missing_are_told_with_a_remedy(apache_kafka: Broker) -> None:
    missing = f"missing-{uuid4()}"
    brokers, topic, pattern, dead_letters = found(
        apache_kafka.bootstrap_servers, [missing, f"^{missing}.*"], f"{missing}.dlq"
    )
    assert (brokers[0], topic[0], pattern, dead_letters[0]) == (True, False, (False, "0 match"), False)
    assert "create it" in dead_letters[1]


def test_brokers_that_cannot_be_reached_are_the_only_finding() -> None:
    ((ok, detail),) = found(f"127.0.0.1:{unused_port()}", ["events"], "events.dlq")
    assert not ok
    assert detail


@pytest.mark.kafka
@pytest.mark.parametrize("right", [True, False])
def test_a_login_is_tried(secure_kafka: SecureBroker, *, right: bool) -> None:
    brokers, *_ = found(
        secure_kafka.bootstrap_servers,
        ["events"],
        "events.dlq",
        security_protocol="sasl_ssl",
        ssl_ca_file=str(secure_kafka.ca_file),
        sasl_mechanism="PLAIN",
        sasl_username=secure_kafka.username,
        sasl_password=secure_kafka.password if right else "wrong",
    )
    assert brokers[0] is right
    assert right or "uthentication" in brokers[1]

"""What a look at the broker finds, and says, before anything is read; nothing is created by it."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient

from processor.config.kafka import DeadLetterSettings, KafkaSettings
from processor.kafka.checks import check as module
from processor.kafka.checks import rights
from processor.kafka.checks.check import probe
from processor.kafka.checks.inquiry import NO_CONSUMER_PROTOCOL, PREVIEW_OF_CONSUMER_PROTOCOL
from processor.kafka.embedded import EmbeddedBroker
from processor.model import Finding
from tests.support.apache_kafka import Broker, SecureBroker
from tests.support.endpoint import HOST, unused_port
from tests.support.patience import PATIENCE

WRONG = "hunter2-correct-horse"

Place = tuple[str, Callable[[str, int], None]]

CONSUMER_GROUP_HEARTBEAT = 68
"""The number of that request in Kafka's protocol."""


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedBroker]:
    """A broker that does not answer who asks for rights, and is not waited for long."""
    monkeypatch.setattr(rights, "ANSWER_SECONDS", 3.0)
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Both brokers, one after the other: where they listen, and how a topic is made."""
    if request.param == "embedded":
        embedded: EmbeddedBroker = request.getfixturevalue("embedded")
        yield embedded.bootstrap_servers, embedded.create_topic
    else:
        apache: Broker = request.getfixturevalue("apache_kafka")
        yield apache.bootstrap_servers, apache.create_topic


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what will not be answered."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 1.5)


Patiently = Callable[[Callable[[], list[Finding]]], Finding]


@pytest.fixture
def patiently(monkeypatch: pytest.MonkeyPatch) -> Patiently:
    """For what is answered, and in vain: it is waited for to the end, for longer only where it has to be."""

    def ask(one: Callable[[], list[Finding]], seconds: float = 6.0) -> Finding:
        monkeypatch.setattr(module, "ANSWER_SECONDS", seconds)
        (finding,) = one()
        return ask(one, 2 * seconds) if finding.is_away and seconds < PATIENCE / 4 else finding

    return ask


def look(bootstrap_servers: str, topics: list[str], dead_letters: str, **more: Any) -> list[Finding]:
    """What is found for the brokers, every topic and the dead-letter topic, the group aside."""
    least = {"bootstrap_servers": bootstrap_servers, "group_id": "g", "topics": topics}
    letters = DeadLetterSettings(topic=dead_letters, max_message_bytes=1_000_000)
    return [
        each for each in probe(KafkaSettings.model_validate(least | more), letters) if each.what != "group g"
    ]


def found(bootstrap_servers: str, topics: list[str], dead_letters: str) -> list[tuple[bool, str]]:
    """The same, without what it is about."""
    return [(finding.ok, finding.detail) for finding in look(bootstrap_servers, topics, dead_letters)]


def test_topics_that_are_there_are_told_with_their_partitions(place: Place) -> None:
    servers, create = place
    topic = f"probe-{uuid4()}"
    create(topic, 3)
    create(f"{topic}.dlq", 1)
    assert look(servers, [topic, f"^{topic}$"], f"{topic}.dlq") == [
        Finding(f"brokers {servers}", True, "1 in the cluster"),
        Finding(f"topic {topic}", True, "3 partitions"),
        Finding(f"topics ^{topic}$", True, "1 match"),
        Finding(f"dead-letter topic {topic}.dlq", True, "1 partitions"),
    ]


def test_a_pattern_that_matches_the_dead_letter_topic_alone_matches_nothing(place: Place) -> None:
    servers, create = place
    topic = f"probe-{uuid4()}"
    create(f"{topic}.dlq", 1)
    assert found(servers, [f"^{topic}.*"], f"{topic}.dlq")[1] == (False, "0 match")


def test_topics_that_are_missing_are_told_with_a_remedy_and_not_created(place: Place) -> None:
    servers, _ = place
    missing = f"missing-{uuid4()}"
    brokers, topic, pattern, dead_letters = found(servers, [missing, f"^{missing}.*"], f"{missing}.dlq")
    assert (brokers[0], topic[0], pattern, dead_letters[0]) == (True, False, (False, "0 match"), False)
    assert "create it" in dead_letters[1]
    known = AdminClient({"bootstrap.servers": servers}).list_topics(timeout=10).topics
    assert not [name for name in known if name.startswith(missing)]


def test_patterns_that_cannot_be_read_are_findings_and_no_crash(embedded: EmbeddedBroker) -> None:
    patterns = ["^(", "^[z-a]", "^[[:none:]]"]
    embedded.create_topic("events")
    _, *topics, _ = look(embedded.bootstrap_servers, patterns, "events.dlq")
    assert [(each.what, each.ok) for each in topics] == [(f"topics {each}", False) for each in patterns]


@pytest.mark.parametrize(("newest", "told"), [(0, PREVIEW_OF_CONSUMER_PROTOCOL), (-1, NO_CONSUMER_PROTOCOL)])
def test_brokers_that_are_too_old_for_the_group_protocol_are_told_with_the_remedy(
    embedded: EmbeddedBroker, newest: int, told: str
) -> None:
    embedded.know(CONSUMER_GROUP_HEARTBEAT, newest)
    for topic in ("events", "events.dlq"):
        embedded.create_topic(topic)
    seen = look(embedded.bootstrap_servers, ["events"], "events.dlq", group_protocol="consumer")
    assert [finding.detail for finding in seen if not finding.ok] == [told]


def test_what_only_brokers_can_match_is_told_as_not_known(embedded: EmbeddedBroker) -> None:
    embedded.create_topic("events")
    looked = look(embedded.bootstrap_servers, ["^nothing"], "events.dlq", group_protocol="consumer")
    (finding,) = (each for each in looked if each.what == "topics ^nothing")
    assert (finding.ok, "not known here" in finding.detail) == (True, True)


@pytest.mark.usefixtures("impatient")
def test_brokers_that_cannot_be_reached_are_the_only_finding_and_the_reason_is_told() -> None:
    servers = f"{HOST}:{unused_port()}"
    (finding,) = look(servers, ["events"], "events.dlq")
    assert (finding.what, finding.ok, finding.is_away) == (f"brokers {servers}", False, True)
    assert "Connection refused" in finding.detail


def secured(broker: SecureBroker, **more: str) -> list[Finding]:
    """What is found at a broker that wants TLS and a password."""
    said = {
        "security_protocol": "sasl_ssl",
        "ssl_ca_file": str(broker.ca_file),
        "sasl_mechanism": "PLAIN",
        "sasl_username": broker.username,
        "sasl_password": broker.password,
    }
    return look(broker.bootstrap_servers, ["events"], "events.dlq", **said | more)


@pytest.mark.kafka
@pytest.mark.parametrize(
    "mechanism", ["PLAIN", pytest.param("SCRAM-SHA-512", marks=pytest.mark.since("3.5"))]
)
def test_a_login_with_the_right_password_sees_the_topics(secure_kafka: SecureBroker, mechanism: str) -> None:
    brokers, topic, dead_letters = secured(secure_kafka, sasl_mechanism=mechanism)
    assert (brokers.ok, brokers.detail) == (True, "1 in the cluster")
    assert (topic.ok, dead_letters.ok) == (False, False)


@pytest.mark.kafka
def test_a_login_with_a_wrong_password_is_told_as_such_and_the_password_is_not(
    secure_kafka: SecureBroker, patiently: Patiently
) -> None:
    finding = patiently(lambda: secured(secure_kafka, sasl_password=WRONG))
    assert (finding.ok, finding.is_away) == (False, False)
    assert "uthentication" in finding.detail
    assert WRONG not in finding.detail


@pytest.mark.kafka
def test_a_broker_whose_certificate_nobody_vouches_for_is_told_as_such(
    secure_kafka: SecureBroker, patiently: Patiently
) -> None:
    said = {
        "security_protocol": "sasl_ssl",
        "sasl_mechanism": "PLAIN",
        "sasl_username": secure_kafka.username,
        "sasl_password": secure_kafka.password,
    }
    finding = patiently(lambda: look(secure_kafka.bootstrap_servers, ["events"], "events.dlq", **said))
    assert (finding.ok, finding.is_away) == (False, False)
    assert "certificate" in finding.detail


@pytest.mark.kafka
def test_a_client_certificate_is_a_login(secure_kafka: SecureBroker) -> None:
    brokers, *_ = look(
        secure_kafka.servers("SSL"),
        ["events"],
        "events.dlq",
        security_protocol="ssl",
        ssl_ca_file=str(secure_kafka.ca_file),
        ssl_certificate_file=str(secure_kafka.client_file),
        ssl_key_file=str(secure_kafka.client_file),
    )
    assert brokers.ok

"""The Apache Kafka that the tests start: it does what a test may rely on."""

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import pytest
import trustme
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

from tests.support.apache_kafka import Broker, Cluster, GuardedBroker, SecureBroker, until

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
# offset.metadata.max.bytes is 4,096; it counts UTF-16 units, and confluent_kafka sends a NUL behind the text.
METADATA_CHARACTERS = 4095
ORPHAN = """
import os, signal
from tests.support.apache_kafka import Cluster, start
broker = start()
if isinstance(broker, Cluster):
    print(broker.folder, broker.bootstrap_servers.split(":")[1], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
ONE_TEST = f"{__file__}::test_ends_are_told_for_every_partition"


@pytest.fixture
def topic(apache_kafka: Broker) -> Iterator[str]:
    """A topic of two partitions."""
    name = f"topic-{uuid4()}"
    apache_kafka.create_topic(name, partitions=2)
    yield name
    apache_kafka.delete_topic(name)


def commit(broker: Broker, group: str, position: TopicPartition) -> list[TopicPartition] | None:
    with Consumer({**broker.settings, "group.id": group, "log_level": 0}) as consumer:
        return consumer.commit(offsets=[position], asynchronous=False)


def test_records_are_read_back_as_they_were_written(apache_kafka: Broker, topic: str) -> None:
    apache_kafka.produce(topic, [(b"key", b"value", [("name", b"x"), ("empty", None)])], partition=1)
    apache_kafka.produce(topic, [(None, None, ())], partition=0)
    tombstone, record = apache_kafka.read_all(topic)
    assert (tombstone.partition(), tombstone.key(), tombstone.value()) == (0, None, None)
    assert (record.partition(), record.key(), record.value()) == (1, b"key", b"value")
    assert record.headers() == [("name", b"x"), ("empty", None)]


def test_ends_are_told_for_every_partition(apache_kafka: Broker, topic: str) -> None:
    apache_kafka.produce(topic, [(None, b"", ())] * 3, partition=1)
    assert apache_kafka.end_offsets(topic) == {0: 0, 1: 3}


def test_a_topic_that_nobody_created_does_not_appear_by_itself(apache_kafka: Broker) -> None:
    with pytest.raises(KafkaException, match="UNKNOWN_TOPIC"):
        apache_kafka.produce(f"nobody-{uuid4()}", [(None, b"", ())])


def test_a_record_that_is_not_acknowledged_is_told(apache_kafka: Broker) -> None:
    name = f"small-{uuid4()}"
    apache_kafka.create_topic(name, config={"max.message.bytes": "100"})
    with pytest.raises(KafkaException, match="MSG_SIZE_TOO_LARGE"):
        apache_kafka.produce(name, [(None, b"x" * 1000, ())])


def test_a_group_that_has_committed_nothing_has_no_positions(apache_kafka: Broker, topic: str) -> None:
    assert apache_kafka.committed(f"group-{uuid4()}", topic) == {}


def test_commit_metadata_is_kept_up_to_4095_characters(apache_kafka: Broker, topic: str) -> None:
    group, metadata = f"group-{uuid4()}", "m" * METADATA_CHARACTERS
    commit(apache_kafka, group, TopicPartition(topic, 1, 7, metadata))
    assert apache_kafka.committed(group, topic) == {1: (7, metadata)}


def test_commit_metadata_of_4096_characters_is_refused(apache_kafka: Broker, topic: str) -> None:
    group = f"group-{uuid4()}"
    with pytest.raises(KafkaException) as refused:
        commit(apache_kafka, group, TopicPartition(topic, 1, 7, "m" * (METADATA_CHARACTERS + 1)))
    assert refused.value.args[0].code() == KafkaError.OFFSET_METADATA_TOO_LARGE
    assert apache_kafka.committed(group, topic) == {}


@pytest.mark.parametrize(
    "mechanism", ["PLAIN", pytest.param("SCRAM-SHA-512", marks=pytest.mark.since("3.5"))]
)
def test_a_secure_broker_lets_the_right_password_in(secure_kafka: SecureBroker, mechanism: str) -> None:
    assert brokers({**secure_kafka.settings, "sasl.mechanism": mechanism})


@pytest.mark.parametrize(
    "mechanism", ["PLAIN", pytest.param("SCRAM-SHA-512", marks=pytest.mark.since("3.5"))]
)
def test_a_secure_broker_refuses_a_wrong_password(secure_kafka: SecureBroker, mechanism: str) -> None:
    wrong = {"sasl.mechanism": mechanism, "sasl.password": "guessed"}
    await_error({**secure_kafka.settings, **wrong}, "_AUTHENTICATION")


def test_a_secure_broker_lets_its_own_certificates_in(secure_kafka: SecureBroker) -> None:
    assert brokers(secure_kafka.certificate_settings)


def test_a_secure_broker_refuses_a_certificate_of_another_authority(
    secure_kafka: SecureBroker, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().issue_cert("tester@example.org").private_key_and_cert_chain_pem.write_to_path(str(stranger))
    files = {"ssl.certificate.location": str(stranger), "ssl.key.location": str(stranger)}
    await_error({**secure_kafka.certificate_settings, **files}, "bad certificate")


def test_a_client_refuses_a_secure_broker_of_another_authority(
    secure_kafka: SecureBroker, tmp_path: Path
) -> None:
    authority = tmp_path / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    await_error({**secure_kafka.settings, "ssl.ca.location": str(authority)}, "_SSL")


def test_a_secure_broker_is_used_like_any_other(secure_kafka: SecureBroker) -> None:
    secure_kafka.create_topic("secrets")
    secure_kafka.produce("secrets", [(None, b"secret", ())])
    assert [message.value() for message in secure_kafka.read_all("secrets")] == [b"secret"]


def test_a_guest_may_do_what_he_was_allowed_until_it_is_taken_back(guarded_kafka: GuardedBroker) -> None:
    name = f"guarded-{uuid4()}"
    guarded_kafka.create_topic(name)
    guest = AdminClient({**guarded_kafka.guest_settings, "log_level": 0})

    def seen() -> bool:
        return name in guest.list_topics(timeout=30).topics

    assert not seen()
    guarded_kafka.allow(AclOperation.READ, ResourceType.TOPIC, name)
    until(seen, "the right to see a topic")
    guarded_kafka.forbid(AclOperation.READ, ResourceType.TOPIC, name)
    until(lambda: not seen(), "the end of that right")


@pytest.mark.long
@pytest.mark.parametrize("older_kafka", ["3.3.2", "3.9.1"], indirect=True)
def test_a_broker_of_an_older_version_is_used_like_any_other(older_kafka: Broker) -> None:
    older_kafka.create_topic("old")
    older_kafka.produce("old", [(None, b"value", ())])
    assert [message.value() for message in older_kafka.read_all("old")] == [b"value"]


@pytest.mark.long
def test_a_cluster_keeps_what_was_acknowledged_while_one_of_its_nodes_was_dead(
    kafka_cluster: Cluster,
) -> None:
    kafka_cluster.create_topic("deaths", partitions=3)
    kafka_cluster.kill(1)
    kafka_cluster.produce("deaths", [(b"%d" % number, b"", ()) for number in range(100)])
    kafka_cluster.restart(1)
    kafka_cluster.kill(2)
    found = kafka_cluster.read_all("deaths")
    kafka_cluster.restart(2)
    assert {message.key() for message in found} >= {b"%d" % number for number in range(100)}


@pytest.mark.long
def test_a_paused_node_is_silent_until_it_is_resumed(kafka_cluster: Cluster) -> None:
    second = {"bootstrap.servers": kafka_cluster.servers("PLAINTEXT").split(",")[1]}
    kafka_cluster.pause(2)
    with pytest.raises(KafkaException):
        brokers(second, seconds=0.5)
    kafka_cluster.resume(2)
    assert brokers(second)


def test_no_broker_outlives_a_test_process_that_was_killed() -> None:
    process = subprocess.run([sys.executable, "-c", ORPHAN], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    folder, port = (process.stdout or "/nowhere 0").split()
    until(lambda: not Path(folder).exists(), "the removal of the broker's files")
    until(lambda: not listens(int(port)), "the end of the broker")


def test_where_kafka_cannot_be_had_one_line_says_what_was_not_tested() -> None:
    finished = run_where_nothing_is_installed()
    assert finished.returncode == 0
    assert finished.stdout.count("\nNOT TESTED: with Apache Kafka: no Java 17; no Docker engine") == 1


def test_where_kafka_cannot_be_had_continuous_integration_fails() -> None:
    assert run_where_nothing_is_installed(CI="true").returncode == 1


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def brokers(settings: Mapping[str, str], seconds: float = 30.0) -> set[int]:
    return set(AdminClient({**settings, "log_level": 0}).list_topics(timeout=seconds).brokers)


def await_error(settings: Mapping[str, str], words: str) -> None:
    """Wait until a client with these settings is told an error with these words in its name or text."""
    errors: list[KafkaError] = []
    client = Producer({**settings, "log_level": 0, "error_cb": errors.append})

    def told() -> bool:
        client.poll(0)
        return any(words in f"{error.name()}: {error.str()}" for error in errors)

    until(told, words)


def run_where_nothing_is_installed(**variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "--noconftest", ONE_TEST]
    return subprocess.run(command, cwd=ROOT, env={"PATH": "", **variables}, stdout=subprocess.PIPE, text=True)

"""The broker inside this process: enough of Kafka for the demo and for quick tests."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.errors import FatalError
from processor.kafka import embedded
from processor.kafka.embedded import EmbeddedBroker
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.slow

PRODUCE = 0  # the protocol's number of the request

Running = EmbeddedBroker | embedded._Configured


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """One broker."""
    with EmbeddedBroker() as running:
        yield running


def settings(broker: Running, **more: str | int | bool) -> dict[str, str | int | float | bool]:
    named = {name.replace("_", "."): value for name, value in more.items()}
    return {"bootstrap.servers": broker.bootstrap_servers, "log_level": 0, **named}


def write(broker: EmbeddedBroker, topic: str, partition: int, value: bytes) -> None:
    producer = Producer(settings(broker))
    producer.produce(topic, value, partition=partition)
    assert producer.flush(PATIENCE) == 0


def read(consumer: Consumer, count: int) -> list[Message]:
    found = consumer.consume(count, PATIENCE)
    assert [message.error() for message in found] == [None] * count
    return found


def partitions(broker: Running, topic: str) -> set[int]:
    return set(AdminClient(settings(broker)).list_topics(topic, timeout=PATIENCE).topics[topic].partitions)


def answers(broker: Running) -> bool:
    try:
        return bool(AdminClient(settings(broker)).list_topics(timeout=2).brokers)
    except KafkaException:
        return False


def test_a_member_of_a_group_reads_what_was_produced(broker: EmbeddedBroker) -> None:
    broker.create_topic("events")
    write(broker, "events", 0, b"value")
    with Consumer(settings(broker, group_id="group", auto_offset_reset="earliest")) as consumer:
        consumer.subscribe(["events"])
        assert [message.value() for message in read(consumer, 1)] == [b"value"]


def test_a_topic_has_the_partitions_that_were_asked_for(broker: EmbeddedBroker) -> None:
    broker.create_topic("events", partitions=7)
    assert partitions(broker, "events") == set(range(7))


def test_records_stay_in_their_partitions(broker: EmbeddedBroker) -> None:
    broker.create_topic("events", partitions=3)
    for number in range(3):
        write(broker, "events", number, b"%d" % number)
    with Consumer(settings(broker, group_id="group")) as consumer:
        consumer.assign([TopicPartition("events", number, 0) for number in range(3)])
        found = {message.partition(): message.value() for message in read(consumer, 3)}
    assert found == {0: b"0", 1: b"1", 2: b"2"}


def test_committed_metadata_is_returned(broker: EmbeddedBroker) -> None:
    broker.create_topic("events")
    with Consumer(settings(broker, group_id="group")) as consumer:
        consumer.commit(offsets=[TopicPartition("events", 0, 5, "finished")], asynchronous=False)
    with Consumer(settings(broker, group_id="group")) as consumer:
        (position,) = consumer.committed([TopicPartition("events", 0)], PATIENCE)
    assert (position.offset, position.metadata) == (5, "finished")


def test_a_broker_that_is_down_refuses_and_keeps_its_records_until_it_is_up(broker: EmbeddedBroker) -> None:
    broker.create_topic("events")
    write(broker, "events", 0, b"before")
    broker.broker_down()
    assert not answers(broker)
    broker.broker_up()
    assert answers(broker)
    with Consumer(settings(broker, group_id="group")) as consumer:
        consumer.assign([TopicPartition("events", 0, 0)])
        assert [message.value() for message in read(consumer, 1)] == [b"before"]


def test_pushed_errors_are_answered_once_each(broker: EmbeddedBroker) -> None:
    broker.create_topic("events")
    failures: list[KafkaError | None] = []
    producer = Producer(settings(broker))
    broker.push_errors(PRODUCE, [KafkaError.MSG_SIZE_TOO_LARGE])
    for _ in range(2):
        producer.produce("events", b"value", partition=0, on_delivery=lambda error, _: failures.append(error))
        producer.flush(PATIENCE)
    assert [error and error.code() for error in failures] == [KafkaError.MSG_SIZE_TOO_LARGE, None]


def test_responses_wait_for_the_round_trip(broker: EmbeddedBroker) -> None:
    broker.round_trip(60_000)
    assert not answers(broker)
    broker.round_trip(0)
    assert answers(broker)


def test_a_partition_is_led_by_the_broker_that_was_set() -> None:
    with EmbeddedBroker(brokers=2) as two:
        two.create_topic("events")
        for leader in (1, 2):
            two.set_leader("events", 0, leader)
            found = AdminClient(settings(two)).list_topics("events", timeout=PATIENCE)
            assert found.topics["events"].partitions[0].leader == leader


def test_two_brokers_know_nothing_of_each_other() -> None:
    with EmbeddedBroker() as first, EmbeddedBroker() as second:
        first.create_topic("events", partitions=2)
        second.create_topic("events", partitions=3)
        assert (partitions(first, "events"), partitions(second, "events")) == ({0, 1}, {0, 1, 2})


def test_a_closed_broker_refuses_clients_and_calls(broker: EmbeddedBroker) -> None:
    broker.close()
    broker.close()
    assert not answers(broker)
    with pytest.raises(FatalError, match="closed"):
        broker.create_topic("events")


def test_what_the_mock_cluster_refuses_is_told(broker: EmbeddedBroker) -> None:
    broker.create_topic("events")
    with pytest.raises(FatalError, match="already exists"):
        broker.create_topic("events")
    with pytest.raises(FatalError, match="not available"):
        broker.broker_down(9)


def test_what_would_abort_the_process_is_refused_before(broker: EmbeddedBroker) -> None:
    with pytest.raises(FatalError, match="at least one partition, not 0"):
        broker.create_topic("events", partitions=0)
    with pytest.raises(FatalError, match="at least one broker, not 0"):
        EmbeddedBroker(brokers=0)


def test_without_the_functions_of_librdkafka_there_still_is_a_broker() -> None:
    plain = embedded._Configured(1)
    plain.create_topic("events", partitions=9, replicas=1)
    assert partitions(plain, "events") == {0, 1, 2, 3}
    with pytest.raises(FatalError, match="needs the C functions"):
        plain.call("broker_set_down", 1)
    plain.close()
    assert not answers(plain)

"""A look at the broker before anything is read: can it be reached, are the topics there."""

import re
from collections.abc import Iterator

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata  # type: ignore[attr-defined]

from processor.kafka.options import LOGGER, client_options
from processor.kafka_settings import DeadLetterSettings, KafkaSettings
from processor.model import Finding

ANSWER_SECONDS = 10.0


def probe(kafka: KafkaSettings, dead_letter: DeadLetterSettings) -> list[Finding]:
    """The brokers, every topic to read and the dead-letter topic, each with what was found."""
    brokers = f"brokers {kafka.bootstrap_servers}"
    errors: list[str] = []
    options = client_options(kafka) | {"error_cb": lambda error: errors.append(error.str())}
    client = AdminClient(options, logger=LOGGER)
    try:
        cluster = client.list_topics(timeout=ANSWER_SECONDS)
    except KafkaException as error:
        client.poll(0)
        return [Finding(brokers, False, errors[0] if errors else error.args[0].str())]
    return [
        Finding(brokers, True, f"{len(cluster.brokers)} in the cluster"),
        *_topics(cluster, kafka.topics, dead_letter.topic),
        _dead_letter_topic(cluster, dead_letter.topic),
    ]


def _topics(cluster: ClusterMetadata, topics: list[str], dead_letter_topic: str) -> Iterator[Finding]:
    for topic in topics:
        if topic.startswith("^"):
            yield _pattern(cluster, topic, dead_letter_topic)
        elif topic in cluster.topics:
            yield Finding(f"topic {topic}", True, f"{len(cluster.topics[topic].partitions)} partitions")
        else:
            yield Finding(f"topic {topic}", False, "is not there, or may not be seen with this login")


def _pattern(cluster: ClusterMetadata, pattern: str, dead_letter_topic: str) -> Finding:
    try:
        found = [name for name in cluster.topics if re.match(pattern, name) and name != dead_letter_topic]
    except re.error as error:
        return Finding(f"topics {pattern}", False, f"is no regular expression: {error}")
    return Finding(f"topics {pattern}", bool(found), f"{len(found)} match")


def _dead_letter_topic(cluster: ClusterMetadata, topic: str) -> Finding:
    if topic in cluster.topics:
        return Finding(
            f"dead-letter topic {topic}", True, f"{len(cluster.topics[topic].partitions)} partitions"
        )
    remedy = "is not there: create it, or events that cannot be delivered will be held"
    return Finding(f"dead-letter topic {topic}", False, remedy)

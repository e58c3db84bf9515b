"""A look at the broker before anything is read: can it be reached, is what we need there and allowed."""

from collections.abc import Collection, Iterator

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata  # type: ignore[attr-defined]

from processor.config.kafka import DeadLetterSettings, KafkaSettings
from processor.kafka.checks import rights
from processor.kafka.checks.inquiry import Lines
from processor.kafka.options import client_options
from processor.kafka.remedies import AWAY, in_words, of_cut_off
from processor.model import Finding

ANSWER_SECONDS = 10.0


def probe(
    kafka: KafkaSettings,
    dead_letter: DeadLetterSettings,
    destination: str | None = None,
    reports: str | None = None,
) -> list[Finding]:
    """The brokers, every topic to read, the group and the dead-letter topic, each with what was found.

    With a `destination` also whether another one commits in the group; with a topic of `reports` that too.
    """
    brokers = f"brokers {kafka.bootstrap_servers}"
    errors: list[KafkaError] = []
    options = client_options(kafka) | {"error_cb": errors.append}
    lines = Lines()
    client = AdminClient(options, logger=lines)
    try:
        cluster = client.list_topics(timeout=ANSWER_SECONDS)
    except KafkaException as error:
        client.poll(0)
        if is_cut_off := of_cut_off(lines.said):
            return [Finding(brokers, False, is_cut_off)]
        why = _telling([*errors, error.args[0]])
        return [Finding(brokers, False, in_words(why), is_away=why.name() in AWAY)]
    readable = {name: cluster.topics[name] for name in kafka.topics if name in cluster.topics}
    facts = rights.ask(client, kafka, dead_letter, readable, reports)
    return [
        Finding(brokers, True, f"{len(cluster.brokers)} in the cluster"),
        *_topics(cluster, kafka, {dead_letter.topic, reports}, facts),
        *rights.of_fetches(kafka, {name: topic.partitions for name, topic in readable.items()}),
        *rights.of_group(facts, kafka),
        *rights.of_protocol(kafka),
        *(rights.of_positions(client, kafka, destination) if destination else ()),
        _dead_letter_topic(cluster, dead_letter, facts),
        *(() if reports is None else (_topic_of_reports(cluster, reports, facts),)),
    ]


def _telling(errors: list[KafkaError]) -> KafkaError:
    """The first that says more than that nobody answers."""
    return next((error for error in errors if error.code() != KafkaError._ALL_BROKERS_DOWN), errors[0])  # noqa: SLF001


def _topics(
    cluster: ClusterMetadata, kafka: KafkaSettings, ours: Collection[str | None], facts: rights.Facts
) -> Iterator[Finding]:
    for topic in kafka.topics:
        if topic.startswith("^"):
            yield _pattern(cluster, kafka, topic, ours)
        elif topic in cluster.topics:
            yield rights.of_topic(facts, topic, len(cluster.topics[topic].partitions))
        else:
            remedy = "create it, or grant Read on it"
            yield Finding(f"topic {topic}", False, f"is not there, or may not be seen: {remedy}")


def _pattern(
    cluster: ClusterMetadata, kafka: KafkaSettings, pattern: str, ours: Collection[str | None]
) -> Finding:
    found = [kafka.finds(pattern, name) for name in cluster.topics if name not in ours]
    if None in found:
        return Finding(f"topics {pattern}", True, "what matches is not known here, the brokers say it")
    return Finding(f"topics {pattern}", any(found), f"{sum(map(bool, found))} match")


def _dead_letter_topic(
    cluster: ClusterMetadata, dead_letter: DeadLetterSettings, facts: rights.Facts
) -> Finding:
    if dead_letter.topic in cluster.topics:
        return rights.of_dead_letters(facts, dead_letter, len(cluster.topics[dead_letter.topic].partitions))
    remedy = "create it, or grant Write on it; until then what cannot be delivered is held"
    return Finding(
        f"dead-letter topic {dead_letter.topic}", False, f"is not there, or may not be seen: {remedy}"
    )


def _topic_of_reports(cluster: ClusterMetadata, topic: str, facts: rights.Facts) -> Finding:
    if topic in cluster.topics:
        return rights.of_reports(facts, topic, len(cluster.topics[topic].partitions))
    remedy = "create it, or grant Write on it"
    return Finding(f"topic of reports {topic}", False, f"is not there, or may not be seen: {remedy}")

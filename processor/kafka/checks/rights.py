"""What we need of the brokers, tried before anything is read: rights, the group's state, the topics' limits.

Promise: nothing is changed and no event is read; what the brokers do not tell is passed over, not guessed.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, wait
from typing import Any, NamedTuple

import confluent_kafka
from confluent_kafka import (
    OFFSET_END,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from processor.config.kafka import DeadLetterSettings, KafkaSettings
from processor.core.progress import offset_codec
from processor.core.reports.report import LEAST_BYTES
from processor.kafka.checks.inquiry import doubt_of_protocol
from processor.kafka.options import LOGGER, consumer_options
from processor.kafka.remedies import AWAY, advised
from processor.kafka.retention import bounds_of_time, kept_seconds
from processor.model import Finding

ANSWER_SECONDS = 5.0
MOST_FETCHES = 100
COMPACTED = "is compacted, which deletes letters of a key that has later ones: set cleanup.policy to delete"
SHARED = (
    "commits in it too, so that events are split between them: give each a kafka.group_id of its own. "
    "After a change of destination.name it passes by itself"
)
PRESENT_TIME = (
    "have the time at which they are written: raise what bounds them, or set dead_letter.timestamp to now"
)
ONE_OF_A_KEY = "is compacted: of each key only the last report stays"
DENIED = ("TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED")


class Facts(NamedTuple):
    """What the brokers told; what they did not is missing."""

    topics: Mapping[str, Any]
    group: Any
    limits: Mapping[str, str]
    limits_of_reports: Mapping[str, str]
    denied: Collection[str]
    """Names of topics, or the group, that may not even be described."""
    oldest: float | None
    """How many seconds old records of the topics may be; None: not told."""


def ask(
    client: AdminClient,
    kafka: KafkaSettings,
    dead_letter: DeadLetterSettings,
    topics: Collection[str],
    reports: str | None = None,
) -> Facts:
    """Ask for everything at once; `reports` is the topic of reports."""
    ours = [dead_letter.topic] if reports is None else [dead_letter.topic, reports]
    names = TopicCollection([*topics, *ours])
    told = {"include_authorized_operations": True, "request_timeout": ANSWER_SECONDS}
    of_topics: dict[str, Future[Any]] = client.describe_topics(names, **told)
    of_group: Future[Any] = client.describe_consumer_groups([kafka.group_id], **told)[kafka.group_id]
    resources = {name: ConfigResource(ResourceType.TOPIC, name) for name in (*ours, *topics)}
    asked = client.describe_configs([*resources.values()], request_timeout=ANSWER_SECONDS)
    of_limits = {name: asked[resource] for name, resource in resources.items()}
    wait([*of_topics.values(), of_group, *of_limits.values()], 2 * ANSWER_SECONDS)
    denied = [name for name, each in (*of_topics.items(), (kafka.group_id, of_group)) if _is_denied(each)]
    limits = {name: _values(each) for name, each in of_limits.items()}
    kept = [kept_seconds(limits[name]) for name in topics]
    return Facts(
        {name: value for name, each in of_topics.items() if (value := _value(each))},
        _value(of_group),
        limits[dead_letter.topic],
        limits.get(reports or "", {}),
        denied,
        max((seconds for seconds in kept if seconds is not None), default=None),
    )


def of_topic(facts: Facts, name: str, partitions: int) -> Finding:
    """Whether a topic may be read."""
    what = f"topic {name}"
    if not _may(facts.topics.get(name), AclOperation.READ):
        return Finding(what, False, "may not be read: grant Read on it")
    return Finding(what, True, f"{partitions} partitions")


def of_group(facts: Facts, kafka: KafkaSettings) -> Iterator[Finding]:
    """Whether the group may be joined: by its rights, and by who is in it."""
    what, group = f"group {kafka.group_id}", facts.group
    if kafka.group_id in facts.denied or not _may(group, AclOperation.READ):
        yield Finding(what, False, "may not be joined: grant Read on it")
    elif group is not None:
        yield _joinable(what, group, kafka.group_protocol)


def _joinable(what: str, group: Any, protocol: str) -> Finding:
    members = sorted({f"{member.client_id} at {member.host.lstrip('/')}" for member in group.members})
    is_classic = group.type.name.lower() == "classic"
    if members and protocol == "classic" and is_classic and group.partition_assignor != "cooperative-sticky":
        who = ", ".join(members[:5])
        text = f"is held by {who} with `{group.partition_assignor}`"
        return Finding(what, False, advised("INCONSISTENT_GROUP_PROTOCOL", text))
    return Finding(what, True, f"{len(group.members)} members")


def of_protocol(kafka: KafkaSettings) -> Iterator[Finding]:
    """Whether the brokers know the group protocol."""
    if doubt := doubt_of_protocol(kafka):
        yield Finding(f"group protocol {kafka.group_protocol}", False, doubt)


def of_dead_letters(facts: Facts, dead_letter: DeadLetterSettings, partitions: int) -> Finding:
    """Whether letters can be written, kept, and are as large as they may be."""
    what = f"dead-letter topic {dead_letter.topic}"
    if not _may(facts.topics.get(dead_letter.topic), AclOperation.WRITE):
        return Finding(what, False, "may not be written: grant Write on it")
    if "compact" in facts.limits.get("cleanup.policy", ""):
        return Finding(what, False, COMPACTED)
    text, ours = f"{partitions} partitions", dead_letter.max_message_bytes
    limit = int(facts.limits.get("max.message.bytes", ours))
    if limit < ours:
        text += (
            f"; takes {limit} bytes, of dead_letter.max_message_bytes {ours}: larger letters would be held"
        )
    if dead_letter.timestamp == "record" and (bounds := list(bounds_of_time(facts.limits, facts.oldest))):
        text += f"; letters of records {', or '.join(bounds)} {PRESENT_TIME}"
    return Finding(what, True, text)


def of_reports(facts: Facts, topic: str, partitions: int) -> Finding:
    """Whether reports can be written."""
    what, limits = f"topic of reports {topic}", facts.limits_of_reports
    if not _may(facts.topics.get(topic), AclOperation.WRITE):
        return Finding(what, False, "may not be written: grant Write on it")
    limit = int(limits.get("max.message.bytes", LEAST_BYTES))
    if limit < LEAST_BYTES:
        return Finding(what, False, f"takes {limit} bytes: set max.message.bytes to {LEAST_BYTES} or more")
    is_compacted = "compact" in limits.get("cleanup.policy", "")
    return Finding(what, True, f"{partitions} partitions" + f"; {ONE_OF_A_KEY}" * is_compacted)


def of_positions(client: AdminClient, kafka: KafkaSettings, destination: str) -> Iterator[Finding]:
    """Whether another destination commits in our group."""
    asked = [ConsumerGroupTopicPartitions(kafka.group_id)]
    try:
        (answer,) = client.list_consumer_group_offsets(asked, request_timeout=ANSWER_SECONDS).values()
        found = answer.result().topic_partitions
    except KafkaException:
        return
    names = {offset_codec.read(each.offset, _metadata(each)).marks.destination for each in found}
    if others := sorted(name for name in names if name not in (None, destination)):
        yield Finding(f"group {kafka.group_id}", False, f"destination {', '.join(others)} {SHARED}")


def of_fetches(kafka: KafkaSettings, topics: Mapping[str, Collection[int]]) -> Iterator[Finding]:
    """Whether the leaders can be reached: one fetch of each topic, at its end."""
    asked = [(name, min(numbers)) for name, numbers in topics.items() if numbers][:MOST_FETCHES]
    options = consumer_options(kafka) | {"statistics.interval.ms": 0, "group.protocol": "classic"}
    client = confluent_kafka.Consumer(options, logger=LOGGER)
    client.assign([TopicPartition(*each, OFFSET_END) for each in asked])
    silent, errors, away = dict.fromkeys(asked), {}, set(asked)
    until = time.monotonic() + ANSWER_SECONDS
    while silent and time.monotonic() < until:
        if (message := client.poll(0.1)) is None:
            continue
        which = (message.topic() or "", message.partition() or 0)
        silent.pop(which, None)
        error = message.error()
        if error and which in asked and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
            errors[which] = advised(error.name(), error.str())
            if error.name() not in AWAY:
                away.discard(which)
    client.close()
    for which in silent:
        errors[which] = "its leader does not answer: can the brokers' advertised addresses be reached?"
    for (name, number), text in errors.items():
        yield Finding(f"a fetch of {name}/{number}", False, text, is_away=(name, number) in away)


def _may(described: Any, operation: AclOperation) -> bool:
    """Brokers that do not tell are taken at their best."""
    operations = getattr(described, "authorized_operations", None)
    return operations is None or operation in operations


def _value(future: "Future[Any]") -> Any:
    return None if not future.done() or future.exception() else future.result()


def _values(of_limits: "Future[Any]") -> dict[str, str]:
    return {name: entry.value for name, entry in (_value(of_limits) or {}).items()}


def _is_denied(future: "Future[Any]") -> bool:
    error = future.exception() if future.done() else None
    return isinstance(error, KafkaException) and error.args[0].name() in DENIED


def _metadata(each: TopicPartition) -> str:
    try:
        return each.metadata or ""
    except UnicodeDecodeError:  # another client wrote it
        return ""

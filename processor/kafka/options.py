"""What librdkafka is told: settings as its options.

https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
"""

import logging
import re
from collections.abc import Iterator, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer

from processor.config.kafka import DeadLetterSettings, KafkaSettings, in_clear
from processor.core.group.membership import WORD_SECONDS
from processor.errors import ConfigError, Problem
from processor.kafka.refusals import ALIASES, CONSUMED_BYTES, refusal

Options = dict[str, Any]

LOGGER = logging.getLogger("librdkafka")
"""Where its lines go, but for those that it also tells by a callback: failures are told once."""
LOGGER.addFilter(lambda line: not line.getMessage().startswith(("FAIL [", "ERROR [", "FATAL [")))
_TOPIC = re.compile("[A-Za-z0-9._-]+")
"""A topic's name; there is none with other characters, which could mean something in a pattern."""
_FAILED = re.compile("^Failed to create (consumer|producer): ")


def client_options(kafka: KafkaSettings) -> Options:
    """What every client needs: brokers, encryption, login."""
    secrets = {"ssl.key.password": kafka.ssl_key_password, "sasl.password": kafka.sasl_password}
    options = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "client.id": kafka.client_id,
        "security.protocol": kafka.security_protocol,
        "ssl.ca.location": kafka.ssl_ca_file and str(kafka.ssl_ca_file),
        "ssl.certificate.location": kafka.ssl_certificate_file and str(kafka.ssl_certificate_file),
        "ssl.key.location": kafka.ssl_key_file and str(kafka.ssl_key_file),
        "sasl.mechanism": kafka.sasl_mechanism,
        "sasl.username": kafka.sasl_username,
        "topic.metadata.refresh.interval.ms": 60_000,
        **{name: secret.get_secret_value() for name, secret in secrets.items() if secret},
    }
    return {name: value for name, value in options.items() if value is not None} | in_clear(kafka.client)


def consumer_options(kafka: KafkaSettings, unread: frozenset[str] = frozenset()) -> Options:
    """What the consumer needs beside that; no pattern of `kafka.topics` finds the topics `unread`.

    With the protocol `consumer` brokers evaluate the patterns and assign them all the same: then they are
    taken, so that the group comes to rest, and not read.

    The queue limits are per process; the library's own are 100,000 records and 64 MiB. With limits so low
    its own back-off of a second, and one of 100 ms too, lets a fast process run dry. A fetch is held whole,
    and unpacked: what it brings counts compressed here, and a hundred times that is no rarity in memory. It
    brings some of several partitions: one that is read far ahead of the others finishes far beyond its
    position, and the commit metadata has room for so many pieces only.
    """
    options: Options = {
        "queued.min.messages": 200,
        "queued.max.messages.kbytes": 16_384,
        "fetch.max.bytes": 1024 * 1024,
        "fetch.message.max.bytes": 128 * 1024,
        "fetch.queue.backoff.ms": 10,
        "check.crcs": True,
        **client_options(kafka),
        "group.id": kafka.group_id,
        "group.protocol": kafka.group_protocol,
        "auto.offset.reset": "error",
        "isolation.level": kafka.isolation_level,
        "max.poll.interval.ms": round(kafka.max_poll_interval * 1000),
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "allow.auto.create.topics": False,
        "message.max.bytes": CONSUMED_BYTES,
        "statistics.interval.ms": round(WORD_SECONDS / 3 * 1000),
    }
    if kafka.group_protocol == "classic":
        options["partition.assignment.strategy"] = "cooperative-sticky"
        options["session.timeout.ms"] = round(kafka.session_timeout * 1000)
        options["heartbeat.interval.ms"] = round(min(kafka.session_timeout / 3, 3.0) * 1000)
        if names := sorted(filter(_TOPIC.fullmatch, unread)):
            options["topic.blacklist"] = ",".join(f"^{name.replace('.', '[.]')}$" for name in names)
    if kafka.group_instance_id:
        options["group.instance.id"] = kafka.group_instance_id
    return options


def producer_options(kafka: KafkaSettings, dead_letter: DeadLetterSettings) -> Options:
    """What the producer of dead letters needs: all replicas acknowledge, keys go where Java puts them.

    A batch is judged as a whole by `max.message.bytes` of the topic: a small one leaves that to its letters.
    """
    return {
        "linger.ms": 5,
        "batch.size": 16_384,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        **client_options(kafka),
        **in_clear(dead_letter.client),
        "acks": "all",
        "enable.idempotence": True,
        "allow.auto.create.topics": False,
        "topic.metadata.propagation.max.ms": round(min(dead_letter.write_timeout / 2, 10) * 1000),
        "message.max.bytes": dead_letter.max_message_bytes,
        "message.timeout.ms": round(dead_letter.write_timeout * 1000),
    }


def write_debug(*settings: KafkaSettings | DeadLetterSettings) -> None:
    """Who says `debug` among the options gets what the library then tells, whatever the level of the log."""
    if any("debug" in each.client for each in settings):
        LOGGER.setLevel(logging.DEBUG)


def refuse_unknown(kafka: KafkaSettings, dead_letter: DeadLetterSettings) -> None:
    """Raise ConfigError with everything that librdkafka does not take; nothing is connected."""
    found = _faults(Consumer, consumer_options(kafka), "kafka", kafka.client)
    known = {name for name, _ in found}
    options = producer_options(kafka, dead_letter)
    rest = {name: value for name, value in options.items() if name not in known}
    found += _faults(Producer, rest, "dead_letter", dead_letter.client)
    problems = list({problem.message: problem for _, problem in reversed(found)}.values())[::-1]
    problems += _unreadable_patterns(kafka.topics)
    if problems:
        raise ConfigError(problems)


def _faults(
    make: type[Consumer | Producer], options: Options, path: str, said: Options
) -> list[tuple[str, Problem]]:
    """What is wrong, each with the option that it names; that one is left out of the next try."""
    try:
        make(options | {"bootstrap.servers": ""}, logger=LOGGER)
    except (KafkaException, TypeError) as error:
        text = error.args[0].str() if isinstance(error, KafkaException) else str(error)
    else:
        return []
    named = next((name for name in said if ALIASES.get(name, name) in text or name in text), "")
    problem = refusal(_FAILED.sub("", text).strip(), path, named)
    rest = {name: value for name, value in options.items() if name != named}
    return [(named, problem), *(_faults(make, rest, path, said) if named else [])]


def _unreadable_patterns(topics: Sequence[str]) -> Iterator[Problem]:
    consumer = Consumer({"bootstrap.servers": "", "group.id": "none"}, logger=LOGGER)
    for topic in topics:
        try:
            consumer.subscribe([topic])
        except KafkaException:
            yield Problem("kafka.topics", f"{topic} is no regular expression that can be read")

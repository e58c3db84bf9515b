"""What librdkafka is told: settings as its options.

https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
"""

import logging
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer

from processor.errors import ConfigError, Problem
from processor.sections import DeadLetterSettings, KafkaSettings

Options = dict[str, Any]

LOGGER = logging.getLogger("librdkafka")


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
    return {name: value for name, value in options.items() if value is not None} | kafka.client


def consumer_options(kafka: KafkaSettings) -> Options:
    """What the consumer needs beside that.

    The queue limits are per partition and process; the library's own are 100,000 records and 64 MiB.
    """
    options: Options = {
        "queued.min.messages": 2_000,
        "queued.max.messages.kbytes": 16_384,
        "fetch.max.bytes": 8 * 1024 * 1024,
        "fetch.queue.backoff.ms": 100,
        "check.crcs": True,
        **client_options(kafka),
        "group.id": kafka.group_id,
        "group.protocol": kafka.group_protocol,
        "auto.offset.reset": kafka.auto_offset_reset,
        "isolation.level": kafka.isolation_level,
        "max.poll.interval.ms": round(kafka.max_poll_interval * 1000),
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "allow.auto.create.topics": False,
    }
    if kafka.group_protocol == "classic":
        options["partition.assignment.strategy"] = "cooperative-sticky"
        options["session.timeout.ms"] = round(kafka.session_timeout * 1000)
        options["heartbeat.interval.ms"] = round(min(kafka.session_timeout / 3, 3.0) * 1000)
    if kafka.group_instance_id:
        options["group.instance.id"] = kafka.group_instance_id
    return options


def producer_options(kafka: KafkaSettings, dead_letter: DeadLetterSettings) -> Options:
    """What the producer of dead letters needs: all replicas acknowledge, keys go where Java puts them."""
    return {
        "linger.ms": 5,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        **client_options(kafka),
        **dead_letter.client,
        "acks": "all",
        "enable.idempotence": True,
        "allow.auto.create.topics": False,
        "topic.metadata.propagation.max.ms": round(min(dead_letter.write_timeout / 2, 10) * 1000),
        "message.max.bytes": dead_letter.max_message_bytes,
        "message.timeout.ms": round(dead_letter.write_timeout * 1000),
    }


def refuse_unknown(kafka: KafkaSettings, dead_letter: DeadLetterSettings) -> None:
    """Raise ConfigError for all options and patterns that librdkafka does not take; nothing is connected."""
    plain = kafka.model_copy(update={"client": {}})
    silent = dead_letter.model_copy(update={"client": {}})
    problems = [
        *_refused("kafka.client", kafka.client, consumer_options(plain), Consumer),
        *_refused("dead_letter.client", dead_letter.client, producer_options(plain, silent), Producer),
        *_refused_patterns(kafka),
    ]
    if not problems:
        problems += _refused("kafka.client", {"": None}, consumer_options(kafka), Consumer)
        problems += _refused("dead_letter.client", {"": None}, producer_options(kafka, dead_letter), Producer)
    if problems:
        raise ConfigError(problems)


def _refused(
    path: str, added: Options, base: Options, make: type[Consumer] | type[Producer]
) -> list[Problem]:
    """The options of `added` that cannot be put over `base`, one by one; a name "" tries `base` alone."""
    problems = []
    for name, value in added.items():
        options = base | ({name: value} if name else {}) | {"bootstrap.servers": ""}
        try:
            make(options, logger=LOGGER)
        except KafkaException as error:
            problems.append(Problem(path, error.args[0].str()))
        except TypeError as error:
            problems.append(Problem(path, str(error)))
    return problems


def _refused_patterns(kafka: KafkaSettings) -> list[Problem]:
    """The topics that are no regular expression as librdkafka reads them."""
    client = Consumer({"bootstrap.servers": "", "group.id": "none"}, logger=LOGGER)
    problems = []
    for topic in kafka.topics:
        try:
            client.subscribe([topic])
        except KafkaException as error:
            problems.append(Problem("kafka.topics", f"{topic} cannot be read: {error.args[0].str()}"))
    return problems

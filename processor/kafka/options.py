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
    """Raise ConfigError for options that librdkafka does not take; nothing is connected."""
    problems = []
    for path, make, options in (
        ("kafka", Consumer, consumer_options(kafka)),
        ("dead_letter", Producer, producer_options(kafka, dead_letter)),
    ):
        try:
            make(options | {"bootstrap.servers": ""}, logger=LOGGER)
        except KafkaException as error:
            problems.append(Problem(f"{path}.client", error.args[0].str()))
        except TypeError as error:
            problems.append(Problem(f"{path}.client", str(error)))
    if problems:
        raise ConfigError(problems)

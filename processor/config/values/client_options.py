"""Client options: which options of librdkafka an operator may say beside the settings.

Promise: an option that has a setting, that a promise of ours rests on, or that no operator can want is
refused by its name, and no value is repeated.
"""

import re
from typing import Any

SETTING_OF = {
    "auto.offset.reset": "kafka.auto_offset_reset",
    "bootstrap.servers": "kafka.bootstrap_servers",
    "client.id": "kafka.client_id",
    "delivery.timeout.ms": "dead_letter.write_timeout",
    "group.id": "kafka.group_id",
    "group.instance.id": "kafka.group_instance_id",
    "group.protocol": "kafka.group_protocol",
    "isolation.level": "kafka.isolation_level",
    "max.poll.interval.ms": "kafka.max_poll_interval",
    "message.max.bytes": "dead_letter.max_message_bytes",
    "message.timeout.ms": "dead_letter.write_timeout",
    "metadata.broker.list": "kafka.bootstrap_servers",
    "sasl.mechanism": "kafka.sasl_mechanism",
    "sasl.mechanisms": "kafka.sasl_mechanism",
    "sasl.password": "kafka.sasl_password",
    "sasl.username": "kafka.sasl_username",
    "security.protocol": "kafka.security_protocol",
    "session.timeout.ms": "kafka.session_timeout",
    "topic.metadata.propagation.max.ms": "dead_letter.write_timeout",
    "ssl.ca.location": "kafka.ssl_ca_file",
    "ssl.certificate.location": "kafka.ssl_certificate_file",
    "ssl.key.location": "kafka.ssl_key_file",
    "ssl.key.password": "kafka.ssl_key_password",
}
"""librdkafka options that have a setting, which they would override."""

SECURITY = frozenset(name for name in SETTING_OF if name.startswith(("sasl.", "security.", "ssl.")))

OWNED = SECURITY | frozenset(
    (
        "acks",
        "allow.auto.create.topics",
        "auto.commit.enable",
        "auto.offset.reset",
        "bootstrap.servers",
        "client.id",
        "default.topic.config",
        "delivery.timeout.ms",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "heartbeat.interval.ms",
        "isolation.level",
        "max.poll.interval.ms",
        "message.max.bytes",
        "message.timeout.ms",
        "metadata.broker.list",
        "offset.store.method",
        "partition.assignment.strategy",
        "request.required.acks",
        "session.timeout.ms",
        "statistics.interval.ms",
        "topic.blacklist",
        "topic.metadata.propagation.max.ms",
        "transactional.id",
    )
)
"""librdkafka options that are settings of their own, or that our promises rest on."""

OWNED_BY_PRODUCER = SECURITY | frozenset(
    (
        "acks",
        "allow.auto.create.topics",
        "bootstrap.servers",
        "default.topic.config",
        "delivery.timeout.ms",
        "enable.idempotence",
        "message.max.bytes",
        "message.timeout.ms",
        "metadata.broker.list",
        "request.required.acks",
        "topic.metadata.propagation.max.ms",
        "transactional.id",
    )
)

_CODE = re.compile(
    r"(^|[._])(cb|callback|interceptors?|opaque|logger)($|[._])|^on_|^plugin\.|^enabled_events$"
)


def owned_among(client: dict[str, Any], owned: frozenset[str]) -> list[str]:
    """What is wrong with options that the operator may not say, and what to set instead."""
    taken = sorted(owned.intersection(client))
    found = [f"{name} cannot be set here: set {SETTING_OF[name]}" for name in taken if name in SETTING_OF]
    if needed := [name for name in taken if name not in SETTING_OF]:
        found.append(f"{', '.join(needed)} cannot be set here: it is needed as it is")
    return found + [fault for name in client if (fault := _fault_of_option(name))]


def _fault_of_option(name: str) -> str:
    """What an option would do that no operator can want, or nothing."""
    if name.startswith("test."):
        return f"{name} cannot be set here: a broker in memory would stand in for yours"
    if name == "delivery.report.only.error":
        return f"{name} cannot be set here: no dead letter would ever count as written"
    if _CODE.search(name):
        return f"{name} cannot be set here: it wants code, and takes none from settings"
    return ""

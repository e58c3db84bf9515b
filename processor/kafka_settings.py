"""Every setting of the brokers, the consumer group and the dead-letter topic.

Times are seconds, sizes bytes.
"""

import re
from datetime import date
from typing import Any, Literal, Self

from pydantic import Field, FilePath, SecretStr, field_validator, model_validator

from processor.core.dead_letter import CODES
from processor.core.offset_codec import LIMIT
from processor.core.start import PATTERN, policy_of
from processor.setting_types import (
    ClientOptions,
    Day,
    Failures,
    Hour,
    Limit,
    Seconds,
    Section,
    Texts,
    statuses_of,
)

OWNED = frozenset(
    (
        "allow.auto.create.topics",
        "auto.offset.reset",
        "bootstrap.servers",
        "client.id",
        "default.topic.config",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.partition.eof",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "heartbeat.interval.ms",
        "isolation.level",
        "max.poll.interval.ms",
        "metadata.broker.list",
        "partition.assignment.strategy",
        "session.timeout.ms",
        "statistics.interval.ms",
        "transactional.id",
    )
)
"""librdkafka options that are settings of their own, or that our promises rest on."""

OWNED_BY_PRODUCER = frozenset(
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


def _not_owned(client: dict[str, Any], owned: frozenset[str]) -> dict[str, Any]:
    if taken := sorted(owned.intersection(client)):
        raise ValueError(
            f"{', '.join(taken)} cannot be set here: it has a setting of its own or is needed as it is"
        )
    return client


def _matches(pattern: str, topic: str) -> bool:
    try:
        return re.match(pattern, topic) is not None
    except re.error:
        return False


class KafkaSettings(Section):
    """Where the events are read."""

    bootstrap_servers: str = Field(
        min_length=1, description="Brokers to start from, `host:port`, comma-separated."
    )
    group_id: str = Field(
        min_length=1, description="The consumer group. All processes of one destination share it."
    )
    topics: Texts = Field(
        min_length=1, description="Topics to read; a name that starts with `^` is a regular expression."
    )
    client_id: str = Field(
        "webhook-processor", description="The name that brokers see in their logs and quotas."
    )
    group_protocol: Literal["classic", "consumer"] = Field(
        "classic", description="`classic` (cooperative-sticky) or `consumer` (KIP-848, Kafka 4.0 or newer)."
    )
    group_instance_id: str | None = Field(
        None,
        description="Static membership: a name of this process that outlives restarts, such as the pod's.",
    )
    auto_offset_reset: str = Field(
        "earliest",
        pattern=PATTERN,
        description="Where a group that has committed nothing starts: `earliest`, `latest`, so long before "
        "(`2h`; s, m, h, d), from a time on (`2026-11-27T00:00:00Z`); `error`: not at all, and not where "
        "retention took what was not read. A partition that appears later begins at its start.",
    )
    isolation_level: Literal["read_committed", "read_uncommitted"] = Field(
        "read_committed", description="Whether records of open or aborted transactions are read."
    )
    unready: bool = Field(
        False,
        description="Whether `/readyz` is red while a partition cannot be read: a batch that is broken, or "
        "too large unpacked.",
    )
    session_timeout: Hour = Field(
        45.0,
        description="After so long without a heartbeat others get the partitions (classic only).",
    )
    max_poll_interval: Day = Field(
        300.0, description="After so long without a poll the process leaves the group."
    )
    max_metadata_bytes: int = Field(
        LIMIT,
        ge=0,
        le=32_000,
        description="The most commit metadata of a partition: which events beyond its position are finished. "
        "One less than the brokers' `offset.metadata.max.bytes`; where they take less, that is learned when "
        "they refuse it.",
    )
    security_protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="How brokers are spoken to."
    )
    ssl_ca_file: FilePath | None = Field(None, description="Certificates of the authorities to trust, PEM.")
    ssl_certificate_file: FilePath | None = Field(None, description="The client's certificate, PEM.")
    ssl_key_file: FilePath | None = Field(None, description="The client's private key, PEM.")
    ssl_key_password: SecretStr | None = Field(None, description="The password of the private key.")
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = Field(
        None, description="How to log in; what OAUTHBEARER needs goes into `kafka.client`."
    )
    sasl_username: str | None = Field(None, description="The user's name.")
    sasl_password: SecretStr | None = Field(None, description="The user's password.")
    client: ClientOptions = Field(
        default_factory=dict,
        repr=False,
        description="Further librdkafka options for every client, such as `client.rack`.",
    )

    def patterns_for(self, topic: str) -> list[str]:
        """The patterns among the topics that match `topic`; those that cannot be read match nothing."""
        return [each for each in self.topics if each.startswith("^") and _matches(each, topic)]

    @field_validator("auto_offset_reset", mode="before")
    @classmethod
    def _says_where_to_start(cls, reset: Any) -> Any:
        """YAML takes a time without quotes for one."""
        text = reset.isoformat() if isinstance(reset, date) else reset
        if isinstance(text, str):
            policy_of(text)
        return text

    @field_validator("client")
    @classmethod
    def _leaves_owned_options_alone(cls, client: dict[str, Any]) -> dict[str, Any]:
        return _not_owned(client, OWNED)

    @model_validator(mode="after")
    def _names_a_user_where_one_is_needed(self) -> Self:
        if self.security_protocol.startswith("sasl") and self.sasl_mechanism is None:
            raise ValueError(f"security_protocol {self.security_protocol} needs sasl_mechanism")
        needs_user = self.sasl_mechanism not in (None, "OAUTHBEARER")
        if needs_user and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"sasl_mechanism {self.sasl_mechanism} needs sasl_username and sasl_password")
        return self


class DeadLetterSettings(Section):
    """Where the events go that cannot be delivered."""

    topic: str = Field(min_length=1, description="The dead-letter topic. It has to exist.")
    max_message_bytes: int = Field(
        10 * 1024 * 1024,
        ge=1000,
        le=1_000_000_000,
        description="The largest dead letter to send; the topic's own limit still counts.",
    )
    when_unwritable: Literal["hold", "without_value"] = Field(
        "hold",
        description="A letter that is still too large with no headers of ours, or that a compacted topic "
        "refuses for want of a key: `hold` it until that is mended, or write it `without_value` (with its "
        "size and SHA-256), or with its coordinates as key.",
    )
    timestamp: Literal["record", "now"] = Field(
        "record",
        description="The letter's own time: that of the `record`, from which the topic's retention counts, "
        "or `now`, when it is written.",
    )
    write_timeout: Seconds = Field(
        30.0, description="How long to wait for the acknowledgement of all replicas."
    )
    budget: Limit = Field(
        100,
        description="Refusals that may become dead letters before one is delivered, and as many events that "
        "can be no request; then the others wait until one is delivered. null: no limit.",
    )
    budget_per_delivery: float = Field(
        1.0,
        ge=0.001,
        le=1_000_000,
        description="How many of each a delivery pays for: 1 lets every second event fail in the long run.",
    )
    always: Failures = Field(
        default_factory=list,
        description="Failures that become dead letters at once and are not paid for, however many there are: "
        "`refused`, `retries_exhausted`, `invalid_event`, `invalid_header`, `invalid_url`, "
        "`endpoint_not_allowed`, or statuses such as `422` and `4xx`.",
    )
    client: ClientOptions = Field(
        default_factory=dict,
        repr=False,
        description="Further librdkafka options for the producer, over those of `kafka.client`.",
    )

    def unpaid(self) -> frozenset[str]:
        """What is in `always`: codes, and each status as text."""
        codes = {item for item in self.always if item in CODES}
        named = (statuses_of(item) for item in self.always if item not in CODES)
        return frozenset(codes | {str(status) for statuses in named for status in statuses})

    @field_validator("client")
    @classmethod
    def _leaves_owned_options_alone(cls, client: dict[str, Any]) -> dict[str, Any]:
        return _not_owned(client, OWNED_BY_PRODUCER)


def letters_read_again(kafka: KafkaSettings, dead_letter: DeadLetterSettings) -> list[str]:
    """What is wrong with topics that are read and written at once: every dead letter would make another."""
    if dead_letter.topic.strip() not in (topic.strip() for topic in kafka.topics):
        return []
    remedy = "take it out there, or name another topic for dead letters"
    return [f"dead_letter.topic is in kafka.topics, so that every dead letter would be read again: {remedy}"]

"""Every setting of the brokers, the consumer group and the dead-letter topic.

Times are seconds, sizes bytes.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from processor.config.values.client_options import OWNED, OWNED_BY_PRODUCER, owned_among
from processor.config.values.statuses import Failures, statuses_of
from processor.config.values.types import (
    ClientOptions,
    Day,
    File,
    Hour,
    Limit,
    Seconds,
    Section,
    Servers,
    Topics,
    faults_of_options,
    mapping,
    or_reference,
    topic_name,
)
from processor.core.dead_letter import CODES
from processor.core.progress.offset_codec import LIMIT
from processor.core.progress.start import PATTERN, policy_of
from processor.core.topic_patterns import matches

_OAUTHBEARER = (
    "sasl_mechanism OAUTHBEARER needs sasl.oauthbearer.method: oidc in kafka.client, with "
    "sasl.oauthbearer.token.endpoint.url, sasl.oauthbearer.client.id and sasl.oauthbearer.client.secret"
)


def in_clear(client: Mapping[str, Any]) -> dict[str, Any]:
    """Options as librdkafka takes them, secrets in clear."""
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in client.items()
    }


def faults_of_client(client: dict[str, Any], owned: frozenset[str]) -> list[str]:
    """Everything that is wrong with the options of a client, by their names."""
    return [*owned_among(client, owned), *faults_of_options(client)]


def _judged(said: Any, owned: frozenset[str]) -> Any:
    client = mapping(said)
    if isinstance(client, dict) and (found := faults_of_client(client, owned)):
        raise ValueError("; ".join(found))
    return client


class KafkaSettings(Section):
    """Where the events are read."""

    bootstrap_servers: Servers = Field(
        min_length=1, description="Brokers to start from, `host:port`, comma-separated."
    )
    group_id: str = Field(
        min_length=1, description="The consumer group. All processes of one destination share it."
    )
    topics: Topics = Field(
        min_length=1,
        description="Topics to read; a name that starts with `^` is a regular expression, and "
        "without `$` a name may go on: POSIX extended (`[0-9]`, not `\\d`), without back-references, of at "
        "most 1,000 characters and 24 repetitions when it is written out. With "
        "`kafka.group_protocol: consumer` brokers evaluate it, as RE2/J and by whole names.",
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
    ssl_ca_file: File | None = Field(None, description="Certificates of the authorities to trust, PEM.")
    ssl_certificate_file: File | None = Field(None, description="The client's certificate, PEM.")
    ssl_key_file: File | None = Field(None, description="The client's private key, PEM.")
    ssl_key_password: SecretStr | None = Field(
        None, description="The password of the private key.", json_schema_extra=or_reference
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = Field(
        None, description="How to log in; what OAUTHBEARER needs goes into `kafka.client`."
    )
    sasl_username: str | None = Field(None, description="The user's name.")
    sasl_password: SecretStr | None = Field(
        None, description="The user's password.", json_schema_extra=or_reference
    )
    client: ClientOptions = Field(
        default_factory=dict,
        repr=False,
        description="Further librdkafka options for every client, such as `client.rack`; values may be "
        "`{from_env: NAME}` or `{from_file: PATH}`.",
    )

    def patterns_for(self, topic: str) -> list[str]:
        """The patterns among the topics that are known to match `topic`."""
        return [each for each in self.topics if each.startswith("^") and self.finds(each, topic)]

    def finds(self, pattern: str, topic: str) -> bool | None:
        """Whether the pattern subscribes `topic`; None: only the brokers, or another system, know that."""
        return matches(pattern, topic) if self.group_protocol == "classic" else None

    def may_read(self, topic: str) -> bool:
        """Whether `topic` is one to read. What cannot be known counts as one, so that nothing is skipped."""
        patterns = (each for each in self.topics if each.startswith("^"))
        return topic in self.topics or any(self.finds(each, topic) is not False for each in patterns)

    @field_validator("auto_offset_reset", mode="before")
    @classmethod
    def _says_where_to_start(cls, reset: Any) -> Any:
        if isinstance(reset, str):
            policy_of(reset)
        return reset

    @field_validator("client", mode="before")
    @classmethod
    def _leaves_owned_options_alone(cls, said: Any) -> Any:
        return _judged(said, OWNED)

    @model_validator(mode="after")
    def _logs_in_as_it_says(self) -> Self:
        if found := [*self._missing_for_login(), *self._unused(), *self._other_protocols()]:
            raise ValueError("; ".join(found))
        return self

    def _other_protocols(self) -> Iterator[str]:
        """Brokers that librdkafka would leave out, since they are to be spoken to otherwise."""
        for server in self.bootstrap_servers.split(","):
            protocol, separator, _ = server.strip().partition("://")
            if separator and protocol.lower() != self.security_protocol:
                yield (
                    f"bootstrap_servers says {protocol}://, and security_protocol {self.security_protocol}: "
                    "leave it out there"
                )

    def _missing_for_login(self) -> Iterator[str]:
        if self.security_protocol.startswith("sasl") and self.sasl_mechanism is None:
            yield f"security_protocol {self.security_protocol} needs sasl_mechanism"
        if self.sasl_mechanism == "OAUTHBEARER":
            said = in_clear(self.client)
            is_unsigned = str(said.get("enable.sasl.oauthbearer.unsecure.jwt")).lower() == "true"
            if said.get("sasl.oauthbearer.method") != "oidc" and not is_unsigned:
                yield _OAUTHBEARER
        elif self.sasl_mechanism and not (self.sasl_username and self.sasl_password):
            yield f"sasl_mechanism {self.sasl_mechanism} needs sasl_username and sasl_password"

    def _unused(self) -> Iterator[str]:
        """What was said of a login or of TLS that the protocol leaves out: it would be believed in vain."""
        for kind, remedy in (("sasl", "sasl_ssl, or sasl_plaintext"), ("ssl", "ssl, or sasl_ssl")):
            if kind in self.security_protocol.split("_"):
                continue
            said = [f"client.{name}" for name in self.client if name.startswith(f"{kind}.")]
            said += [name for name, value in self if name.startswith(f"{kind}_") and value]
            if said:
                verb = "is" if len(said) == 1 else "are"
                yield (
                    f"{', '.join(sorted(said))} {verb} not used with security_protocol "
                    f"{self.security_protocol}: set that to {remedy}"
                )


LETTERS_SUFFIX = ".letters"
"""Behind the name of the group: that of the group which brings its letters back."""


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
        "unless the topic refuses it or would not keep the letter long with it; or `now`, when it is "
        "written.",
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
        "`endpoint_not_allowed`, `tombstone` (never held anyway), or statuses such as `422` and `4xx`.",
    )
    client: ClientOptions = Field(
        default_factory=dict,
        repr=False,
        description="Further librdkafka options for the producer, over those of `kafka.client`.",
    )

    @field_validator("topic")
    @classmethod
    def _is_a_topic(cls, topic: str) -> str:
        return topic_name(topic)

    def unpaid(self) -> frozenset[str]:
        """What is in `always`: codes, and each status as text."""
        codes = {item for item in self.always if item in CODES}
        named = (statuses_of(item) for item in self.always if item not in CODES)
        return frozenset(codes | {str(status) for statuses in named for status in statuses})

    def group_of(self, kafka: KafkaSettings) -> str:
        """The group that brings letters back; its lag is the number of open letters."""
        return kafka.group_id if self.topic in kafka.topics else kafka.group_id + LETTERS_SUFFIX

    @field_validator("client", mode="before")
    @classmethod
    def _leaves_owned_options_alone(cls, said: Any) -> Any:
        return _judged(said, OWNED_BY_PRODUCER)


def letters_read_again(kafka: KafkaSettings, dead_letter: DeadLetterSettings) -> list[str]:
    """What is wrong with topics that are read and written at once: every dead letter would make another."""
    if dead_letter.topic.strip() not in (topic.strip() for topic in kafka.topics):
        return []
    remedy = "take it out there, or name another topic for dead letters"
    return [f"dead_letter.topic is in kafka.topics, so that every dead letter would be read again: {remedy}"]

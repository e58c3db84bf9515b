"""Every setting: its name, meaning, default and limits, section by section.

Times are seconds, sizes bytes.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, FilePath, SecretStr, field_validator, model_validator

from processor.core.endpoint import Endpoint
from processor.core.lanes import Order
from processor.core.retry import RetryPolicy
from processor.core.transform import FRAMING, Method, RequestPolicy, Transform
from processor.errors import EventError
from processor.setting_types import (
    ClientOptions,
    Day,
    Hosts,
    Hour,
    Limit,
    Networks,
    Seconds,
    Section,
    Statuses,
    Texts,
    TimeLimit,
    mapping,
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


def _fault_of_header(name: str, value: SecretStr) -> str:
    """What keeps a header from being sent, or nothing."""
    if name.lower() in FRAMING - {"host"}:
        return f"{name} belongs to the connection and cannot be set"
    try:
        Transform(RequestPolicy("http://localhost", headers=((name, value.get_secret_value()),)))
    except EventError as error:
        return f"{name!r}: {error.message}"
    return ""


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
    auto_offset_reset: Literal["earliest", "latest", "error"] = Field(
        "earliest", description="Where a group without a committed offset starts."
    )
    isolation_level: Literal["read_committed", "read_uncommitted"] = Field(
        "read_committed", description="Whether records of open or aborted transactions are read."
    )
    session_timeout: Hour = Field(
        45.0,
        description="After so long without a heartbeat others get the partitions (classic only).",
    )
    max_poll_interval: Day = Field(
        300.0, description="After so long without a poll the process leaves the group."
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
    write_timeout: Seconds = Field(
        30.0, description="How long to wait for the acknowledgement of all replicas."
    )
    client: ClientOptions = Field(
        default_factory=dict,
        repr=False,
        description="Further librdkafka options for the producer, over those of `kafka.client`.",
    )

    @field_validator("client")
    @classmethod
    def _leaves_owned_options_alone(cls, client: dict[str, Any]) -> dict[str, Any]:
        return _not_owned(client, OWNED_BY_PRODUCER)


class TlsSettings(Section):
    """How the endpoint is recognised, and how we are."""

    ca_file: FilePath | None = Field(None, description="Authorities to trust instead of the system's, PEM.")
    certificate_file: FilePath | None = Field(None, description="Our client certificate with its chain, PEM.")
    key_file: FilePath | None = Field(None, description="The private key of our certificate, PEM.")
    key_password: SecretStr | None = Field(None, description="The password of the private key.")


class DestinationSettings(Section):
    """The webhook."""

    name: str = Field(
        "webhook", pattern=r"^[A-Za-z0-9._-]{1,64}$", description="Its name in metrics and dead letters."
    )
    url: str = Field(description="The endpoint, `https://…` or `http://…`.")
    method: Method = Field(
        Method.POST, description="POST, PUT, PATCH (a JSON body), GET or DELETE (a query)."
    )
    headers: Annotated[dict[str, SecretStr], BeforeValidator(mapping)] = Field(
        default_factory=dict,
        description="Sent with every request; values may be `{from_env: NAME}` or `{from_file: PATH}`.",
    )
    allowed_hosts: Hosts = Field(
        default_factory=list,
        description="Other hosts (`host` or `host:port`) that an event's `fullPath` may name.",
    )
    block_private_networks: bool = Field(
        False,
        description="Whether also the configured host has to have a public address; hosts of events have to.",
    )
    allowed_networks: Networks = Field(
        default_factory=list,
        description="Networks, such as `10.1.0.0/16`, to which requests may go although they are not public.",
    )
    connect_timeout: Seconds = Field(
        5.0, description="For name look-up, connection and TLS handshake together."
    )
    request_timeout: Seconds = Field(
        10.0, description="For one attempt from its start to the end of the answer."
    )
    keepalive_timeout: Seconds = Field(
        15.0,
        description="How long an idle connection is kept; best below the endpoint's own limit.",
    )
    tls: TlsSettings = Field(default_factory=TlsSettings, description="TLS.")

    @field_validator("url")
    @classmethod
    def _is_a_sendable_url(cls, url: str) -> str:
        try:
            Endpoint(url)
        except EventError as error:
            raise ValueError(error.message) from None
        return url

    @field_validator("method", mode="before")
    @classmethod
    def _in_any_case(cls, method: Any) -> Any:
        return (method.upper() or "POST") if isinstance(method, str) else method

    @field_validator("headers")
    @classmethod
    def _are_sendable_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        if wrong := [fault for each in headers.items() if (fault := _fault_of_header(*each))]:
            raise ValueError("; ".join(wrong))
        return headers


class DeliverySettings(Section):
    """How events are delivered: in which order, how many at once, how much may wait."""

    order: Order = Field(Order.KEY, description="What keeps its order: `key`, `partition` or `none`.")
    max_in_flight: int = Field(64, ge=1, le=10_000, description="Requests under way at once.")
    max_waiting_records: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="Records read and not finished; about so many, then reading pauses.",
    )
    max_waiting_bytes: int = Field(64 * 1024 * 1024, ge=1024, description="The same in bytes.")
    commit_interval: Seconds = Field(1.0, description="How often positions are committed.")
    drain_timeout: Seconds = Field(
        25.0, description="How long running requests may take to finish on a stop or when partitions move."
    )
    tombstones: Literal["skip", "dead_letter"] = Field(
        "skip", description="What becomes of records without a value."
    )


class RetrySettings(Section):
    """What is tried again, how often, how long."""

    delivered_statuses: Statuses = Field(
        default=RetryPolicy().delivered_statuses,
        description="Answers that mean delivered.",
        json_schema_extra={"default": ["2xx"]},
    )
    retried_statuses: Statuses = Field(
        default=RetryPolicy().retried_statuses,
        description="Answers worth another attempt; all others are final.",
        json_schema_extra={"default": [408, 425, 429, "5xx"]},
    )
    max_attempts: Limit = Field(
        20, description="Attempts per event before it is a dead letter; null: no limit."
    )
    max_elapsed: TimeLimit = Field(
        3600.0, description="Time per event from its first attempt; null: no limit."
    )
    initial_backoff: Seconds = Field(
        0.5, description="The longest wait before the second attempt; doubles with each."
    )
    max_backoff: Seconds = Field(60.0, description="The longest wait between two attempts.")
    max_retry_after: Seconds = Field(300.0, description="The most that a `Retry-After` is followed.")


class AdminSettings(Section):
    """The port for operators: metrics and probes."""

    host: str = Field("0.0.0.0", description="The address to listen on.")  # noqa: S104
    port: int = Field(8080, ge=0, le=65535, description="The port; 0: any free one, named in the log.")


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severity to write."
    )
    format: Literal["auto", "json", "text"] = Field(
        "auto", description="`auto`: text on a terminal, else JSON."
    )

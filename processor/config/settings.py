"""All settings together, and the policies that are made of them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from processor import __version__
from processor.config.destination import proxy, signing
from processor.config.destination.auth import header_names, reserved_headers
from processor.config.destination.endpoint import DestinationSettings
from processor.config.destination.requests import template_policy
from processor.config.destination.secrets import secret_headers, secrets_of, stuck
from processor.config.destination.signing_faults import warnings as warnings_of_signing
from processor.config.kafka import DeadLetterSettings, KafkaSettings
from processor.config.operators import AdminSettings, LiveSettings, LogSettings
from processor.config.record import (
    CloudEventsSettings,
    DebeziumSettings,
    RecordSettings,
    format_policy,
    meaningless,
    policy,
    schema_file_policy,
)
from processor.config.sections import CircuitSettings, DeliverySettings, RetrySettings, retry_policy
from processor.config.services.registry import SchemaRegistrySettings
from processor.config.services.registry import meaningless as meaningless_of_registry
from processor.config.services.reports import ReportSettings
from processor.config.services.reports import warnings as warnings_of_reports
from processor.config.services.secrets import secret_texts
from processor.config.services.tracing import TracingSettings
from processor.config.values.filters import FilterSettings
from processor.config.values.templates import texts_compared, texts_like_numbers, texts_of
from processor.core.dead_letter import DeadLetterPolicy
from processor.core.disclosure import DisclosurePolicy
from processor.core.pace.admission import AdmissionPolicy
from processor.core.pace.budget import BudgetPolicy
from processor.core.pace.circuit import CircuitPolicy
from processor.core.pace.concurrency import ConcurrencyPolicy
from processor.core.pace.hosts import HostsPolicy
from processor.core.pace.pacing import PacingPolicy
from processor.core.pace.rate import RatePolicy
from processor.core.progress.flow import PLENTY, FlowPolicy
from processor.core.progress.lease import LeasePolicy
from processor.core.record.format import FormatPolicy, SchemaFilePolicy
from processor.core.record.reading import RecordPolicy, Value
from processor.core.redaction import Secrets
from processor.core.reports.report import ReportPolicy
from processor.core.request.attempt_headers import AttemptHeaders
from processor.core.request.endpoint import Endpoint
from processor.core.request.filters import FilterPolicy
from processor.core.request.signing.secrets import SigningSecrets
from processor.core.request.tracing.passing import Passing, Traced, TraceHeaders
from processor.core.request.transform import Envelope, RequestPolicy
from processor.core.retry import CONFLICT, RetryPolicy

PREFIX = "WEBHOOK_PROCESSOR__"
"""How the environment variables of settings begin."""
_OTHER_DESCRIPTORS, _OTHER_HOSTS = 256, 64
"""Beside the webhook's: 128 of the admin port, those of brokers, the log, libraries; and idle connections to
hosts that events name."""


class Settings(BaseModel):
    """Everything the operator can say."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kafka: KafkaSettings = Field(description="Where the events are read.")
    dead_letter: DeadLetterSettings = Field(description="Where the events go that cannot be delivered.")
    destination: DestinationSettings = Field(description="The webhook.")
    filter: FilterSettings = Field(
        default_factory=FilterSettings, description="Which events are not for this destination."
    )
    record: RecordSettings = Field(
        default_factory=RecordSettings, description="What the records of the topics are."
    )
    schema_registry: SchemaRegistrySettings = Field(
        default_factory=SchemaRegistrySettings,
        description="Where the schemas are, with `record.value: registry`.",
    )
    debezium: DebeziumSettings = Field(
        default_factory=DebeziumSettings, description="What is made of change events of Debezium."
    )
    cloudevents: CloudEventsSettings = Field(
        default_factory=CloudEventsSettings,
        description="How CloudEvents are sent, and what is made into such.",
    )
    delivery: DeliverySettings = Field(
        default_factory=DeliverySettings, description="How events are delivered."
    )
    retry: RetrySettings = Field(default_factory=RetrySettings, description="What is tried again.")
    reports: ReportSettings = Field(
        default_factory=ReportSettings, description="What is told of events that are settled."
    )
    circuit: CircuitSettings = Field(
        default_factory=CircuitSettings, description="When the endpoint counts as down."
    )
    tracing: TracingSettings = Field(
        default_factory=TracingSettings, description="What is passed on of traces, and told of our own."
    )
    admin: AdminSettings = Field(default_factory=AdminSettings, description="The port for operators.")
    live: LiveSettings = Field(
        default_factory=LiveSettings, description="The page that shows events as they pass."
    )
    log: LogSettings = Field(default_factory=LogSettings, description="What is written to standard error.")

    _files: dict[str, Path] = PrivateAttr(default_factory=dict)
    _proxies: tuple[str, ...] = PrivateAttr(default=())

    @property
    def files(self) -> Mapping[str, Path]:
        """Where those stand that were read from a file each, by their names."""
        return self._files

    def came_from(self, files: Mapping[str, Path], proxies: tuple[str, ...] = ()) -> None:
        """These were read from files; `proxies`: variables of the environment that name one."""
        self._files.update(files)
        self._proxies = proxies

    @property
    def uses_registry(self) -> bool:
        """Whether values name their schemas in a registry."""
        return self.record.value is Value.REGISTRY

    def unread_topics(self) -> frozenset[str]:
        """Topics that we write, and no pattern is to find; not that of dead letters where they are read."""
        ours = (self.dead_letter.topic, self.reports.topic)
        return frozenset(each for each in ours if each and each not in self.kafka.topics)

    def warnings(self) -> list[str]:
        """What can be done as it is said, and is hardly meant."""
        return [
            *warnings_of_reports(self.reports, self.kafka, self.dead_letter.topic),
            *meaningless(self.record, self.debezium, self.cloudevents, self.destination),
            *texts_compared(self.filter.when),
            *warnings_of_signing(self.destination),
            *stuck(self.destination, self.files),
            *meaningless_of_registry(self.schema_registry, is_used=self.uses_registry),
            *proxy.warnings(self.destination, self._proxies),
        ]

    def meanings(self) -> list[str]:
        """What a setting means where it says more than what stands there."""
        destination = self.destination
        allowed = sorted(map(str, Endpoint(destination.url, destination.allowed_hosts).allowed))
        others = [
            *proxy.meanings(destination),
            *texts_like_numbers(destination.body, "destination.body"),
        ]
        if not allowed:
            return others
        secrets = "with" if destination.allowed_hosts_get_secrets else "without"
        sent = f"requests {secrets} secret headers and client certificate"
        return [
            f"destination.allowed_hosts: events may also name {', '.join(allowed)}, which get {sent}",
            *others,
        ]

    def flow_policy(self) -> FlowPolicy:
        """What keeps its order, and how much may wait."""
        delivery = self.delivery
        return FlowPolicy(
            delivery.order,
            delivery.max_waiting_records,
            delivery.max_waiting_bytes,
            self.kafka.max_metadata_bytes,
            plenty=max(PLENTY, 4 * delivery.max_in_flight),
            destination=self.destination.name,
        )

    def max_in_flight(self) -> int:
        """The most requests under way to the endpoint: no more than it may have connections."""
        connections, most = self.destination.max_connections, self.delivery.max_in_flight
        return most if connections is None else min(most, connections)

    def descriptors(self) -> int:
        """How many files and sockets may be open at once, brokers and the admin port included."""
        others = _OTHER_HOSTS + self.hosts_policy().most if self.destination.allowed_hosts else 0
        return self.max_in_flight() + others + _OTHER_DESCRIPTORS

    def admission_policy(self) -> AdmissionPolicy:
        """How many requests may be under way, how fast they may leave, and when not."""
        delivery, letters = self.delivery, self.dead_letter
        concurrency = ConcurrencyPolicy(
            self.max_in_flight(), delivery.min_in_flight, delivery.concurrency == "adaptive"
        )
        budget = letters.budget and BudgetPolicy(letters.budget, letters.budget_per_delivery)
        return AdmissionPolicy(
            concurrency,
            self._circuit_policy(),
            self._rate_policy(),
            budget or None,
            letters.unpaid(),
            PacingPolicy(delivery.pacing == "adaptive"),
            self.retry.max_retry_after,
        )

    def hosts_policy(self) -> HostsPolicy:
        """The same to hosts that events name."""
        delivery = self.delivery
        most = delivery.allowed_hosts_in_flight or max(1, delivery.max_in_flight // 4)
        return HostsPolicy(most, self._circuit_policy(), delivery.concurrency == "adaptive")

    def lease_policy(self) -> LeasePolicy:
        """How long a proof of our membership lasts."""
        return LeasePolicy(self.kafka.session_timeout)

    def longest_revocation(self, reserve: float) -> float:
        """Seconds that handing partitions back may take, the last commits (`reserve`) included.

        Always less than what the group allows between two polls.
        """
        return min(self.delivery.drain_timeout + reserve, 0.95 * self.kafka.max_poll_interval)

    def _circuit_policy(self) -> CircuitPolicy:
        said = self.circuit.model_dump(exclude={"minimum_attempts", "unready"})
        return CircuitPolicy(minimum=self.circuit.minimum_attempts, **said)

    def _rate_policy(self) -> RatePolicy | None:
        limit, burst = self.delivery.rate_limit, self.delivery.burst
        return None if limit is None else RatePolicy(limit, burst or max(1, round(limit / 10)))

    def retry_policy(self) -> RetryPolicy:
        auth, is_repeated = self.destination.auth, signing.has_idempotency_key(self.destination)
        return retry_policy(
            self.retry,
            refusals=frozenset() if auth.type == "none" else auth.refused_statuses,
            conflicts=frozenset((CONFLICT,) if is_repeated else ()),
            always=self.dead_letter.unpaid(),
            rate_limit_hints=self.delivery.rate_limit_hints,
        )

    def request_policy(self) -> RequestPolicy:
        destination = self.destination
        return RequestPolicy(
            destination.url,
            destination.method,
            texts_of(destination.headers, templates=False),
            frozenset(destination.allowed_hosts),
            destination.envelope  # a column of a table may be called `header`, and may be null
            or (Envelope.RUDDERSTACK if self.record_policy().is_plain else Envelope.NONE),
            own_headers=frozenset()
            if destination.allowed_hosts_get_secrets
            else secret_headers(self.destination),
            proof_headers=secret_headers(destination) | header_names(destination.auth) | {"authorization"},
            reserved_headers=frozenset().union(
                (name for name, _ in signing.made_headers(destination)),
                reserved_headers(destination.auth),
                self.tracing.reserved_headers(),
            ),
            templates=template_policy(destination, has_events=self.record.value.is_event) or None,
            id_member=signing.id_member(destination),
        )

    def attempt_headers(self, traces: TraceHeaders | None = None) -> AttemptHeaders | None:
        """Who makes what each attempt says anew; `traces` in place of those that are passed on.

        Raises UnusableSecretError.
        """
        others = signing.attempt_headers(self.destination, self.signing_secrets)
        if traces is not None:
            return Traced(others, traces)
        return Passing(others) if self.tracing.propagate else others

    @cached_property
    def signing_secrets(self) -> SigningSecrets | None:
        """The secrets that sign: one object, which is told of others while the process runs."""
        return signing.signing_secrets(self.destination, self.secrets)

    def record_policy(self) -> RecordPolicy:
        """What is made of records."""
        found = policy(self.record, self.debezium, self.cloudevents, self.destination)
        forwarded = tuple(self.tracing.forwarded(found.forward_headers))
        return replace(found, forward_headers=forwarded, not_forwarded=self.tracing.reserved_headers())

    def schema_file_policy(self) -> SchemaFilePolicy | None:
        """By which schema values are decoded."""
        return schema_file_policy(self.record)

    def format_policy(self) -> FormatPolicy:
        """How what JSON has no type for is written."""
        return format_policy(self.record)

    def filter_policy(self) -> FilterPolicy:
        """Which records are left out."""
        return self.filter.policy(skip_tombstones=self.delivery.tombstones == "skip")

    def dead_letter_policy(self) -> DeadLetterPolicy:
        """Who writes dead letters, and what is struck out of them."""
        return DeadLetterPolicy(
            self.destination.name,
            self.kafka.group_id,
            __version__,
            self.secrets,
            may_reduce=self.dead_letter.when_unwritable == "without_value",
            keeps_time=self.dead_letter.timestamp == "record",
            ids=signing.ids(self.destination),
        )

    def report_policy(self) -> ReportPolicy:
        """What is told of events that are settled, and whether they wait for that."""
        ids, are_letters = signing.ids(self.destination), self.dead_letter.topic in self.kafka.topics
        return self.reports.policy(self.destination.name, self.secrets, ids, are_letters=are_letters)

    def disclosure_policy(self) -> DisclosurePolicy:
        """What those see who look at the live page."""
        return DisclosurePolicy(self.live.payloads, self.secrets)

    @cached_property
    def secrets(self) -> Secrets:
        """The texts that may stand nowhere but in a request or a login: one object for all who strike."""
        others = secret_texts(self.kafka, self.dead_letter, self.schema_registry, self.admin)
        return secrets_of(self.destination, others)

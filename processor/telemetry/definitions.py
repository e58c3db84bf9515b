"""Metric definitions: every metric there is, in the order of the exposition.

Promise: what code, documents, dashboard and alerts know of a metric stands here and nowhere else. A
metric is named as a member of this module, so that one that is not there is found by mypy.

All metrics begin with `NAMESPACE` and have the label `destination`; values of the other labels come from
closed sets, or are topics, partitions and workers. A name ends in its unit; seconds, bytes.
"""

# ruff: noqa: E501 (a table, an entry a line)

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

NAMESPACE = "webhook_processor"


class Part(Enum):
    """What exposes a metric."""

    PROCESS = "process"
    """Moved when something happens."""
    SCRAPE = "scrape"
    """Asked of the process when somebody scrapes; it costs nothing otherwise."""
    SUPERVISOR = "supervisor"
    """Of `run --workers`; beside all those of its workers, which get the label `worker`."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric: its name without NAMESPACE, what it tells, and its labels beside `destination`."""

    kind: ClassVar[str]
    """As the exposition says it."""
    part: Part
    name: str
    help: str
    labels: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return f"{NAMESPACE}_{self.name}"

    @property
    def label_names(self) -> tuple[str, ...]:
        return ("destination", *self.labels)

    def series(self) -> tuple[str, ...]:
        """The names that a query may ask for."""
        return (self.full_name,)


@dataclass(frozen=True, slots=True)
class CounterDefinition(Definition):
    """It only grows."""

    kind = "counter"


@dataclass(frozen=True, slots=True)
class GaugeDefinition(Definition):
    """It goes up and down."""

    kind = "gauge"


@dataclass(frozen=True, slots=True)
class HistogramDefinition(Definition):
    """`buckets`: their upper ends, ascending, without the infinite one."""

    kind = "histogram"
    buckets: tuple[float, ...] = ()

    def series(self) -> tuple[str, ...]:
        """The names that a query may ask for."""
        return tuple(f"{self.full_name}_{tail}" for tail in ("bucket", "sum", "count"))


# fmt: off
# Of a process

RECORDS_CONSUMED = CounterDefinition(Part.PROCESS, "records_consumed_total", "Records read from Kafka.", ("topic",))
RECORDS_MISSED = CounterDefinition(Part.PROCESS, "records_missed_total", "Records deleted from the topic, by its retention, before they were read.", ("topic",))
PARTITIONS_MADE_ANEW = CounterDefinition(Part.PROCESS, "partitions_made_anew_total", "Partitions that begin at the start of their topic because it was deleted and made anew.", ("topic",))
DELIVERIES = CounterDefinition(Part.PROCESS, "deliveries_total", "Records settled, by outcome.", ("outcome",))
ATTEMPTS = CounterDefinition(Part.PROCESS, "attempts_total", "Requests sent: `result` is the class of the status (2xx), or why there was no answer; `status` the status itself, of the first 40 that occurred, else the class.", ("result", "status"))
RETRIES = CounterDefinition(Part.PROCESS, "retries_total", "Attempts that will be followed by another.")
RECORDS_SKIPPED = CounterDefinition(Part.PROCESS, "records_skipped_total", "Records that a rule left out.", ("reason",))
DEAD_LETTERS = CounterDefinition(Part.PROCESS, "dead_letters_total", "Dead letters acknowledged, by reason.", ("reason",))
DEAD_LETTER_WRITE_FAILURES = CounterDefinition(Part.PROCESS, "dead_letter_write_failures_total", "Dead letters that could not be written (and are tried again).", ("reason",))
DEAD_LETTERS_WITHHELD = CounterDefinition(Part.PROCESS, "dead_letters_withheld_total", "Failures that became no dead letter: the endpoint is down, or nearly everything fails.", ("reason",))
DELIVERY_REPORTS = CounterDefinition(Part.PROCESS, "delivery_reports_total", "Reports by what became of them: acknowledged (`written`), refused by the topic (`failed`: tried again if `reports.required`, else lost), or lost for too many on their way (`dropped`).", ("result",))
CIRCUIT_CHANGES = CounterDefinition(Part.PROCESS, "circuit_changes_total", "Changes of the circuit.", ("state", "reason"))
SECOND_TRIES = CounterDefinition(Part.PROCESS, "second_tries_total", "Requests sent once more, as the same attempt, because their connection was dead already.")
CONNECTIONS_OPENED = CounterDefinition(Part.PROCESS, "connections_opened_total", "Connections opened to the endpoint and to hosts of events.")
CONNECTIONS_CLOSED = CounterDefinition(Part.PROCESS, "connections_closed_total", "Connections that ended, by why.", ("reason",))
EVENT_HEADERS_DROPPED = CounterDefinition(Part.PROCESS, "event_headers_dropped_total", "Headers of events that belong to the connection, or are made for each attempt, and were left out.")
LATE_RESULTS = CounterDefinition(Part.PROCESS, "late_results_total", "Results that came after their partition had gone.")
COMMITS = CounterDefinition(Part.PROCESS, "commits_total", "Positions committed, per partition, by result.", ("result",))
COMMIT_ERRORS = CounterDefinition(Part.PROCESS, "commit_errors_total", "Positions that were not acknowledged; the log says why.", ("topic",))
COMMIT_METADATA_REFUSALS = CounterDefinition(Part.PROCESS, "commit_metadata_refusals_total", "Commits that the broker refused for the length of their metadata; the next is shorter.")
REBALANCES = CounterDefinition(Part.PROCESS, "rebalances_total", "Changes of the assignment.", ("kind",))
SOURCE_ERRORS = CounterDefinition(Part.PROCESS, "source_errors_total", "What the Kafka client reported.", ("error",))
FOREIGN_POSITIONS = CounterDefinition(Part.PROCESS, "foreign_positions_total", "Partitions that another destination committed.")
SCHEMA_REGISTRY_REQUESTS = CounterDefinition(Part.PROCESS, "schema_registry_requests_total", "Questions to the schema registry, by what came of them; `found` and `missing` are its answers.", ("result",))
SPANS = CounterDefinition(Part.PROCESS, "spans_total", "Spans by what became of them: taken by the collector (`exported`), refused (`failed`), too many for it (`dropped`); `capped`: records that have none, being too many.", ("result",))
CREDENTIAL_FETCHES = CounterDefinition(Part.PROCESS, "credential_fetches_total", "Tokens and keys asked for, by what came of it.", ("outcome",))
CREDENTIAL_EXPIRES_AT_SECONDS = GaugeDefinition(Part.PROCESS, "credential_expires_at_seconds", "Until when the token or the keys that were fetched last are good, as a timestamp; 0: none were.")
CREDENTIAL_REFUSALS = CounterDefinition(Part.PROCESS, "credential_refusals_total", "Answers by which the endpoint refused who sends, those included after which the request was sent again.")
CREDENTIAL_RELOAD_FAILURES = CounterDefinition(Part.PROCESS, "credential_reload_failures_total", "Secrets and certificates in files that changed into what cannot be used; the ones before are used.")
CERTIFICATE_EXPIRES_AT_SECONDS = GaugeDefinition(Part.PROCESS, "certificate_expires_at_seconds", "Until when a certificate for the endpoint is valid, as a timestamp: `client` ours, `authority` the one in `ca_file` that ends last.", ("which",))
CERTIFICATE_VALID_FROM_SECONDS = GaugeDefinition(Part.PROCESS, "certificate_valid_from_seconds", "From when on it is.", ("which",))
LAST_COMMIT_TIMESTAMP_SECONDS = GaugeDefinition(Part.PROCESS, "last_commit_timestamp_seconds", "When a commit was last acknowledged.")
REQUEST_DURATION_SECONDS = HistogramDefinition(Part.PROCESS, "request_duration_seconds", "From sending a request to its answer.", buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30))
CONNECT_DURATION_SECONDS = HistogramDefinition(Part.PROCESS, "connect_duration_seconds", "Opening a connection: name look-up, TCP and TLS together.", buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
END_TO_END_LATENCY_SECONDS = HistogramDefinition(Part.PROCESS, "end_to_end_latency_seconds", "From a record's timestamp to its delivery.", buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600))
LOG_LINES_LOST = CounterDefinition(Part.PROCESS, "log_lines_lost_total", "Lines of the log that could not be written, by reason.", ("reason",))
END_TO_END_LATENCY_UNKNOWN = CounterDefinition(Part.PROCESS, "end_to_end_latency_unknown_total", "Records delivered with a timestamp that tells no latency, by why: there is none, or it is over 60 s ahead of our clock, or over ten years old.", ("reason",))
RECORDS_HEADLESS = CounterDefinition(Part.PROCESS, "records_headless_total", "Records whose headers could not be read and were left out.", ("topic",))
BUILD_INFO = GaugeDefinition(Part.PROCESS, "build_info", "Always 1; which version this is.", ("version", "python"))

# Asked of a process at a scrape

IN_FLIGHT = GaugeDefinition(Part.SCRAPE, "in_flight", "Requests under way to the endpoint.")
IN_FLIGHT_LIMIT = GaugeDefinition(Part.SCRAPE, "in_flight_limit", "How many may be under way.")
ALLOWED_HOSTS_IN_FLIGHT = GaugeDefinition(Part.SCRAPE, "allowed_hosts_in_flight", "Requests under way to hosts that events name.")
ALLOWED_HOSTS_DOWN = GaugeDefinition(Part.SCRAPE, "allowed_hosts_down", "Hosts that events name and that count as down: only probes are sent to them.")
LEARNT_RATE = GaugeDefinition(Part.SCRAPE, "learnt_rate_per_second", "Requests per second that an endpoint that pushes back was found to take; 0: it pushes nothing back.")
MAX_IN_FLIGHT = GaugeDefinition(Part.SCRAPE, "max_in_flight", "The most that the limit may come to.")
CONNECTIONS_OPEN = GaugeDefinition(Part.SCRAPE, "connections_open", "Connections that are open.")
RETRIES_WAITING = GaugeDefinition(Part.SCRAPE, "retries_waiting", "Records that wait for another attempt.")
DEAD_LETTERS_BLOCKED = GaugeDefinition(Part.SCRAPE, "dead_letters_blocked", "Dead letters that could not be written yet.")
DELIVERY_REPORTS_BLOCKED = GaugeDefinition(Part.SCRAPE, "delivery_reports_blocked", "Required reports that could not be written yet.")
WAITING_RECORDS = GaugeDefinition(Part.SCRAPE, "waiting_records", "Records read and not settled.")
WAITING_BYTES = GaugeDefinition(Part.SCRAPE, "waiting_bytes", "Their bytes.")
OLDEST_UNSETTLED_AGE_SECONDS = GaugeDefinition(Part.SCRAPE, "oldest_unsettled_age_seconds", "Age of the oldest record read and not settled.")
ASSIGNED_PARTITIONS = GaugeDefinition(Part.SCRAPE, "assigned_partitions", "Partitions that are read.")
READY = GaugeDefinition(Part.SCRAPE, "ready", "1 when /readyz says so.")
MEMBER = GaugeDefinition(Part.SCRAPE, "member", "1 while our membership in the group is proven.")
DEAD_LETTER_BUDGET = GaugeDefinition(Part.SCRAPE, "dead_letter_budget", "Failures of one kind that may become dead letters before an event is delivered.")
ENDPOINT_PAUSE_SECONDS = GaugeDefinition(Part.SCRAPE, "endpoint_pause_seconds", "For how long the endpoint asked to be left alone (Retry-After).")
LEASE_SECONDS = GaugeDefinition(Part.SCRAPE, "lease_seconds", "For how long our membership in the group is proven; at 0 nothing is sent.")
CREDENTIALS_REFUSED = GaugeDefinition(Part.SCRAPE, "credentials_refused", "1 while the endpoint does not take what proves who we are: nothing is delivered, nothing becomes a dead letter for that.")
LETTERS_OPEN = GaugeDefinition(Part.SCRAPE, "letters_open", "Dead letters that were not brought back, asked for once a minute; nothing while that is not known.")
LETTERS_OLDEST_AGE_SECONDS = GaugeDefinition(Part.SCRAPE, "letters_oldest_age_seconds", "For how long the open dead letter that waits longest has been one; 0 where none is open.")
WITHHELD_RECORDS = GaugeDefinition(Part.SCRAPE, "withheld_records", "Records that wait because too many would be dead letters, by what is wrong with them.", ("reason",))
PAUSED_PARTITIONS = GaugeDefinition(Part.SCRAPE, "paused_partitions", "Partitions of which nothing is taken for now.", ("reason",))
LAG_RECORDS = GaugeDefinition(Part.SCRAPE, "lag_records", "Records between the position and the end.", ("topic", "partition"))
LAG_HIGH_WATERMARK_RECORDS = GaugeDefinition(Part.SCRAPE, "lag_high_watermark_records", "Records between the position and the high watermark, those of open transactions and behind them included.", ("topic", "partition"))
LAST_STABLE_OFFSET_STILL_SECONDS = GaugeDefinition(Part.SCRAPE, "last_stable_offset_still_seconds", "For how long the last stable offset stands still with records behind it: a transaction is open.", ("topic", "partition"))
PARTITION_UNREADABLE = GaugeDefinition(Part.SCRAPE, "partition_unreadable", "1 where a partition cannot be read on, else 0.", ("topic", "partition"))
LAG_SECONDS = GaugeDefinition(Part.SCRAPE, "lag_seconds", "Age of the record at the position; 0 at the end, nothing while it is not known.", ("topic", "partition"))
COMMITTED_OFFSET = GaugeDefinition(Part.SCRAPE, "committed_offset", "The position that the broker acknowledged last.", ("topic", "partition"))
COMMIT_GAP_RECORDS = GaugeDefinition(Part.SCRAPE, "commit_gap_records", "From the position to the highest finished.", ("topic", "partition"))
CIRCUIT_STATE = GaugeDefinition(Part.SCRAPE, "circuit_state", "1 for how the circuit stands, 0 for the others.", ("state",))

# Of a supervisor

WORKER_RESTARTS = CounterDefinition(Part.SUPERVISOR, "worker_restarts_total", "Workers started again after they ended.", ("worker",))
WORKERS = GaugeDefinition(Part.SUPERVISOR, "workers", "Workers, by how they stand.", ("state",))
SUPERVISOR_LOG_LINES_LOST = CounterDefinition(Part.SUPERVISOR, "supervisor_log_lines_lost_total", "Lines of the supervisor's log that could not be written, by reason.", ("reason",))
WORKER_ANSWERED = GaugeDefinition(Part.SUPERVISOR, "worker_answered", "1 where this answer holds the worker's metrics.", ("worker",))

# fmt: on

TABLE = tuple(row for row in tuple(globals().values()) if isinstance(row, Definition))
"""All of them."""

"""What the dashboard shows, row by row.

`@name{…}` in a query stands for our metric of that name, or one of the process (`@process_…`), chosen by
the dashboard's variables. `grafana.py` makes Grafana's JSON of it.
"""

# ruff: noqa: E501 (tables, an entry a line)

from dataclasses import dataclass, field
from typing import Any

WHERE = ("namespace", "job", "instance")
"""The variables that every series has a label for."""
BY_PROCESS = "by (destination, instance, worker)"
PROCESS = "{{destination}} {{instance}} {{worker}}"
OF_PROCESS = " * on (namespace, job, instance, worker) group_left (destination) @build_info"
"""Metrics of the process have no label `destination` of their own."""


@dataclass(frozen=True)
class Panel:
    """One panel; `queries` are pairs of an expression and a legend, `unit` is Grafana's name of one."""

    title: str
    description: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    field: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


def stat(
    title: str, description: str, unit: str, query: str, *, bad_from: float | None = None, **more: Any
) -> Panel:
    """One number; red from `bad_from` on."""
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    steps += [] if bad_from is None else [{"color": "red", "value": bad_from}]
    shown = {"thresholds": {"mode": "absolute", "steps": steps}, **more}
    return Panel(title, description, unit, ((query, "{{destination}}"),), "stat", 3, 4, shown)


def quantiles(metric: str) -> tuple[tuple[str, str], ...]:
    """The 50th, 95th and 99th percentile of a histogram."""
    rate = f"sum by (le, destination) (rate(@{metric}_bucket[$__rate_interval]))"
    return tuple(
        (f"histogram_quantile({q}, {rate})", f"{{{{destination}}}} p{q[2:].ljust(2, '0')}")
        for q in ("0.5", "0.95", "0.99")
    )


def rate(metric: str, *labels: str) -> tuple[tuple[str, str], ...]:
    """What a counter counts in a second, by these labels."""
    by = ", ".join(("destination", *labels))
    legend = " ".join(f"{{{{{label}}}}}" for label in ("destination", *labels))
    return ((f"sum by ({by}) (rate(@{metric}[$__rate_interval]))", legend),)


def gauge(metric: str, how: str = "max", by: str = BY_PROCESS, legend: str = PROCESS) -> tuple[str, str]:
    """A gauge."""
    return f"{how} {by} (@{metric})", legend


UP_OR_DOWN = [{"type": "value", "options": {"0": {"text": "up"}, "1": {"text": "down"}}}]
TOPIC_PARTITION = "by (destination, topic, partition)"
PARTITION = "{{destination}} {{topic}}/{{partition}}"
DESTINATION = ("by (destination)", "{{destination}}")
REASON = ("by (destination, reason)", "{{destination}} {{reason}}")

OVERVIEW = Row(
    "Overview",
    (
        stat("Ready", "Processes, or workers, whose /readyz is green.", "short", "sum by (destination) (@ready)"),
        stat("Endpoint now", "Down when a process sends only probes. Events wait meanwhile; nothing is lost.", "short", 'max by (destination) (@circuit_state{state!="closed"})', bad_from=1, mappings=UP_OR_DOWN),
        stat("Delivered", "Events delivered in a second.", "reqps", 'sum by (destination) (rate(@deliveries_total{outcome="delivered"}[$__rate_interval]))'),
        stat("In time", "Share of the events settled in the last hour that were delivered within 5 minutes of their timestamp; the objective is 99 %.", "percentunit", 'sum by (destination) (rate(@end_to_end_latency_seconds_bucket{le=~"300(\\\\.0)?"}[1h])) / sum by (destination) (rate(@deliveries_total{outcome=~"delivered|dead_lettered"}[1h]))'),
        stat("Lag", "Records behind the committed and finished ones, all partitions together.", "short", "sum by (destination) (max by (namespace, destination, topic, partition) (@lag_records))"),
        stat("Lag in time", "Age of the record that waits longest at a partition's position.", "s", "max by (destination) (@lag_seconds)", bad_from=300),
        stat("Dead letters, 1 h", "Events that became dead letters in the last hour.", "short", 'sum by (destination) (increase(@deliveries_total{outcome="dead_lettered"}[1h]))'),
        stat("Dead letters blocked", "Dead letters that cannot be written: their partitions are held.", "short", "sum by (destination) (@dead_letters_blocked)", bad_from=1),
    ),
)  # fmt: skip

DELIVERIES = Row(
    "Deliveries",
    (
        Panel("Records read", "Records read from Kafka, by topic.", "cps", rate("records_consumed_total", "topic")),
        Panel("Records settled by outcome", "Records that need nothing more: delivered, written as dead letters, or left out by a rule.", "cps", rate("deliveries_total", "outcome")),
        Panel("Events that missed the objective", "Share of the settled events that became dead letters or took more than 5 minutes from their timestamp to their delivery.", "percentunit", (('1 - (sum by (destination) (rate(@end_to_end_latency_seconds_bucket{le=~"300(\\\\.0)?"}[$__rate_interval])) + sum by (destination) (rate(@end_to_end_latency_unknown_total[$__rate_interval]))) / (sum by (destination) (rate(@deliveries_total{outcome=~"delivered|dead_lettered"}[$__rate_interval])) > 0)', "{{destination}}"),)),
        Panel("Request duration", "From sending a request to its answer, or to giving it up.", "s", quantiles("request_duration_seconds")),
        Panel("End-to-end latency", "From a record's timestamp to its delivery.", "s", quantiles("end_to_end_latency_seconds")),
        Panel("End-to-end latency, all of it", "How many events took how long from their timestamp to their delivery.", "s", (("sum by (le) (increase(@end_to_end_latency_seconds_bucket[$__rate_interval]))", "{{le}}"),), "heatmap"),
        Panel("Latency not known", "Records delivered whose timestamp tells no latency, by why.", "cps", rate("end_to_end_latency_unknown_total", "reason")),
        Panel("Records left out", "Records that a rule left out, by reason.", "cps", rate("records_skipped_total", "reason")),
        Panel("Records waiting", "Records read and not settled; reading pauses at delivery.max_waiting_records.", "short", (gauge("waiting_records"),)),
        Panel("Bytes waiting", "Their bytes; reading pauses at delivery.max_waiting_bytes.", "bytes", (gauge("waiting_bytes"),)),
    ),
)  # fmt: skip

KAFKA = Row(
    "Kafka",
    (
        Panel("Lag in records", "Records between the positions and the ends of all partitions.", "short", (("sum by (destination) (max by (namespace, destination, topic, partition) (@lag_records))", "{{destination}}"),)),
        Panel("Lag in seconds", "Age of the record that waits longest at a partition's position; nothing where none was read yet.", "s", (gauge("lag_seconds", "max", *DESTINATION),)),
        Panel("Oldest unsettled", "Age of the oldest record that was read and is not settled, by process.", "s", (gauge("oldest_unsettled_age_seconds"),)),
        Panel("Lag by partition", "The ten partitions with the most records between position and end.", "short", (("topk(10, max by (destination, topic, partition) (@lag_records))", PARTITION),)),
        Panel("Lag to the high watermark", "Records between position and high watermark, those of open transactions and behind them included; the ten partitions with the most.", "short", (("topk(10, max by (destination, topic, partition) (@lag_high_watermark_records))", PARTITION),)),
        Panel("Open transactions", "For how long the last stable offset of a partition has stood still with records behind it. The ten longest.", "s", (("topk(10, max by (destination, topic, partition) (@last_stable_offset_still_seconds))", PARTITION),)),
        Panel("Partitions that cannot be read", "Partitions that stand still before a batch that is broken, or too large unpacked.", "short", (("sum by (destination, topic) (@partition_unreadable)", "{{destination}} {{topic}}"),)),
        Panel("Positions committed", "By how many offsets a second the broker's acknowledged positions move; the ten fastest partitions.", "cps", (("topk(10, max by (destination, topic, partition) (deriv(@committed_offset[$__rate_interval])))", PARTITION),)),
        Panel("Commit gap", "From a partition's position to the highest finished record: above 0 one record is slower than those behind it. The ten widest.", "short", (("topk(10, max by (destination, topic, partition) (@commit_gap_records))", PARTITION),)),
        Panel("Commits by result", "Positions committed, per partition. Failures during a rebalance are usual.", "cps", rate("commits_total", "result")),
        Panel("Since the last commit", "Time since a commit was acknowledged; positions that do not move are committed again now and then.", "s", (("time() - max by (destination, instance, worker) (@last_commit_timestamp_seconds)", PROCESS),)),
        Panel("Membership proven for", "For how long the process may believe that its partitions are its own; at 0 nothing is sent.", "s", (gauge("lease_seconds", "min"),)),
        Panel("Members", "Processes that can prove that they are members of their group.", "short", (gauge("member", "sum", *DESTINATION),)),
        Panel("Positions of other destinations", "Partitions assigned whose position another destination committed, in an hour: above 0 two destinations share the group.", "short", (("sum by (destination) (increase(@foreign_positions_total[1h]))", "{{destination}}"),)),
        Panel("Rebalances by kind", "Changes of the assignment in a minute. `lost`: thrown out of the group.", "short", (("sum by (destination, kind) (increase(@rebalances_total[1m]))", "{{destination}} {{kind}}"),)),
        Panel("Partitions assigned", "Partitions that each process reads.", "short", (gauge("assigned_partitions"),)),
        Panel("Partitions paused", "Partitions of which nothing is taken for now, by reason.", "short", (gauge("paused_partitions", "sum", *REASON),)),
        Panel("Questions to the schema registry", "By what came of them; `found` and `missing` are its answers.", "cps", rate("schema_registry_requests_total", "result")),
        Panel("Records missed", "Records that retention deleted before they were read: they are lost. In an hour.", "short", (("sum by (destination, topic) (increase(@records_missed_total[1h]))", "{{destination}} {{topic}}"),)),
        Panel("Records without headers", "Records whose headers could not be read and were left out. In an hour.", "short", (("sum by (destination, topic) (increase(@records_headless_total[1h]))", "{{destination}} {{topic}}"),)),
        Panel("Client errors", "What the Kafka client reported, by error.", "cps", rate("source_errors_total", "error")),
        Panel("Topics made anew", "Partitions that begin at the start of their topic because it was deleted and made anew. In an hour.", "short", (("sum by (destination, topic) (increase(@partitions_made_anew_total[1h]))", "{{destination}} {{topic}}"),)),
        Panel("Positions not acknowledged", "By topic; the log says why. They are committed again.", "cps", rate("commit_errors_total", "topic")),
        Panel("Commit metadata refused", "Commits that the broker refused for the length of their metadata; the next is shorter. In an hour.", "short", (("sum by (destination) (increase(@commit_metadata_refusals_total[1h]))", "{{destination}}"),)),
        Panel("Late results", "Answers that came after their partition had gone; the record is sent again where it is now.", "cps", rate("late_results_total")),
    ),
)  # fmt: skip

ENDPOINT = Row(
    "Endpoint",
    (
        Panel("Attempts by result", "Requests by the class of their status, or by why there was no answer.", "reqps", rate("attempts_total", "result")),
        Panel("Answers by status", "Requests by the status of their answer.", "reqps", (('sum by (destination, status) (rate(@attempts_total{status!=""}[$__rate_interval]))', "{{destination}} {{status}}"),)),
        Panel("Hosts that events name", "Requests under way to destination.allowed_hosts, and how many of these count as down; the endpoint's own events go on meanwhile.", "short", (gauge("allowed_hosts_in_flight", "sum", "by (destination)", "{{destination}} in flight"), gauge("allowed_hosts_down", "max", "by (destination)", "{{destination}} down"))),
        Panel("Requests in flight against their limit", "Requests under way, how many may be, and the most that the limit may come to.", "short", (gauge("in_flight", "sum", "by (destination)", "{{destination}} in flight"), gauge("in_flight_limit", "sum", "by (destination)", "{{destination}} limit"), gauge("max_in_flight", "sum", "by (destination)", "{{destination}} maximum"))),
        Panel("Learnt rate", "Requests per second that an endpoint that answers 429 or 503 to some was found to take; 0: it pushes nothing back.", "reqps", (gauge("learnt_rate_per_second"),)),
        Panel("Endpoint state", "Processes by how their circuit stands; open: only probes are sent.", "short", (gauge("circuit_state", "sum", "by (destination, state)", "{{destination}} {{state}}"),)),
        Panel("Credentials refused", "Processes that the endpoint does not know, or that have no token: nothing is delivered, and nothing becomes a dead letter for that.", "short", (gauge("credentials_refused", "sum", *DESTINATION),)),
        Panel("Credentials", "What was fetched, by what came of it; refusals of who sends, those included after which a request was sent again; files that changed into what cannot be used.", "short", (*rate("credential_fetches_total", "outcome"), *rate("credential_refusals_total"), *rate("credential_reload_failures_total"))),
        Panel("Time left of credentials", "Of the token or keys that were fetched last, and of certificates; below a fifth of its life a certificate raises an alert.", "s", (("min by (destination) (@credential_expires_at_seconds > 0) - time()", "{{destination}} fetched"), ("min by (destination, which) (@certificate_expires_at_seconds) - time()", "{{destination}} {{which}}"), ("min by (destination, which) (@certificate_expires_at_seconds - @certificate_valid_from_seconds) / 5", "{{destination}} {{which}}, a fifth"))),
        Panel("Changes of the circuit", "Changes in a minute, by new state and reason.", "short", (("sum by (destination, state, reason) (increase(@circuit_changes_total[1m]))", "{{destination}} {{state}} {{reason}}"),)),
        Panel("Connections", "Connections that are open.", "short", (gauge("connections_open", "sum", *DESTINATION),)),
        Panel("Connections opened and closed", "Opened, and closed by why. `yielded`: the endpoint left some unanswered while it answered others, for want of workers; `server`: the endpoint ended it.", "cps", (*rate("connections_opened_total"), *rate("connections_closed_total", "reason"))),
        Panel("Time to connect", "Opening a connection: name look-up, TCP and TLS together.", "s", quantiles("connect_duration_seconds")),
        Panel("Second tries", "Requests sent once more, as the same attempt, because their connection was dead already. Many: destination.keepalive_timeout is above the endpoint's own limit.", "reqps", rate("second_tries_total")),
        Panel("Retries", "Attempts that will be followed by another.", "reqps", rate("retries_total")),
        Panel("Retries waiting", "Records that wait for another attempt.", "short", (gauge("retries_waiting"),)),
        Panel("Retry-After pause", "For how long the endpoint asked to be left alone.", "s", (gauge("endpoint_pause_seconds"),)),
        Panel("Dead-letter budget", "Failures of one kind that may become dead letters before an event is delivered; at 0 they wait.", "short", (gauge("dead_letter_budget", "min"),)),
        Panel("Event headers dropped", "Headers of events that belong to the connection and were left out.", "cps", rate("event_headers_dropped_total")),
    ),
)  # fmt: skip

DEAD_LETTERS = Row(
    "Dead letters",
    (
        Panel("Dead letters by reason", "Dead letters acknowledged by the broker.", "cps", rate("dead_letters_total", "reason"), width=6),
        Panel("Dead letters withheld", "Failures that became none: the endpoint is down, or nearly everything fails.", "cps", rate("dead_letters_withheld_total", "reason"), width=6),
        Panel("Records withheld", "What waits because too many would be dead letters; deliveries pay for it.", "short", (gauge("withheld_records", "sum", "by (destination, reason)", "{{destination}} {{reason}}"),), width=6),
        Panel("Dead letters that wait to be written", "Each holds its partition until it is written.", "short", (gauge("dead_letters_blocked"),), width=6),
        Panel("Open dead letters", "Those that were not brought back; `letters redeliver` does that.", "short", (gauge("letters_open", "max", *DESTINATION),), width=6),
        Panel("Oldest open dead letter", "For how long it has been one; the retention of its topic deletes it some day.", "s", (gauge("letters_oldest_age_seconds", "max", *DESTINATION),), width=6),
        Panel("Dead-letter writes that failed", "By reason; they are tried again.", "cps", rate("dead_letter_write_failures_total", "reason"), width=6),
        Panel("Delivery reports", "Written; failed, which are tried again if they are required and else lost; and dropped, as too many are on their way.", "cps", rate("delivery_reports_total", "result"), width=6),
        Panel("Reports that wait to be written", "Required ones: each holds its partition until it is written.", "short", (gauge("delivery_reports_blocked"),), width=6),
    ),
)  # fmt: skip

PROCESSES = Row(
    "Processes",
    (
        Panel("CPU", "Share of one core, which is all that a process can use.", "percentunit", (("rate(@process_cpu_seconds_total[$__rate_interval])" + OF_PROCESS, PROCESS),)),
        Panel("Memory", "Resident memory.", "bytes", (("@process_resident_memory_bytes" + OF_PROCESS, PROCESS),)),
        Panel("File descriptors", "Open files and sockets, and how many there may be.", "short", (("@process_open_fds" + OF_PROCESS, PROCESS + " open"), ("@process_max_fds" + OF_PROCESS, PROCESS + " most"))),
        Panel("Ready by process", "1 when /readyz is green.", "short", (gauge("ready"),)),
        Panel("Running for", "Time since the process was started.", "s", (("(time() - @process_start_time_seconds)" + OF_PROCESS, PROCESS),)),
        Panel("Version", "Versions of the processor and of Python.", "short", (("count by (destination, version, python) (@build_info)", "{{destination}} {{version}}, Python {{python}}"),)),
        Panel("Log lines lost", "Lines of the log that could not be written, by reason.", "cps", rate("log_lines_lost_total", "reason")),
        Panel("Spans", "By what became of them (tracing.exporter). `capped`: records that have none, being beyond tracing.max_per_second.", "cps", rate("spans_total", "result")),
        Panel("Workers by state", "Workers under a supervisor (--workers).", "short", (gauge("workers", "sum", "by (destination, instance, state)", "{{destination}} {{instance}} {{state}}"),)),
        Panel("Workers that answer", "1 where the worker answered its supervisor when it was scraped (--workers).", "short", (gauge("worker_answered", "min"),)),
        Panel("Supervisor's log lines lost", "Lines of the supervisor's own log that could not be written, by reason (--workers).", "cps", rate("supervisor_log_lines_lost_total", "reason")),
        Panel("Worker restarts", "Workers started again, in an hour (--workers).", "short", (("sum by (destination, instance, worker) (increase(@worker_restarts_total[1h]))", PROCESS),)),
    ),
)  # fmt: skip

ROWS = (OVERVIEW, DELIVERIES, KAFKA, ENDPOINT, DEAD_LETTERS, PROCESSES)

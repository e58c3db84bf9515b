"""Metrics of one process: moved by facts, exposed to whoever scrapes.

Labels are bounded: words of closed sets, assigned partitions, statuses up to so many, else their classes.
What can be asked of the running process (`Snapshot`) is asked when somebody scrapes, and costs nothing
otherwise.
"""

import platform
import time
from collections.abc import Callable, Collection, Mapping

from prometheus_client import CollectorRegistry, Counter, ProcessCollector
from prometheus_client.exposition import choose_encoder

from processor import __version__
from processor.core.age import Age, Unknown
from processor.core.dead_letter import Failure
from processor.core.pace.circuit import State
from processor.core.pace.connections import Ending
from processor.errors import TransportError, WriteError
from processor.logs import output
from processor.model import Answer, Partition, Record, Request, Signal
from processor.telemetry import definitions
from processor.telemetry.collectors import (
    ObservableCounter,
    UnlockedCounter,
    UnlockedHistogram,
    counter,
    gauge,
)
from processor.telemetry.definitions import CounterDefinition, HistogramDefinition
from processor.telemetry.facts import Listener, Tried
from processor.telemetry.snapshot import PartitionStatuses, Snapshot

MOST_STATUSES = 40
"""So many statuses are counted each by itself; endpoints that mean something know fewer."""


class _Statuses(dict[int, int | str]):
    """What a status is counted as: itself, or its class, where it is one too many."""

    def __missing__(self, status: int) -> int | str:
        if len(self) >= MOST_STATUSES:
            return f"{status // 100}xx"
        self[status] = status
        return status


def _result_and_status(kind: int | str) -> tuple[str, str]:
    """As labels; what was no answer has no status."""
    if isinstance(kind, int):
        return f"{kind // 100}xx", str(kind)
    return kind, kind if kind[:1].isdigit() else ""


class ProcessMetrics(Listener):
    """Those of one destination. `now`: seconds since 1970."""

    def __init__(self, destination: str, now: Callable[[], float] = time.time) -> None:
        self.registry = CollectorRegistry()
        self._destination = destination
        self._now = now
        ProcessCollector(registry=self.registry)
        self._consumed = self._counter(definitions.RECORDS_CONSUMED)
        self._missed = self._counter(definitions.RECORDS_MISSED)
        self._made_anew = self._counter(definitions.PARTITIONS_MADE_ANEW)
        self._outcomes = self._unlocked_counter(definitions.DELIVERIES)
        self._attempts = UnlockedCounter(definitions.ATTEMPTS, destination, self.registry, _result_and_status)
        self._statuses = _Statuses()
        self._retries = self._counter(definitions.RETRIES)
        self._skipped = self._unlocked_counter(definitions.RECORDS_SKIPPED)
        self._dead_letters = self._counter(definitions.DEAD_LETTERS)
        self._write_failures = self._counter(definitions.DEAD_LETTER_WRITE_FAILURES)
        self._withheld = self._counter(definitions.DEAD_LETTERS_WITHHELD)
        self._reports = self._unlocked_counter(definitions.DELIVERY_REPORTS)
        self._circuit_changes = self._counter(definitions.CIRCUIT_CHANGES)
        self._second_tries = self._counter(definitions.SECOND_TRIES)
        self._opened = self._counter(definitions.CONNECTIONS_OPENED)
        self._closed = self._counter(definitions.CONNECTIONS_CLOSED)
        self._dropped_headers = self._counter(definitions.EVENT_HEADERS_DROPPED)
        self._late = self._counter(definitions.LATE_RESULTS)
        self._commits = self._counter(definitions.COMMITS)
        self._commit_errors = self._counter(definitions.COMMIT_ERRORS)
        self._metadata_refusals = self._counter(definitions.COMMIT_METADATA_REFUSALS)
        self._rebalances = self._counter(definitions.REBALANCES)
        self._errors = self._counter(definitions.SOURCE_ERRORS)
        self._foreign = self._counter(definitions.FOREIGN_POSITIONS)
        self._registry = self._counter(definitions.SCHEMA_REGISTRY_REQUESTS)
        self._spans = self._counter(definitions.SPANS)
        self._fetches = self._counter(definitions.CREDENTIAL_FETCHES)
        self._credential_end = gauge(definitions.CREDENTIAL_EXPIRES_AT_SECONDS, self.registry)
        self._refusals = self._counter(definitions.CREDENTIAL_REFUSALS)
        self._reload_failures = self._counter(definitions.CREDENTIAL_RELOAD_FAILURES)
        self._certificate_end = gauge(definitions.CERTIFICATE_EXPIRES_AT_SECONDS, self.registry)
        self._certificate_begin = gauge(definitions.CERTIFICATE_VALID_FROM_SECONDS, self.registry)
        self._last_commit = gauge(definitions.LAST_COMMIT_TIMESTAMP_SECONDS, self.registry)
        self._request_seconds = self._unlocked_histogram(definitions.REQUEST_DURATION_SECONDS)
        self._connect_seconds = self._unlocked_histogram(definitions.CONNECT_DURATION_SECONDS)
        self._end_to_end_seconds = self._unlocked_histogram(definitions.END_TO_END_LATENCY_SECONDS)
        ObservableCounter(definitions.LOG_LINES_LOST, destination, output.lost, self.registry)
        self._unknown_latencies = self._unlocked_counter(definitions.END_TO_END_LATENCY_UNKNOWN)
        self._headless = self._counter(definitions.RECORDS_HEADLESS)
        info = gauge(definitions.BUILD_INFO, self.registry)
        info.labels(destination, __version__, platform.python_version()).set(1)
        self._begin()

    def _begin(self) -> None:
        """What is watched for its growth is there at 0: the first of it would be missed otherwise."""
        for outcome in ("delivered", "skipped", "dead_lettered"):
            self._outcomes.counts[outcome] += 0
        for result in ("written", "failed", "dropped"):
            self._reports.counts[result] += 0
        for reason in Unknown:
            self._unknown_latencies.counts[reason] += 0
        for ending in Ending:
            self._closed.labels(self._destination, ending.value)
        for result in ("acknowledged", "failed", "unanswered"):
            self._commits.labels(self._destination, result)
        for kind in ("assigned", "revoked", "lost"):
            self._rebalances.labels(self._destination, kind)
        for outcome in ("granted", "refused", "malformed", "unreachable"):
            self._fetches.labels(self._destination, outcome)
        self._credential_end.labels(self._destination)

    # Facts

    def consumed(self, topics: Mapping[str, int]) -> None:
        """So many records of each topic were read."""
        for topic, count in topics.items():
            self._consumed.labels(self._destination, topic).inc(count)

    def missed(self, partition: Partition, first: int, end: int) -> None:
        """Records were deleted before they were read."""
        self._missed.labels(self._destination, partition.topic).inc(end - first)

    def headless(self, records: Collection[Record]) -> None:
        """The headers of these records could not be read."""
        for record in records:
            self._headless.labels(self._destination, record.partition.topic).inc()

    def made_anew(self, partitions: Collection[Partition]) -> None:
        """The topics of these are others than before: they begin at the start."""
        for partition in sorted(partitions):
            self._made_anew.labels(self._destination, partition.topic).inc()

    def attempted(self, answer: Answer, seconds: float) -> None:
        """A request was answered, or was not, after so long."""
        result = answer.reason if isinstance(answer, TransportError) else self._statuses[answer.status]
        self._attempts.counts[result] += 1
        self._request_seconds.observe(seconds)

    def retried(self, _tried: Tried, _answer: Answer, _after: float) -> None:
        """An attempt will be followed by another."""
        self._retries.labels(self._destination).inc()

    def delivered(
        self, _record: Record, _request: Request | None, _attempts: int, _at: float, _answer: Answer, age: Age
    ) -> None:
        """A record of this age was delivered."""
        self._outcomes.counts["delivered"] += 1
        if isinstance(age, Unknown):
            self._unknown_latencies.counts[age] += 1
        else:
            self._end_to_end_seconds.observe(age)

    def skipped(self, _record: Record, reason: str) -> None:
        """A rule left a record out."""
        self._outcomes.counts["skipped"] += 1
        self._skipped.counts[reason] += 1

    def dead_lettered(self, _record: Record, failure: Failure, **_: bool) -> None:
        """A dead letter was acknowledged."""
        self._outcomes.counts["dead_lettered"] += 1
        self._dead_letters.labels(self._destination, failure.code).inc()

    def blocked(self, _record: Record, _failure: Failure, error: WriteError) -> None:
        """A dead letter could not be written."""
        self._write_failures.labels(self._destination, error.reason).inc()

    def reported(self, _record: Record) -> None:
        """A report is in its topic, acknowledged by all replicas."""
        self._reports.counts["written"] += 1

    def unreported(self, _record: Record, error: WriteError | None, **_: bool) -> None:
        """A report could not be written, or was not tried."""
        self._reports.counts["failed" if error else "dropped"] += 1

    def withheld(self, _tried: Tried, failure: Failure, _answer: Answer | None, **_: bool) -> None:
        """A failure became no dead letter, and the record waits."""
        self._withheld.labels(self._destination, failure.code).inc()

    def circuit_changed(self, state: State, reason: Signal, _answer: Answer) -> None:
        """The circuit stands in another state."""
        self._circuit_changes.labels(self._destination, state.value, reason.value).inc()

    def connected(self, seconds: float) -> None:
        self._opened.labels(self._destination).inc()
        self._connect_seconds.observe(seconds)

    def disconnected(self, why: Ending) -> None:
        self._closed.labels(self._destination, why.value).inc()

    def tried_again(self) -> None:
        """A request is sent once more, as the same attempt."""
        self._second_tries.labels(self._destination).inc()

    def dropped_headers(self, count: int) -> None:
        """Headers of an event were left out."""
        self._dropped_headers.labels(self._destination).inc(count)

    def came_late(self) -> None:
        """A result belongs to an assignment that is over."""
        self._late.labels(self._destination).inc()

    def committed(self, errors: Mapping[Partition, str | None]) -> None:
        """The broker answered a commit: None, or what went wrong, for each partition."""
        for partition, error in errors.items():
            self._commits.labels(self._destination, "failed" if error else "acknowledged").inc()
            if error:
                self._commit_errors.labels(self._destination, partition.topic).inc()
        if None in errors.values():
            self._last_commit.labels(self._destination).set(self._now())

    def metadata_refused(self, _length: int, _limit: int) -> None:
        """The broker refused commit metadata for its length."""
        self._metadata_refusals.labels(self._destination).inc()

    def commit_unanswered(self, _seconds: float) -> None:
        """The broker did not answer a commit."""
        self._commits.labels(self._destination, "unanswered").inc()

    def rebalanced(self, kind: str, partitions: Collection[Partition]) -> None:
        """Partitions were `assigned`, `revoked` or `lost`."""
        for topic in {partition.topic for partition in partitions}:
            self._missed.labels(self._destination, topic)
            self._made_anew.labels(self._destination, topic)
            self._headless.labels(self._destination, topic)
        self._rebalances.labels(self._destination, kind).inc()

    def troubled(self, error: str, _message: str, _topic: str | None = None) -> None:
        """A Kafka client reported something."""
        self._errors.labels(self._destination, error).inc()

    def foreign(self, _destination: str, partitions: int) -> None:
        """Another destination has committed the positions of partitions that were assigned to us."""
        self._foreign.labels(self._destination).inc(partitions)

    def registry_answered(self, *, is_found: bool) -> None:
        """The schema registry has it, or says that it has not."""
        self._registry.labels(self._destination, "found" if is_found else "missing").inc()

    def registry_failed(self, result: str, _reason: str) -> None:
        """The schema registry gave no such answer."""
        self._registry.labels(self._destination, result).inc()

    def traced(self, result: str, count: int, _why: str) -> None:
        """So many spans came to that."""
        self._spans.labels(self._destination, result).inc(count)

    def credential_fetched(self, outcome: str, until: float) -> None:
        """What proves who we are was granted."""
        self._fetches.labels(self._destination, outcome).inc()
        self._credential_end.labels(self._destination).set(until)

    def credential_not_fetched(self, outcome: str, _reason: str) -> None:
        """What proves who we are was not granted."""
        self._fetches.labels(self._destination, outcome).inc()

    def credential_refused(self, _status: int) -> None:
        """The endpoint refused who sends."""
        self._refusals.labels(self._destination).inc()

    def credential_not_reloaded(self, _setting: str, _reason: str) -> None:
        """What stands in a file now cannot be used."""
        self._reload_failures.labels(self._destination).inc()

    def certificate_read(self, which: str, since: float, until: float) -> None:
        """A certificate is valid from and until then."""
        self._certificate_begin.labels(self._destination, which).set(since)
        self._certificate_end.labels(self._destination, which).set(until)

    # Pages

    def ask(self, snapshot: Callable[[], Snapshot]) -> None:
        """Ask `snapshot` at every scrape."""
        self.registry.register(PartitionStatuses(self._destination, snapshot, self._now))

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """All metrics in the format that `accept` prefers, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _counter(self, definition: CounterDefinition) -> Counter:
        """One without a label of its own is there at 0."""
        made = counter(definition, self.registry)
        if not definition.labels:
            made.labels(self._destination)
        return made

    def _unlocked_counter(self, definition: CounterDefinition) -> UnlockedCounter:
        return UnlockedCounter(definition, self._destination, self.registry)

    def _unlocked_histogram(self, definition: HistogramDefinition) -> UnlockedHistogram:
        return UnlockedHistogram(definition, self._destination, self.registry)

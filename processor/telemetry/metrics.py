"""What the operator sees: every metric this process exposes, and the log lines that go with facts.

Labels are bounded: words of closed sets, assigned partitions, status classes. What can be asked of
the running process (`Snapshot`) is asked when somebody scrapes, and costs nothing otherwise.
"""

import platform
import time
from collections import Counter as Collected
from collections.abc import Callable, Collection, Iterable, Mapping

import structlog
from prometheus_client import CollectorRegistry, Counter, ProcessCollector
from prometheus_client.exposition import choose_encoder

from processor import __version__
from processor.core.age import Age, Unknown
from processor.core.dead_letter import Failure
from processor.core.pace.circuit import State
from processor.errors import TransportError, WriteError
from processor.logs import output
from processor.logs.client import ClientLog
from processor.logs.quota import Quota
from processor.logs.source import SourceLog
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

LINES_PER_SECOND = 10

_FOR_THE_OPERATOR = ("blocked", "certificate")
"""Reasons that no waiting mends."""
_STATUS_CLASSES = {status: f"{status // 100}xx" for status in range(1000)}
_CIRCUIT_LINES = {
    State.OPEN: "the endpoint is down: only probes are sent, nothing is lost",
    State.HALF_OPEN: "the endpoint answers a probe: sending begins again",
    State.CLOSED: "the endpoint is up",
}

log = structlog.get_logger()


class Telemetry(Listener):
    """The metrics of one destination."""

    def __init__(self, destination: str, now: Callable[[], float] = time.time) -> None:
        self.registry = CollectorRegistry()
        self._destination = destination
        self._now = now
        self._quota = Quota(LINES_PER_SECOND)
        self._source_log = SourceLog()
        self.client_log = ClientLog(now)
        ProcessCollector(registry=self.registry)
        self._consumed = self._counter(definitions.RECORDS_CONSUMED)
        self._missed = self._counter(definitions.RECORDS_MISSED)
        self._made_anew = self._counter(definitions.PARTITIONS_MADE_ANEW)
        self._outcomes = self._unlocked_counter(definitions.DELIVERIES)
        self._attempts = self._unlocked_counter(definitions.ATTEMPTS)
        self._retries = self._counter(definitions.RETRIES)
        self._skipped = self._counter(definitions.RECORDS_SKIPPED)
        self._dead_letters = self._counter(definitions.DEAD_LETTERS)
        self._write_failures = self._counter(definitions.DEAD_LETTER_WRITE_FAILURES)
        self._withheld = self._counter(definitions.DEAD_LETTERS_WITHHELD)
        self._circuit_changes = self._counter(definitions.CIRCUIT_CHANGES)
        self._dropped_headers = self._counter(definitions.EVENT_HEADERS_DROPPED)
        self._late = self._counter(definitions.LATE_RESULTS)
        self._commits = self._counter(definitions.COMMITS)
        self._commit_errors = self._counter(definitions.COMMIT_ERRORS)
        self._metadata_refusals = self._counter(definitions.COMMIT_METADATA_REFUSALS)
        self._rebalances = self._counter(definitions.REBALANCES)
        self._errors = self._counter(definitions.SOURCE_ERRORS)
        self._foreign = self._counter(definitions.FOREIGN_POSITIONS)
        self._last_commit = gauge(definitions.LAST_COMMIT_TIMESTAMP_SECONDS, self.registry)
        self._request_seconds = self._unlocked_histogram(definitions.REQUEST_DURATION_SECONDS)
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
        for reason in Unknown:
            self._unknown_latencies.counts[reason] += 0
        for result in ("acknowledged", "failed", "unanswered"):
            self._commits.labels(self._destination, result)
        for kind in ("assigned", "revoked", "lost"):
            self._rebalances.labels(self._destination, kind)

    # Facts

    def consumed(self, topics: Mapping[str, int]) -> None:
        """So many records of each topic were read."""
        for topic, count in topics.items():
            self._consumed.labels(self._destination, topic).inc(count)

    def missed(self, partition: Partition, first: int, end: int) -> None:
        """Records were deleted before they were read."""
        self._missed.labels(self._destination, partition.topic).inc(end - first)
        log.error(
            "records were deleted before they were read", partition=str(partition), first=first, end=end
        )

    def headless(self, records: Iterable[Record]) -> None:
        """The headers of these records could not be read; told once a partition."""
        for record in records:
            self._headless.labels(self._destination, record.partition.topic).inc()
            self._source_log.headless(record)

    def made_anew(self, partitions: Collection[Partition]) -> None:
        """The topics of these are others than before: they begin at the start."""
        for topic, count in sorted(Collected(partition.topic for partition in partitions).items()):
            self._made_anew.labels(self._destination, topic).inc(count)
            self._source_log.made_anew(topic, count)

    def attempted(self, answer: Answer, seconds: float) -> None:
        """A request was answered, or was not, after so long."""
        result = answer.reason if isinstance(answer, TransportError) else _STATUS_CLASSES[answer.status]
        self._attempts.counts[result] += 1
        self._request_seconds.observe(seconds)

    def retried(self, tried: Tried, answer: Answer, after: float) -> None:
        """An attempt will be followed by another."""
        record = tried.record
        self._retries.labels(self._destination).inc()
        if isinstance(answer, TransportError) and answer.reason in _FOR_THE_OPERATOR:
            self._warn("no request can be sent until this is mended", record, message=str(answer))
            return
        result = answer.reason if isinstance(answer, TransportError) else answer.status
        log.debug(
            "attempt failed",
            **_where(record),
            result=result,
            attempts=tried.attempts,
            retry_in=round(after, 3),
        )

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
        self._skipped.labels(self._destination, reason).inc()

    def dead_lettered(self, record: Record, failure: Failure, *, is_whole: bool) -> None:
        """A dead letter was acknowledged; not `is_whole`: without the record's value and headers."""
        self._outcomes.counts["dead_lettered"] += 1
        self._dead_letters.labels(self._destination, failure.code).inc()
        what = "dead letter written" if is_whole else "dead letter written without the record's value"
        self._warn(what, record, code=failure.code, message=failure.message, attempts=failure.attempts)

    def blocked(self, record: Record, _failure: Failure, error: WriteError) -> None:
        """A dead letter could not be written."""
        self._write_failures.labels(self._destination, error.reason).inc()
        self._warn(
            "dead letter cannot be written, will be tried again",
            record,
            reason=error.reason,
            message=error.message,
        )

    def withheld(self, tried: Tried, failure: Failure, _answer: Answer | None, *, is_first: bool) -> None:
        """A failure became no dead letter, and the record waits; the first of many is said."""
        self._withheld.labels(self._destination, failure.code).inc()
        if is_first:
            log.warning(
                "too many events would be dead letters: they are held, nothing is lost",
                **_where(tried.record),
                code=failure.code,
                message=failure.message,
                remedy=f"mend the topic or the endpoint, or say dead_letter.always: [{failure.code}]",
            )

    def circuit_changed(self, state: State, reason: Signal, answer: Answer) -> None:
        """The endpoint is `open`: left alone but for probes; `half_open`; or `closed`: as it should be."""
        self._circuit_changes.labels(self._destination, state.value, reason.value).inc()
        told = str(answer) if isinstance(answer, TransportError) else f"status {answer.status}"
        write = log.warning if state is State.OPEN else log.info
        write(_CIRCUIT_LINES[state], circuit=state.value, reason=reason.value, last_answer=told)

    def dropped_headers(self, count: int) -> None:
        """Headers of an event were left out."""
        self._dropped_headers.labels(self._destination).inc(count)

    def came_late(self) -> None:
        """A result belongs to an assignment that is over."""
        self._late.labels(self._destination).inc()

    def committed(self, errors: Mapping[Partition, str | None]) -> None:
        """The broker answered a commit: None, or what went wrong, for each partition."""
        for error in errors.values():
            self._commits.labels(self._destination, "failed" if error else "acknowledged").inc()
        for topic, partitions in self._source_log.answered(errors, self._now()).items():
            self._commit_errors.labels(self._destination, topic).inc(partitions)
        if None in errors.values():
            self._last_commit.labels(self._destination).set(self._now())

    def metadata_refused(self, length: int, limit: int) -> None:
        """The broker refused commit metadata of that length; this is the limit from now on."""
        self._metadata_refusals.labels(self._destination).inc()
        log.warning(
            "the broker takes less commit metadata: what finished out of order is remembered in part",
            refused=length,
            limit=limit,
            remedy="raise the brokers' offset.metadata.max.bytes, or lower kafka.max_metadata_bytes",
        )

    def commit_unanswered(self, seconds: float) -> None:
        """The broker did not answer a commit for so long."""
        self._commits.labels(self._destination, "unanswered").inc()
        log.warning("commit was not answered", seconds=seconds)

    def rebalanced(self, kind: str, partitions: Collection[Partition]) -> None:
        """Partitions were `assigned`, `revoked` or `lost`."""
        for topic in {partition.topic for partition in partitions}:
            self._missed.labels(self._destination, topic)
            self._made_anew.labels(self._destination, topic)
            self._headless.labels(self._destination, topic)
        self._rebalances.labels(self._destination, kind).inc()
        log.info("rebalanced", kind=kind, partitions=[str(partition) for partition in sorted(partitions)])

    def troubled(self, error: str, message: str, topic: str | None = None) -> None:
        """The Kafka client reported something: the first of a kind is told, the rest is summed up."""
        self._errors.labels(self._destination, error).inc()
        self.client_log.troubled(error, message, topic)

    def foreign(self, destination: str, partitions: int) -> None:
        """Another destination has committed the positions of partitions that were assigned to us."""
        self._foreign.labels(self._destination).inc(partitions)
        self.client_log.foreign(destination, partitions)

    # Pages

    def watch(self, snapshot: Callable[[], Snapshot]) -> None:
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

    def _warn(self, event: str, record: Record, **facts: object) -> None:
        if self._quota.allows(self._now()):
            log.warning(event, **_where(record), **facts)


def _where(record: Record) -> dict[str, object]:
    return {"partition": str(record.partition), "offset": record.offset}

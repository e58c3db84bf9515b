"""Log lines of facts: where a record stood, and why; never what it held.

Promise: a flood of failures is no flood of lines, and no failure is without one. Of those that any record
may cause so many are written in a second; of attempts that are followed by another the first of a kind is,
and what repeats itself, of these and of a Kafka client, is summed up once a minute.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping

import structlog

from processor.core.dead_letter import Failure
from processor.core.pace.circuit import State
from processor.core.repeats import Repeats
from processor.errors import TransportError, WriteError
from processor.logs.client import ClientLog
from processor.logs.quota import Quota
from processor.logs.source import SourceLog
from processor.model import Answer, Partition, Record, Signal, Unreadable
from processor.telemetry.facts import Listener, Tried

LINES_PER_SECOND = 10

_FOR_THE_OPERATOR = ("blocked", "certificate", "http2_only")
"""Reasons that no waiting mends."""
_CIRCUIT_LINES = {
    State.OPEN: "the endpoint is down: only probes are sent, nothing is lost",
    State.HALF_OPEN: "the endpoint answers a probe: sending begins again",
    State.CLOSED: "the endpoint is up",
}
_NOT_KNOWN = (
    "the endpoint does not know us, or no credential is granted: only probes are sent, nothing is lost"
)
"""Said where the circuit opens for that: the endpoint is up, and somebody looks there in vain."""
_HOST_LINES = {
    State.OPEN: "a host that events name is down: only probes are sent to it, all others go on",
    State.HALF_OPEN: "a host that events name answers a probe: sending to it begins again",
    State.CLOSED: "a host that events name is up",
}
_WAYS_OUT = {
    "_BAD_COMPRESSION": "a batch larger than 100 MB unpacked is read with a higher receive.message.max.bytes "
    "in kafka.client; else see the runbook, WebhookProcessorPartitionUnreadable, to move the group past it",
}
_WAY_OUT = "see the runbook, WebhookProcessorPartitionUnreadable, to move the group past it"

log = structlog.get_logger()


class LogLines(Listener):
    """Those of one process. `now`: seconds."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._quota = Quota(LINES_PER_SECOND)
        self._source = SourceLog()
        self._failures = Repeats()
        self._unprepared = Repeats()
        self._reports = Repeats()
        self._registry = Repeats()
        self._traces = Repeats()
        self._credentials = Repeats()
        self._client = ClientLog(now)

    def sum_up(self) -> None:
        """Some time has passed: what came again is told."""
        self._client.sum_up()
        for result, last, times, seconds, is_over in self._failures.due(self._now()):
            event = "attempts failed, and do no more" if is_over else "attempts failed again"
            log.info(event, result=result, times=times, seconds=round(seconds), message=last)
        for _, last, times, seconds, is_over in self._unprepared.due(self._now()):
            event = "events could not be prepared, and can again" if is_over else "events cannot be prepared"
            log.warning(event, times=times, seconds=round(seconds), reason=last)
        for result, last, times, seconds, is_over in self._reports.due(self._now()):
            event = "reports could not be written, and can again" if is_over else "reports cannot be written"
            log.warning(event, result=result, times=times, seconds=round(seconds), reason=last)
        for result, last, times, seconds, is_over in self._registry.due(self._now()):
            event = "the schema registry failed, and does no more" if is_over else "the schema registry fails"
            log.warning(event, result=result, times=times, seconds=round(seconds), reason=last)
        for result, last, times, seconds, is_over in self._traces.due(self._now()):
            event = "spans were lost, and are no more" if is_over else "spans are lost, events are not"
            log.warning(event, result=result, times=times, seconds=round(seconds), reason=last)

        for outcome, last, times, seconds, is_over in self._credentials.due(self._now()):
            event = (
                "credentials were not granted, and are again" if is_over else "credentials were not granted"
            )
            log.warning(event, outcome=outcome, times=times, seconds=round(seconds), reason=last)

    # Of records

    def missed(self, partition: Partition, first: int, end: int) -> None:
        """Records were deleted before they were read."""
        log.error(
            "records were deleted before they were read", partition=str(partition), first=first, end=end
        )

    def headless(self, records: Collection[Record]) -> None:
        """The headers of these records could not be read; told once a partition."""
        for record in records:
            self._source.headless(record)

    def retried(self, tried: Tried, answer: Answer, after: float) -> None:
        """An attempt will be followed by another; loudly, where only the operator can mend it."""
        if isinstance(answer, TransportError) and answer.reason in _FOR_THE_OPERATOR:
            self._warn("no request can be sent until this is mended", tried.record, message=str(answer))
            return
        result = answer.reason if isinstance(answer, TransportError) else answer.status
        is_first = self._failures.is_first(str(result), _in_words(answer), self._now())
        write = log.info if is_first else log.debug
        facts = {"result": result, "attempts": tried.attempts, "retry_in": round(after, 3)}
        write("attempt failed", **_where(tried.record), **facts, message=_in_words(answer))

    def withheld(self, tried: Tried, failure: Failure, _answer: Answer | None, *, is_first: bool) -> None:
        """A failure became no dead letter, and the record waits; the first of many is said."""
        if is_first:
            log.warning(
                "too many events would be dead letters: they are held, nothing is lost",
                **_where(tried.record),
                code=failure.code,
                message=failure.message,
                remedy=f"mend the topic or the endpoint, or say dead_letter.always: [{failure.code}]",
            )

    def dead_lettered(self, record: Record, failure: Failure, *, is_whole: bool) -> None:
        """A dead letter was acknowledged."""
        what = "dead letter written" if is_whole else "dead letter written without the record's value"
        self._warn(what, record, code=failure.code, message=failure.message, attempts=failure.attempts)

    def blocked(self, record: Record, _failure: Failure, error: WriteError) -> None:
        """A dead letter could not be written."""
        what = "dead letter cannot be written, will be tried again"
        self._warn(what, record, reason=error.reason, message=error.message)

    def unreported(self, record: Record, error: WriteError | None, *, is_held: bool) -> None:
        """A report is late, or lost; told once for each reason, then summed up."""
        result, why = (error.reason, error.message) if error else ("dropped", "too many are on their way")
        if self._reports.is_first(result, why, self._now()):
            what = "report cannot be written, its event waits for that" if is_held else "report is lost"
            log.warning(what, **_where(record), result=result, reason=why)

    def unprepared(self, record: Record, reason: str) -> None:
        """What it takes to prepare a record is not to be had; told once, then summed up."""
        if self._unprepared.is_first("preparation", reason, self._now()):
            log.warning(
                "event cannot be prepared, will be tried again: nothing is lost",
                **_where(record),
                reason=reason,
            )

    def registry_failed(self, result: str, reason: str) -> None:
        """The schema registry gave no answer of its own; told once for each result, then summed up."""
        if self._registry.is_first(result, reason, self._now()):
            log.warning("the schema registry fails: records wait for it", result=result, reason=reason)

    def traced(self, result: str, _count: int, why: str) -> None:
        """Spans are lost; told once for each result, then summed up."""
        if why and self._traces.is_first(result, why, self._now()):
            log.warning("spans are lost, events are not", result=result, reason=why)

    # Of the endpoint

    def circuit_changed(self, state: State, reason: Signal, answer: Answer) -> None:
        """Down is a warning; a probe that was answered and being up are none."""
        is_of_ours = state is State.OPEN and reason is Signal.CREDENTIALS
        _say(_NOT_KNOWN if is_of_ours else _CIRCUIT_LINES[state], state, reason, answer)

    def host_changed(self, host: str, state: State, reason: Signal, answer: Answer) -> None:
        """The same of a host that events name; these are listed in the configuration, so not many."""
        _say(_HOST_LINES[state], state, reason, answer, host=host)

    def credential_not_fetched(self, outcome: str, reason: str) -> None:
        """What proves who we are was not granted; told once for each outcome, then summed up."""
        if self._credentials.is_first(outcome, reason, self._now()):
            log.warning(
                "credentials are not granted: what was granted before is used as long as it is good, then "
                "records wait",
                outcome=outcome,
                reason=reason,
            )

    def credential_reloaded(self, setting: str) -> None:
        """A secret or a certificate in a file was read anew."""
        log.info("a credential was read anew", setting=setting)

    def credential_not_reloaded(self, setting: str, reason: str) -> None:
        """What stands there now cannot be used; told once for each fault."""
        log.warning(
            "a credential in a file cannot be used: the one before is", setting=setting, reason=reason
        )

    # Of the group

    def membership_unproven(self, why: str) -> None:
        """That we are a member of the group has not been proven for some time."""
        self._client.membership_unproven(why)

    def membership_proven(self) -> None:
        self._client.membership_proven()

    def rebalanced(self, kind: str, partitions: Collection[Partition]) -> None:
        """Partitions were `assigned`, `revoked` or `lost`."""
        log.info("rebalanced", kind=kind, partitions=[str(partition) for partition in sorted(partitions)])

    def made_anew(self, partitions: Collection[Partition]) -> None:
        """The topics of these are others than before; a line for each topic."""
        for topic, count in sorted(Counter(partition.topic for partition in partitions).items()):
            self._source.made_anew(topic, count)

    def foreign(self, destination: str, partitions: int) -> None:
        """Another destination commits in our group."""
        self._client.foreign(destination, partitions)

    def committed(self, errors: Mapping[Partition, str | None]) -> None:
        """The broker answered a commit; a topic that is refused is told once a minute."""
        self._source.answered(errors, self._now())

    def commit_unanswered(self, seconds: float) -> None:
        """The broker did not answer a commit for so long."""
        log.warning("commit was not answered", seconds=seconds)

    def metadata_refused(self, length: int, limit: int) -> None:
        """The broker refused commit metadata of that length; this is the limit from now on."""
        log.warning(
            "the broker takes less commit metadata: what finished out of order is remembered in part",
            refused=length,
            limit=limit,
            remedy="raise the brokers' offset.metadata.max.bytes, or lower kafka.max_metadata_bytes",
        )

    def unreadable(self, at: Unreadable) -> None:
        """A partition stands still: with its coordinates and the ways out."""
        log.error(
            "a partition cannot be read and stands still; the others go on",
            partition=str(at.partition),
            offset=at.offset,
            error=at.error,
            message=at.message,
            way_out=_WAYS_OUT.get(at.error, _WAY_OUT),
        )

    def readable(self, partition: Partition, offset: int) -> None:
        """It stands still no more."""
        log.info("a partition is read again", partition=str(partition), offset=offset)

    def troubled(self, error: str, message: str, topic: str | None = None) -> None:
        """A Kafka client reported something: the first of a kind is told, the rest is summed up."""
        self._client.troubled(error, message, topic)

    def _warn(self, event: str, record: Record, **facts: object) -> None:
        if self._quota.allows(self._now()):
            log.warning(event, **_where(record), **facts)


def _say(line: str, state: State, reason: Signal, answer: Answer, **more: str) -> None:
    write = log.warning if state is State.OPEN else log.info
    write(line, **more, circuit=state.value, reason=reason.value, last_answer=_in_words(answer))


def _in_words(answer: Answer) -> str:
    return str(answer) if isinstance(answer, TransportError) else f"status {answer.status}"


def _where(record: Record) -> dict[str, object]:
    return {"partition": str(record.partition), "offset": record.offset}

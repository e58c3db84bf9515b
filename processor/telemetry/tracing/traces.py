"""Traces: of records that are followed a span, and one of each attempt.

Promises:
- whether a record is followed is decided here, before anything of OpenTelemetry is touched, and no more are
  than `SamplingPolicy` says; for one that is not, its trace is passed on as it stands;
- a span of a record goes from its first attempt until it is settled, but ends where it waits for more than
  `LONGEST_WAIT`; the next attempt begins another, which links to it;
- each span that is begun is ended, and of what is over nothing is kept;
- nothing that is secret is told: of a URL no more than everywhere else, of a record its coordinates and key.

Names are those of the semantic conventions, version 1.44.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from processor.core.age import Age
from processor.core.dead_letter import Failure
from processor.core.redaction import Secrets
from processor.core.request.tracing.sampling import Sampling, SamplingPolicy
from processor.core.request.tracing.trace_context import TraceContext, found
from processor.errors import TransportError, WriteError
from processor.model import Answer, Headers, Partition, Record, Request
from processor.telemetry.facts import Facts, Listener, Tried
from processor.telemetry.tracing.spans import Kind, Span, Spans

LONGEST_WAIT: Final = 60.0
"""Seconds."""
LONGEST_KEY: Final = 128
"""Characters of a record's key."""

_PORTS: Final = {"http": 80, "https": 443}

Key = tuple[Partition, int]


@dataclass(frozen=True, slots=True)
class TracesPolicy:
    """`is_parent`: spans go on with the record's trace; `propagates`: requests say which they are of."""

    sampling: SamplingPolicy
    group: str
    secrets: Secrets
    is_parent: bool = True
    propagates: bool = True


class _Followed(Struct, gc=False):
    """A record, its span, and that of its attempt; `since`: when the latest of it began or ended."""

    record: Record
    context: TraceContext | None
    process: Span
    since: float
    attempt: Span | None = None


class Traces(Listener):
    """Those of one process. `wall`: timestamps; `chance`: numbers from 0 to 1."""

    def __init__(
        self,
        policy: TracesPolicy,
        spans: Spans,
        wall: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._policy = policy
        self._spans = spans
        self._wall = wall
        self._chance = chance
        self._sampling = Sampling(policy.sampling)
        self._followed: dict[Key, _Followed] = {}
        """The one that nothing happened to for longest comes first."""
        self._before: dict[Key, TraceContext] = {}
        """Spans that ended while their records wait."""
        self._capped = 0

    def count(self) -> int:
        """How many records are followed."""
        return len(self._followed) + len(self._before)

    # Attempts

    def made(self, request: Request, record: Record, at: float, attempt: int) -> Headers:
        """What a request says of its trace."""
        key = record.partition, record.offset
        one = self._followed.get(key)
        if one is None or one.record is not record:
            context = found(record.headers) if record.headers else None
            one = self._begun(key, record, context, at, attempt)
            if one is None:
                return context.headers() if context is not None and self._policy.propagates else ()
        elif at - one.since > LONGEST_WAIT:
            self._pause(key, one)
            one = self._again(key, record, one.context, at)
        if one.attempt is not None:
            one.attempt.end(at, {}, "cancelled")
        one.since, one.attempt = at, self._attempt(request, one, at, attempt)
        self._followed[key] = self._followed.pop(key)
        said = one.attempt.context
        return said.headers() if said.parent and self._policy.propagates else ()

    def _begun(
        self, key: Key, record: Record, context: TraceContext | None, at: float, attempt: int
    ) -> _Followed | None:
        """It is followed from now on, or again; None: it is not."""
        if key in self._followed:
            self.gave_up(record)
        elif key in self._before:
            return self._again(key, record, context, at)
        if attempt > 1 or not self._sampling.wants(context, self._chance()):
            return None
        if not self._sampling.takes(at):
            self._capped += 1
            return None
        return self._again(key, record, context, at)

    def _again(self, key: Key, record: Record, context: TraceContext | None, at: float) -> _Followed:
        before = self._before.pop(key, None)
        links = [each for each in (context, before) if each is not None]
        partition = record.partition
        attributes: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": partition.topic,
            "messaging.destination.partition.id": str(partition.number),
            "messaging.consumer.group.name": self._policy.group,
            "messaging.kafka.offset": record.offset,
        }
        if text := self._key(record):
            attributes["messaging.kafka.message.key"] = text
        parent = context if self._policy.is_parent else None
        span = self._spans.begin(f"process {partition.topic}", Kind.CONSUMER, at, attributes, parent, links)
        one = self._followed[key] = _Followed(record, context, span, at)
        return one

    def _key(self, record: Record) -> str:
        try:
            return self._policy.secrets.excerpt((record.key or b"")[: 4 * LONGEST_KEY].decode(), LONGEST_KEY)
        except UnicodeDecodeError:
            return ""

    def _attempt(self, request: Request, one: _Followed, at: float, attempt: int) -> Span:
        parts = urlsplit(request.url)
        attributes: dict[str, str | int] = {
            "http.request.method": request.method,
            "server.address": parts.hostname or "",
            "server.port": parts.port or _PORTS.get(parts.scheme, 0),
            "url.full": self._policy.secrets.url(request.url),
        }
        if attempt > 1:
            attributes["http.request.resend_count"] = attempt - 1
        return self._spans.begin(request.method, Kind.CLIENT, at, attributes, one.process.context)

    # Facts

    def delivered(
        self, record: Record, _request: Request | None, _attempts: int, _at: float, answer: Answer, _age: Age
    ) -> None:
        """A record was delivered by its latest attempt."""
        if (one := self._over(record)) is not None:
            now = self._wall()
            _answered(one, answer, now, is_error=False)
            one.process.end(now, {})

    def failed(self, tried: Tried, answer: Answer) -> None:
        """An attempt delivered nothing, and is over."""
        key = tried.record.partition, tried.record.offset
        if (one := self._followed.get(key)) is not None:
            one.since = self._wall()
            _answered(one, answer, one.since, is_error=True)
            self._followed[key] = self._followed.pop(key)

    def dead_lettered(self, record: Record, failure: Failure, **_: bool) -> None:
        """A record was given up, and that is written down."""
        self._end(record, failure.code)

    def blocked(self, record: Record, failure: Failure, _error: WriteError) -> None:
        """It cannot be written down: it will not be tried again, however long that takes."""
        self._end(record, failure.code)

    def skipped(self, record: Record, _reason: str) -> None:
        """A rule left a record out that had been sent before."""
        self._end(record, None)

    def gave_up(self, record: Record) -> None:
        """It is not ours any more."""
        self._end(record, "cancelled")

    def _end(self, record: Record, error: str | None) -> None:
        if (one := self._over(record)) is not None:
            now = self._wall()
            _close(one, now, error)

    def _over(self, record: Record) -> _Followed | None:
        key = record.partition, record.offset
        if self._before:
            self._before.pop(key, None)
        return self._followed.pop(key, None)

    # Time

    def tick(self, facts: Facts) -> None:
        """A second has passed: who waits for long is not followed meanwhile."""
        now = self._wall()
        for key, one in list(self._followed.items()):
            if now - one.since <= LONGEST_WAIT:
                break
            if one.attempt is None:
                self._pause(key, one)
        if self._capped:
            facts.traced("capped", self._capped, "")
            self._capped = 0

    def _pause(self, key: Key, one: _Followed) -> None:
        del self._followed[key]
        self._before[key] = one.process.context
        _close(one, one.since, None)

    def end_all(self) -> None:
        """Nothing is followed any more."""
        now = self._wall()
        for one in self._followed.values():
            _close(one, now, "cancelled")
        self._followed.clear()
        self._before.clear()


def _answered(one: _Followed, answer: Answer, at: float, *, is_error: bool) -> None:
    attempt, one.attempt = one.attempt, None
    if attempt is None:
        return
    if isinstance(answer, TransportError):
        attempt.end(at, {}, answer.reason)
    else:
        status = answer.status
        attempt.end(at, {"http.response.status_code": status}, str(status) if is_error else None)


def _close(one: _Followed, at: float, error: str | None) -> None:
    attempt, one.attempt = one.attempt, None
    if attempt is not None:
        attempt.end(at, {}, error)
    one.process.end(at, {}, error)

"""One record until it is settled: parsed, sent as often as it takes, or dead-lettered.

Promises:
- a record is settled exactly once, after a delivered answer, an acknowledged dead letter or a
  stated rule, and never otherwise; a record given up by `abandon` is not settled;
- a slot is held from when a request leaves to its answer, and by nothing else;
- a dead letter that cannot be written is written again until it can be.

No task, no thread: what happens next is decided in callbacks on the event loop.
"""

from collections import Counter, deque
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Protocol

from processor.clock import Clock
from processor.core import dead_letter, events
from processor.core.admission import Admission
from processor.core.dead_letter import DeadLetterPolicy, Detail, Failure
from processor.core.retry import Again, Done, Effort, Never, RetryPolicy, backoff, judge
from processor.core.transform import Prepared, Transform
from processor.errors import EventError, TransportError, WriteError
from processor.model import Answer, DeadLetter, Partition, Record, Request
from processor.telemetry import Telemetry

REWRITE_SECONDS = 1.0
REWRITE_MAX_SECONDS = 30.0


class Sender(Protocol):
    """Sends requests."""

    def send(self, request: Request, answered: Callable[[Answer], None]) -> Callable[[], None]:
        """Call `answered` once, later; the function returned cancels that."""
        ...


class DeadLetters(Protocol):
    """Writes dead letters."""

    def write(self, letter: DeadLetter, written: Callable[[WriteError | None], None]) -> None:
        """Call `written` once, later, with None as soon as all replicas have it."""
        ...


class Listener(Protocol):
    """Who wants to know what becomes of records."""

    def settled(self, record: Record) -> None:
        """Nothing more has to be done for `record`."""
        ...

    def blocked(self, record: Record) -> None:
        """The dead letter of `record` could not be written; it will be tried again."""
        ...

    def freed(self) -> None:
        """There is room for another record."""
        ...


class Stage(Enum):
    """What a record under way waits for."""

    ANSWER = 1
    RETRY = 2
    WRITE = 3
    REWRITE = 4


class _Run:
    """A record under way."""

    __slots__ = (
        "attempts",
        "cancel",
        "detail",
        "failure",
        "first_attempt",
        "last_attempt",
        "record",
        "request",
        "sent_at",
        "stage",
        "started_at",
        "writes",
    )

    sent_at: float
    started_at: float
    failure: Failure

    def __init__(self, record: Record) -> None:
        self.record = record
        self.attempts = 0
        self.writes = 0
        self.detail = Detail.FULL
        self.stage = Stage.RETRY
        self.cancel: Callable[[], None] = _nothing
        self.request: Request | None = None
        self.first_attempt: float | None = None
        self.last_attempt: float | None = None


class Delivery:
    """All records under way in this process."""

    def __init__(
        self,
        *,
        transform: Transform,
        admission: Admission,
        retry: RetryPolicy,
        letters: DeadLetterPolicy,
        skip_tombstones: bool,
        sender: Sender,
        dead_letters: DeadLetters,
        clock: Clock,
        wall_clock: Callable[[], float],
        chance: Callable[[], float],
        telemetry: Telemetry,
    ) -> None:
        self._transform = transform
        self._admission = admission
        self._retry = retry
        self._letters = letters
        self._skip_tombstones = skip_tombstones
        self._sender = sender
        self._dead_letters = dead_letters
        self._clock = clock
        self._wall_clock = wall_clock
        self._chance = chance
        self._telemetry = telemetry
        self._runs: dict[tuple[Partition, int], _Run] = {}
        self._due: deque[_Run] = deque()

    def stages(self) -> Counter[Stage]:
        """How many records wait for what."""
        return Counter(run.stage for run in self._runs.values())

    def attach(self, listener: Listener) -> None:
        """Tell `listener` from now on."""
        self._listener = listener

    def room(self) -> int:
        """How many more records may be started now; retries that are due go first."""
        return self._admission.room() - len(self._due)

    def deliver(self, record: Record) -> None:
        """Do what `record` needs; ask `room()` before."""
        run = _Run(record)
        self._runs[record.partition, record.offset] = run
        if record.value is None and self._skip_tombstones:
            self._telemetry.skipped("tombstone")
            self._settle(run)
            return
        try:
            run.request = self._prepare(record)
        except EventError as error:
            self._fail(run, dead_letter.of_event(error))
        else:
            self._attempt(run)

    def abandon(self, record: Record, *, waiting_only: bool = False) -> bool:
        """Give `record` up, not settled; with `waiting_only` not if it waits for an answer or a write."""
        run = self._runs.get((record.partition, record.offset))
        if run is None or (waiting_only and run.stage in (Stage.ANSWER, Stage.WRITE)):
            return False
        del self._runs[record.partition, record.offset]
        run.cancel()
        if run.stage is Stage.ANSWER:
            self._free()
        elif run in self._due:
            self._due.remove(run)
        return True

    def _prepare(self, record: Record) -> Request:
        prepared: Prepared = self._transform.prepare(events.parse(record.value))
        if prepared.dropped_headers:
            self._telemetry.dropped_headers(prepared.dropped_headers)
        return prepared.request

    def _attempt(self, run: _Run) -> None:
        assert run.request is not None
        self._admission.started()
        run.sent_at = self._clock.time()
        run.last_attempt = self._wall_clock()
        if run.attempts == 0:
            run.started_at, run.first_attempt = run.sent_at, run.last_attempt
        run.stage = Stage.ANSWER
        run.cancel = self._sender.send(run.request, partial(self._answered, run))

    def _answered(self, run: _Run, answer: Answer) -> None:
        now = self._clock.time()
        run.attempts += 1
        self._telemetry.attempted(answer, now - run.sent_at)
        effort = Effort(run.attempts, now - run.started_at)
        match judge(self._retry, answer, effort, now=self._wall_clock(), chance=self._chance()):
            case Done():
                self._telemetry.delivered(self._wall_clock() - run.record.timestamp)
                self._settle(run)
            case Again(after):
                self._telemetry.retried(run.record, answer, run.attempts, after)
                self._wait(run, Stage.RETRY, after, self._retry_now)
            case Never(reason):
                self._fail(run, _refusal(run, answer, reason))
        self._free()

    def _retry_now(self, run: _Run) -> None:
        if self._admission.room() > 0:
            self._attempt(run)
        else:
            run.cancel = _nothing
            self._due.append(run)

    def _free(self) -> None:
        self._admission.ended()
        while self._due and self._admission.room() > 0:
            self._attempt(self._due.popleft())
        self._listener.freed()

    def _wait(self, run: _Run, stage: Stage, delay: float, then: Callable[[_Run], None]) -> None:
        run.stage = stage
        run.cancel = self._clock.call_later(delay, partial(then, run)).cancel

    def _fail(self, run: _Run, failure: Failure) -> None:
        run.failure = failure
        self._write(run)

    def _write(self, run: _Run) -> None:
        letter = dead_letter.write_down(self._letters, run.record, run.failure, run.detail)
        run.stage = Stage.WRITE
        run.cancel = _nothing
        self._dead_letters.write(letter, partial(self._written, run))

    def _written(self, run: _Run, error: WriteError | None) -> None:
        if self._runs.get((run.record.partition, run.record.offset)) is not run:
            return
        if error is None:
            self._telemetry.dead_lettered(run.record, run.failure)
            self._settle(run)
        elif error.reason == "too_large" and run.detail > Detail.COORDINATES:
            run.detail = Detail(run.detail - 1)
            self._write(run)
        else:
            self._write_later(run, error)

    def _write_later(self, run: _Run, error: WriteError) -> None:
        run.writes += 1
        self._telemetry.dead_letter_failed(run.record, error)
        delay = backoff(REWRITE_SECONDS, REWRITE_MAX_SECONDS, run.writes, (1 + self._chance()) / 2)
        self._wait(run, Stage.REWRITE, delay, self._write)
        self._listener.blocked(run.record)

    def _settle(self, run: _Run) -> None:
        del self._runs[run.record.partition, run.record.offset]
        self._listener.settled(run.record)


def _refusal(run: _Run, answer: Answer, reason: str) -> Failure:
    response = None if isinstance(answer, TransportError) else answer
    return Failure(
        code=reason,
        message=f"the endpoint answered {response.status}" if response else str(answer),
        stage="TASK_PUT",
        error_class="processor.model.Response" if response else "processor.errors.TransportError",
        attempts=run.attempts,
        first_attempt=run.first_attempt,
        last_attempt=run.last_attempt,
        request=run.request,
        response=response,
    )


def _nothing() -> None:
    """There is nothing to call off."""

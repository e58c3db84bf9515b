"""A request under way, and the record it is for: what it waits for, and what has been spent on it.

Promise: a run is at one stage, and goes only where `FOLLOWS` lets it go.

Times are monotonic seconds, but for `wall`, `first_attempt` and `last_attempt`: timestamps.
"""

import math
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple, Protocol

from msgspec import Struct

from processor.clock import Timer
from processor.core import dead_letter
from processor.core.age import age as record_age
from processor.core.age import known
from processor.core.dead_letter import Failure
from processor.core.pace.admission import Admission, Earlier, Permit
from processor.core.pace.budget import Fault
from processor.core.reports.report import Outcome, Settlement
from processor.core.request.endpoint import origin_of
from processor.core.retry import Again, Effort, Reason
from processor.errors import TransportError
from processor.model import Answer, Record, Request
from processor.telemetry.facts import Tried
from processor.traffic.written.writing import Writing


class Stage(IntEnum):
    """What a record under way waits for."""

    NEW = 1
    PREPARATION = 2
    """The answer of its preparation."""
    UNPREPARED = 3
    """The time at which it is prepared again: what that takes was not to be had."""
    PREPARED = 4
    """Room for its first attempt."""
    ANSWER = 5
    RETRY = 6
    """The time of its next attempt."""
    DUE = 7
    """Room for its next attempt."""
    WITHHELD = 8
    """Deliveries that pay for its dead letter."""
    LETTER = 9
    """The acknowledgement of its dead letter."""
    BLOCKED_LETTER = 10
    """The time at which its dead letter, which could not be written, is written again."""
    ELSEWHERE = 11
    """Room at the host that its event names."""
    REPORT = 12
    """The acknowledgement of its report: how it ended is decided."""
    BLOCKED_REPORT = 13
    """The time at which its report, which could not be written, is written again."""
    OVER = 14
    """Nothing: it is settled, or given up."""


_LOOKED_INTO = frozenset((Stage.UNPREPARED, Stage.LETTER, Stage.WITHHELD, Stage.REPORT, Stage.OVER))
"""Where a run may go for which there is no request."""

FOLLOWS: dict[Stage, frozenset[Stage]] = {
    Stage.NEW: _LOOKED_INTO | {Stage.PREPARATION, Stage.ELSEWHERE, Stage.ANSWER},
    Stage.PREPARATION: _LOOKED_INTO | {Stage.PREPARED, Stage.ELSEWHERE},
    Stage.UNPREPARED: _LOOKED_INTO | {Stage.PREPARATION, Stage.PREPARED, Stage.ELSEWHERE},
    Stage.PREPARED: frozenset((Stage.ANSWER, Stage.OVER)),
    Stage.ANSWER: frozenset((Stage.RETRY, Stage.WITHHELD, Stage.LETTER, Stage.REPORT, Stage.OVER)),
    Stage.RETRY: frozenset((Stage.DUE, Stage.ELSEWHERE, Stage.OVER)),
    Stage.DUE: frozenset((Stage.ANSWER, Stage.OVER)),
    # One that was kept back was never looked into: it may turn out to be no request, or none to be sent.
    Stage.WITHHELD: _LOOKED_INTO | {Stage.PREPARATION, Stage.ELSEWHERE, Stage.ANSWER},
    Stage.ELSEWHERE: frozenset((Stage.ANSWER, Stage.LETTER, Stage.OVER)),
    Stage.LETTER: frozenset((Stage.BLOCKED_LETTER, Stage.REPORT, Stage.OVER)),
    Stage.BLOCKED_LETTER: frozenset((Stage.LETTER, Stage.OVER)),
    Stage.REPORT: frozenset((Stage.BLOCKED_REPORT, Stage.OVER)),
    Stage.BLOCKED_REPORT: frozenset((Stage.REPORT, Stage.OVER)),
    Stage.OVER: frozenset(),
}
"""Where a run may go from where it is."""

WAITING = frozenset(Stage) - {Stage.ANSWER, Stage.LETTER, Stage.REPORT, Stage.OVER}
"""Where nothing of a run is under way in the world, or can be called off: giving it up leaves no trace."""

_ANSWER = Stage.ANSWER
"""Looking a member up in its class is dear where it is done for every request."""


class Sender(Protocol):
    """Sends requests."""

    def send(self, request: Request, answered: Callable[[Answer], None]) -> Callable[[], None]:
        """Call `answered` once, later; the function returned cancels that."""
        ...


def nothing() -> None:
    """There is nothing to call off."""


class Attempt(Struct, eq=False, gc=False):
    """A request under way: what let it leave, with what, how it is called off, and the runs it carries."""

    admission: Admission
    permit: Permit
    runs: "tuple[Run, ...]"
    cancel: Callable[[], None] = nothing


class Run(Struct, eq=False, gc=False):
    """A record under way; a new one has no times yet.

    What it waits for (attempt, writing, timer) refers to it too, and no collector looks here: so it lets go
    of each when that is over.
    """

    record: Record
    stage: Stage = Stage.NEW
    attempts: int = 0
    counted: int = 0
    failed_before: Earlier | None = None
    """When it failed last, and how many deliveries had been made by then."""
    paid: Fault | None = None
    """What its dead letter was paid as, which is written or may have to be."""
    writing: Writing | None = None
    """Its dead letter, or its report, on its way."""
    timer: Timer | None = None
    """Rings when its next attempt is due, or it is to be prepared again."""
    unprepared: int = 0
    """How often in a row what its preparation takes was not to be had."""
    attempt: Attempt | None = None
    request: Request | None = None
    is_foreign: bool = False
    brings_proof: bool = False
    """Whether its event says itself what proves who sends."""
    first_attempt: float | None = None
    last_attempt: float | None = None
    sent_at: float = -math.inf
    started_at: float = -math.inf
    downtime: float = 0.0
    took: float | None = None
    """How long its last attempt took that failed."""

    def enter(self, stage: Stage) -> None:
        """It waits for that now."""
        assert stage in FOLLOWS[self.stage], (self.stage, stage)
        self.stage = stage

    def sent(self, at: float, wall: float, downtime: float) -> None:
        """A request left; `downtime`: for how long the endpoint had been down before, all told."""
        assert _ANSWER in FOLLOWS[self.stage], self.stage
        self.stage = _ANSWER
        self.sent_at, self.last_attempt = at, wall
        if self.attempts == 0:
            self.started_at, self.first_attempt, self.downtime = at, wall, downtime

    def answered(
        self, now: float, wall: float, downtime: float, *, is_spared: bool, is_counted: bool = True
    ) -> Effort:
        """It was answered; what has been spent on it since.

        `is_spared`: not held against it; not `is_counted`: no more than the time that it takes is.
        """
        self.took = now - self.sent_at
        self.attempts += 1
        self.counted += is_counted and not is_spared
        elapsed = now - self.started_at - (downtime - self.downtime)
        age = known(record_age(self.record.timestamp, wall))
        return Effort(self.attempts, self.counted, elapsed, age, is_spared, self.is_foreign)

    def host(self) -> str:
        """The origin that its request leads to."""
        assert self.request is not None
        return origin_of(self.request.url)

    def let_go(self) -> None:
        """Nothing waits for it any more: neither what is written of it nor its timer."""
        if self.writing is not None:
            self.writing.give_up()
        if self.timer is not None:
            self.timer.cancel()
        self.writing = self.timer = None

    def tried(self) -> Tried:
        """Its last attempt, which was answered, as it is told."""
        return Tried(self.record, self.request, self.attempts, self.sent_at)

    def refusal(self, answer: Answer, reason: Reason) -> Failure:
        """What is to be written down of it when it is given up after `answer`."""
        response = None if isinstance(answer, TransportError) else answer
        return Failure(
            code=reason,
            message=f"the endpoint answered {response.status}" if response else str(answer),
            stage="TASK_PUT",
            error_class=dead_letter.ANSWERED if response else dead_letter.UNANSWERED,
            attempts=self.attempts,
            first_attempt=self.first_attempt,
            last_attempt=self.last_attempt,
            request=self.request,
            response=response,
        )

    def delivery(self, answer: Answer, seconds: float) -> Settlement:
        """How it was settled by an answer that came after so long, and delivered it."""
        assert not isinstance(answer, TransportError)
        return Settlement(
            Outcome.DELIVERED,
            attempts=self.attempts + 1,
            first_attempt=self.first_attempt,
            last_attempt=self.last_attempt,
            seconds=seconds,
            request=self.request,
            response=answer,
        )


class Settled(NamedTuple):
    """Nothing more has to be done for it: it is delivered, written down, or left out by a rule."""

    is_delivered: bool


class Failed(NamedTuple):
    """It has to be written down, which was paid as that; None: it costs nothing."""

    failure: Failure
    paid: Fault | None


class Withheld(NamedTuple):
    """It would have to be written down, and that is not paid for.

    With the `answer` by which it was refused it may be sent again; without one it can be no request.
    """

    failure: Failure
    answer: Answer | None


class Unreported(NamedTuple):
    """Nothing more has to be done for it, but that it is reported how it was settled."""

    settlement: Settlement


End = Settled | Unreported | Again | Failed | Withheld
"""What becomes of a run by an attempt, or for want of one."""

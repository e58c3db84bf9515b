"""One record under way: what it waits for, what has been spent on it, who sends it and who listens.

Times are monotonic seconds, but for `wall` and `first_attempt` and `last_attempt`: timestamps.
"""

import math
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from msgspec import Struct

from processor.core import dead_letter
from processor.core.age import age as record_age
from processor.core.age import known
from processor.core.dead_letter import Failure
from processor.core.pace.admission import Permit
from processor.core.pace.budget import Fault
from processor.core.retry import Effort, Reason
from processor.errors import TransportError
from processor.model import Answer, Record, Request
from processor.telemetry.live_events import Tried
from processor.traffic.dead_letters import Letter


class Stage(Enum):
    """What a record under way waits for: an answer, another attempt, or its dead letter."""

    ANSWER = 1
    RETRY = 2
    LETTER = 3
    BLOCKED_LETTER = 4


class Sender(Protocol):
    """Sends requests."""

    def send(self, request: Request, answered: Callable[[Answer], None]) -> Callable[[], None]:
        """Call `answered` once, later; the function returned cancels that."""
        ...


class Listener(Protocol):
    """Who wants to know what becomes of records."""

    def settled(self, record: Record) -> None:
        """Nothing more has to be done for `record`, and there is room for another."""
        ...

    def blocked(self, record: Record) -> None:
        """The dead letter of `record` could not be written; it will be tried again."""
        ...

    def delayed(self, record: Record) -> None:
        """`record` waits for another attempt."""
        ...

    def withheld(self, record: Record) -> None:
        """`record` waits until deliveries have paid for its dead letter."""
        ...

    def freed(self) -> None:
        """There is room for another record."""
        ...

    def offered(self, further: float) -> bool:
        """One new record may start at once, a share `further` of them behind the first; whether one did."""
        ...


def nothing() -> None:
    """There is nothing to call off."""


class Run(Struct, eq=False, gc=False):
    """A record under way; a new one has no permit, and no times yet."""

    record: Record
    attempts: int = 0
    counted: int = 0
    delivered_before: int | None = None
    is_sent: bool = False
    paid: Fault | None = None
    """What its dead letter was paid as, which is written or may have to be."""
    letter: Letter | None = None
    cancel: Callable[[], None] = nothing
    request: Request | None = None
    is_foreign: bool = False
    first_attempt: float | None = None
    last_attempt: float | None = None
    permit: Permit = Permit(-math.inf, False, 0)
    started_at: float = -math.inf
    downtime: float = 0.0

    @property
    def stage(self) -> Stage:
        """What it waits for."""
        if self.letter is not None:
            return Stage.BLOCKED_LETTER if self.letter.is_waiting else Stage.LETTER
        return Stage.ANSWER if self.is_sent else Stage.RETRY

    def over(self) -> None:
        """Nothing more is done for it: what it holds may hold it, and no collector looks (`gc=False`)."""
        self.letter, self.cancel = None, nothing

    def sent(self, permit: Permit, wall: float, downtime: float) -> None:
        """A request left; `downtime`: for how long the endpoint had been down before, all told."""
        self.permit, self.last_attempt, self.is_sent = permit, wall, True
        if self.attempts == 0:
            self.started_at, self.first_attempt, self.downtime = permit.at, wall, downtime

    def answered(self, now: float, wall: float, downtime: float, *, is_spared: bool) -> Effort:
        """It was answered; what has been spent on it since. `is_spared`: not held against it."""
        self.is_sent, self.cancel = False, nothing
        self.attempts += 1
        self.counted += not is_spared
        elapsed = now - self.started_at - (downtime - self.downtime)
        age = known(record_age(self.record.timestamp, wall))
        return Effort(self.attempts, self.counted, elapsed, age, is_spared, self.is_foreign)

    def tried(self, attempts: int) -> Tried:
        """Its last attempt, which is the one of that number, as those see it who look on."""
        return Tried(self.record, self.request, attempts, self.permit.at)

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

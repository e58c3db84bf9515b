"""What has to hold in every history, by name, and what it is when it does not."""

from dataclasses import dataclass
from enum import StrEnum


class Promise(StrEnum):
    """One promise; the numbers are those of the design's invariants."""

    TRUTHFUL_COMMIT = "1: all that is committed is delivered, dead-lettered or skipped by a rule"
    WHOLE_COMMIT = "1: a commit holds all that is finished"
    SETTLED_TRUTHFULLY = "1: a record is settled by a 2xx, an acknowledged letter or a rule"
    SETTLED_ONCE = "1: nothing is settled twice, and nothing settled is sent again"
    INTACT = "1: request and letter hold the record's bytes"
    RIGHT_CODE = "1: a dead letter has the code of what went wrong"
    REPORTED = "1: a report tells the truth, and is acknowledged before what requires it is settled"
    KEY_ORDER = "2: a record leaves after all earlier ones of its lane are terminal"
    ONE_OF_A_LANE = "2: of a lane one request is under way in a process"
    NO_REPEAT = "3: what the committed position says is finished is not sent again"
    FRESH_COMMIT = "3: what is finished is committed soon, so a crash repeats little"
    IN_FLIGHT = "4: requests under way stay within the limit, and none is leaked"
    ELSEWHERE = "4: requests to hosts that events name stay within a share of their own"
    MEMORY = "4: what waits stays within twice the limits and the batches ahead"
    PREPARED = "a record is sent, or given up, when its preparation has answered"
    PREPARATION = "4: no more are under preparation at once than may be"
    NOTHING_AFTER_REVOKE = "5: nothing of a revoked or lost partition starts"
    NOTHING_COMMITTED_AFTER_LOSS = "5: nothing of a lost or released partition is committed"
    WHOLE_RELEASE = "5: a released partition runs nothing, and all finished of it was committed"
    NOTHING_AFTER_STOP = "6: nothing starts during a stop"
    STOP = "6: a stop ends in time, runs nothing then, and has committed all finished"
    NO_REGRESS = "a committed position does not go back"
    PROGRESS = "when faults are over, everything becomes terminal and is committed"
    NO_EXCEPTION = "no callback raises"
    LEASE = "no request of a partition leaves that the group has given to somebody else"
    ONE_TOPIC = "a topic that is refused takes the proof of membership from no other"
    OUTAGE = "no outage turns records into dead letters"
    STEADY = "no circuit opens by refusals while others are delivered"
    BUDGET = "dead letters are paid for: where nearly everything fails there are few"


class BrokenError(AssertionError):
    """A promise that was not kept."""

    def __init__(self, promise: Promise, story: str) -> None:
        self.promise = promise
        self.story = story
        super().__init__(f"{promise.name} ({promise.value}): {story}")


@dataclass(frozen=True, slots=True)
class Demands:
    """What is asked beyond what holds anyway; each is switched on when the product does it."""

    lease: bool = False
    """LEASE holds: no request leaves a process whose membership may be over."""
    circuit: bool = False
    """OUTAGE holds: attempts during an outage do not use up `max_attempts`."""
    budget: bool = False
    """BUDGET holds: no more than its credit become dead letters while the endpoint refuses all."""
    cursed_end: bool = False
    """PROGRESS holds with the circuit on and records that are answered with 503 whenever they are sent."""
    quiet_drain: bool = False
    """NOTHING_AFTER_REVOKE and NOTHING_AFTER_STOP hold for retries too, not only for new records."""


ASKED = Demands(lease=True, circuit=True, budget=True, cursed_end=True, quiet_drain=True)
"""What is asked by default; change this line when the product learns more."""

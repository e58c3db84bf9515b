"""Whether another request may leave now: the limit in flight, rate, circuit, budget and lease.

Promises:
- never more requests have left and are not answered than the limit says; a record that waits for a
  retry or for its dead letter holds no slot;
- what is pushed back while other requests are delivered lowers the rate, which is then learnt;
- what the endpoint says is left of a quota is a ceiling, and no more;
- nothing leaves while the endpoint asked for a pause (`Retry-After`), nothing but probes while the
  circuit is open, nothing faster than the rate, and nothing at all once the lease is over;
- where the endpoint does not know us no event is to blame, and it is left alone but for probes;
- a failure tells of the endpoint only if nothing else was delivered since the same record failed
  before: else it tells of the record, and moves neither circuit nor limit. Where what was delivered had
  left before, the circuit hears of it all the same: the endpoint may have gone down in between.

Times are monotonic seconds, `chance` a number from 0 to 1.
"""

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec import Struct

from processor.core.pace.allowance import Allowance
from processor.core.pace.budget import Budget, BudgetPolicy, Fault
from processor.core.pace.circuit import Circuit, CircuitPolicy, State
from processor.core.pace.concurrency import Concurrency, ConcurrencyPolicy
from processor.core.pace.pacing import Pacing, PacingPolicy
from processor.core.pace.rate import Rate, RatePolicy
from processor.model import Quota, Signal

_DELIVERED = Signal.DELIVERED
_PUSHED_BACK = frozenset((Signal.THROTTLED, Signal.UNAVAILABLE))
_LOAD = _PUSHED_BACK | {Signal.NO_ANSWER, Signal.SERVER_ERROR, Signal.UNREACHABLE}
_TAKEN = frozenset((Signal.DELIVERED, Signal.REFUSED))


@dataclass(frozen=True, slots=True)
class AdmissionPolicy:
    """How many, how fast, and when not; None: no such limit."""

    concurrency: ConcurrencyPolicy = field(default_factory=ConcurrencyPolicy)
    circuit: CircuitPolicy = field(default_factory=CircuitPolicy)
    rate: RatePolicy | None = None
    budget: BudgetPolicy | None = field(default_factory=BudgetPolicy)
    unpaid: frozenset[str] = frozenset()
    """Codes and statuses of failures that always become dead letters, and cost nothing."""
    pacing: PacingPolicy = field(default_factory=PacingPolicy)
    longest_pause: float = 300.0
    """The longest wait for a quota, in seconds."""


class Permit(Struct, frozen=True, gc=False):
    """What a request left with: when, and whether as a probe."""

    at: float
    is_probe: bool


class Earlier(NamedTuple):
    """When a record failed before, in monotonic seconds, and how many deliveries had been made by then."""

    at: float
    delivered: int


class Outcome(NamedTuple):
    """What an attempt of `record` came to; `pause` is what a `Retry-After` asked for, in seconds.

    `failed_before`: when the record failed last, and how many deliveries had been made by then; None: it
    did not fail before.
    """

    record: Hashable
    sign: Signal
    failed_before: Earlier | None
    pause: float
    quota: Quota | None = None


class Admission:
    """The door of this process to its endpoint."""

    def __init__(self, policy: AdmissionPolicy) -> None:
        self._concurrency = Concurrency(policy.concurrency)
        self._circuit = Circuit(policy.circuit)
        self._rate = Rate(policy.rate) if policy.rate else None
        self._pacing = Pacing(policy.pacing)
        self._allowance = Allowance(policy.longest_pause)
        self._budget = Budget(policy.budget)
        self._unpaid = policy.unpaid
        self._minimum = policy.circuit.minimum
        self._in_flight = 0
        self._delivered = 0
        self._worked_at = -math.inf
        """When the latest request left that was delivered."""
        self._unpaid_since = (0, 0)
        """How many refusals were not paid for, or were of us, since so many deliveries had been made."""
        self._is_unknown = False
        """Whether we were refused last, and not an event."""
        self._paused_until = -math.inf
        self._lease_until = math.inf

    # Facts

    def started(self, now: float) -> Permit:
        """A request left; ask `room()` before."""
        self._in_flight += 1
        self._concurrency.started(self._in_flight)
        if self._rate:
            self._rate.started(now)
        if self._pacing.rate is not None:
            self._pacing.started(now)
        if self._allowance.is_known:
            self._allowance.started(now)
        return Permit(now, self._circuit.started())

    def accepted(self, permit: Permit, now: float, quota: Quota | None = None) -> None:
        """It was answered, and delivered; `quota`: what is said to be left."""
        if quota is not None:
            self._allowance.heard(quota, permit.at, now)
        if permit.is_probe:
            self.ended(permit, Outcome(None, Signal.DELIVERED, None, 0.0), now, 0.0)
            return
        self._in_flight -= 1
        self._delivered += 1
        if permit.at > self._worked_at:
            self._worked_at = permit.at
        self._budget.delivered()
        self._concurrency.ended(now, permit.at, False)
        if self._pacing.is_awake:
            self._pacing.ended(now, permit.at, pushed_back=False)
        self._circuit.told(_DELIVERED, None, permit.at, now, 0.0)

    def ended(self, permit: Permit, outcome: Outcome | None, now: float, chance: float) -> None:
        """It was answered; None: it was given up, or told nothing of the endpoint."""
        self._in_flight -= 1
        was = self._circuit.state()
        if outcome is not None:
            if outcome.sign in _PUSHED_BACK and (self._allowance.is_known or outcome.quota is not None):
                self._allowance.refused(outcome.quota, permit.at, now)
            self._told(permit, outcome, now, chance)
        elif permit.is_probe:
            self._circuit.probed(None, now, chance)
        if was is State.OPEN and self._circuit.state() is State.HALF_OPEN:
            self._concurrency.restarted()

    def leased(self, until: float) -> None:
        """Our partitions are ours until then."""
        self._lease_until = until

    def is_unpaid(self, code: str, status: int | None = None) -> bool:
        """Whether such a failure always becomes a dead letter, and costs nothing."""
        return code in self._unpaid or str(status) in self._unpaid

    def afford(self, now: float, chance: float) -> bool:
        """Whether a refusal may become a dead letter now.

        The circuit opens when as many cannot be paid for as it takes to judge, and nothing is delivered
        among them: else those that are accepted go on between those that wait.
        """
        if self._circuit.state() is State.OPEN and not self._circuit.is_overdue(now):
            return False
        if self._budget.pay(Fault.REFUSED):
            return True
        self._refused(Signal.REFUSED, now, chance)
        return False

    def afford_unusable(self) -> bool:
        """Whether an event that can be no request may become a dead letter now.

        The endpoint has no part in it, so that the circuit stays as it is.
        """
        return self._budget.pay(Fault.UNUSABLE)

    def reserve(self) -> bool:
        """Whether what was refused may be sent again, its dead letter being paid for beforehand."""
        return self._circuit.state() is not State.OPEN and self._budget.pay(Fault.REFUSED)

    def give_back(self, fault: Fault) -> None:
        """What was paid for is no dead letter: it is answered first, or given up."""
        self._budget.give_back(fault)

    # Questions

    def in_flight(self) -> int:
        """How many requests have left and are not answered."""
        return self._in_flight

    def limit(self) -> int:
        """How many may be under way at once."""
        return self._concurrency.limit()

    def room(self, now: float) -> int:
        """How many more may leave now; not below 0."""
        if now < self._paused_until or now >= self._lease_until:
            return 0
        room = self._concurrency.limit() - self._in_flight
        allowed = self._circuit.room(now, self._in_flight)
        if allowed is not None:
            room = min(room, allowed)
        if self._rate and room > 0:
            room = min(room, self._rate.room(now))
        if self._pacing.rate is not None and room > 0:
            room = min(room, self._pacing.room(now))
        if self._allowance.is_known and room > 0:
            room = min(room, self._allowance.room(now, self._in_flight, self._concurrency.limit()))
        return max(0, room)

    def wakes_at(self, now: float) -> float | None:
        """When there may be room that time alone brings; None: only another fact can bring it."""
        if now >= self._lease_until:
            return None
        rate = now + self._rate.wakes_in(now) if self._rate else now
        pace = now + self._pacing.wakes_in(now)
        wakes_at = max(self._paused_until, self._circuit.wakes_at() or now, rate, pace)
        if self._allowance.is_known:
            left = self._allowance.wakes_in(now, self._in_flight, self._concurrency.limit())
            wakes_at = max(wakes_at, now + left)
        return wakes_at if wakes_at > now else None

    def is_down(self, permit: Permit, sign: Signal, failed_before: Earlier | None, now: float) -> bool:
        """Whether a request that left so, and failed with `sign`, may have failed because all fail.

        It was not reached, it is down, or nothing was delivered that left later and other records fail too.
        Where it does not know us, nothing was delivered since the same record failed before (`failed_before`,
        as in `Outcome`).
        """
        if self._circuit.is_overdue(now):
            return False
        if sign is Signal.UNREACHABLE or self._circuit.state() is State.OPEN:
            return True
        if sign is Signal.CREDENTIALS:
            return failed_before is None or self._worked_at <= failed_before.at
        return permit.at >= self._worked_at and self._circuit.is_doubted()

    def delivered(self) -> int:
        """How many deliveries were made."""
        return self._delivered

    def circuit(self) -> Circuit:
        """The circuit, to be asked."""
        return self._circuit

    def is_unknown(self) -> bool:
        """Whether the endpoint does not know us, as far as can be told: it is down for that, or nothing has
        been delivered yet.
        """
        if self._circuit.state() is not State.CLOSED:
            return self._circuit.reason() is Signal.CREDENTIALS
        return self._is_unknown and not self._delivered

    def learnt_rate(self) -> float | None:
        """Requests a second that the endpoint was found to take; None: it pushes nothing back."""
        return self._pacing.rate

    def budget_left(self) -> int | None:
        """How many refusals may become dead letters; None: no limit."""
        return self._budget.left()

    def pause(self, now: float) -> float:
        """Seconds for which the endpoint asked us to send nothing."""
        return max(0.0, self._paused_until - now)

    def lease(self, now: float) -> float:
        """Seconds for which our partitions are ours."""
        return max(0.0, self._lease_until - now)

    def check(self) -> None:
        """What left is counted, and a probe is one of them."""
        assert self._in_flight >= 0
        assert self._in_flight > 0 or not self._circuit.is_probing()
        assert not self._circuit.is_probing() or self._circuit.state() is State.OPEN

    # How an answer is weighed

    def _told(self, permit: Permit, outcome: Outcome, now: float, chance: float) -> None:
        sign = outcome.sign
        is_pushed_back = sign in _PUSHED_BACK
        # At a learnt rate it says that the rate is too high, not that too many are under way.
        says_load = sign in _LOAD and not (is_pushed_back and self._pacing.rate is not None)
        if not permit.is_probe and (is_pushed_back or (self._pacing.is_awake and sign in _TAKEN)):
            self._pacing.ended(now, permit.at, pushed_back=is_pushed_back, pause=outcome.pause)
        if sign is Signal.DELIVERED:
            self._delivered += 1
            self._worked_at = max(self._worked_at, permit.at)
            self._budget.delivered()
        elif outcome.failed_before is not None and outcome.failed_before.delivered != self._delivered:
            if permit.is_probe:
                self._circuit.probed(sign, now, chance)
            elif self._worked_at <= outcome.failed_before.at:
                self._circuit.told(sign, outcome.record, permit.at, now, chance)
            return
        self._paused_until = max(self._paused_until, now + outcome.pause)
        if not permit.is_probe and (says_load or sign not in _LOAD):
            self._concurrency.ended(now, permit.at, says_load)
        self._told_of_the_endpoint(permit, outcome, now, chance)

    def _told_of_the_endpoint(self, permit: Permit, outcome: Outcome, now: float, chance: float) -> None:
        sign = outcome.sign
        self._is_unknown = sign is Signal.CREDENTIALS
        if permit.is_probe:
            self._circuit.probed(sign, now, chance)
            return
        if outcome.pause:
            self._circuit.asked_to_pause(outcome.pause)
        self._circuit.told(sign, outcome.record, permit.at, now, chance)
        if self._is_unknown:
            self._refused(sign, now, chance)

    def _refused(self, reason: Signal, now: float, chance: float) -> None:
        count, delivered = self._unpaid_since
        count = count + 1 if delivered == self._delivered else 1
        self._unpaid_since = count, self._delivered
        if count >= self._minimum:
            self._circuit.refused(reason, now, chance)

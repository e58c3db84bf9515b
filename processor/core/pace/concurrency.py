"""How many requests may be under way at once: as many as are worth the latency they cause.

Promise: the limit is never below `floor` nor above `max_in_flight`; it grows only while requests
reach it; a refusal now and then does not lower it; and an endpoint that turns slow, however many
requests are under way, does not lower it either.

Beside the limit in use another is tried for a round of answers, and taken if the time that a delivery
takes differs by less than the limits do, to the power of `_WORTH`. The two are measured one right
after the other, so there is no notion of a usual latency that a queue of our own could spoil. Where
chance may explain the difference, both are measured again, then something farther off is tried; and
where even that is no better or worse, the lower limit is taken.
"""

import math
from dataclasses import dataclass

_WORTH = 2 / 3
"""Twice the requests may take 2 ** (2/3) as long: 26 % more throughput is worth 59 % more latency."""

_START = 16
_RESTART = 4

_SHORTEST_ROUND = 8
"""In answers; a round is twice the limit where that is more."""

_LARGEST_STEP = 1.0
_DOUBTFUL_STEP = 0.5
_SMALLEST_STEP = 0.125
"""As shares of the limit: how far off another one is tried, at most, in doubt and at least."""

_DEVIATIONS = 2.0
_ENOUGH = 256
"""How clear a difference has to be, and after how many answers it has to be so."""

_LONGEST_REST = 32
_CHANGED = 0.25
"""Rounds between two trials at most; by how much a cost has to change to end a rest early."""

_PARDONED = 3
_PARDONED_SHARE = 0.05
_DECREASE = 0.7
"""More push-backs in a round than this number and this share of it lower the limit so far."""

_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class ConcurrencyPolicy:
    """Between which limits the best is looked for; not `adaptive`: it is always `max_in_flight`."""

    max_in_flight: int = 64
    floor: int = 1
    adaptive: bool = True


class _Sample:
    """What was measured at one limit."""

    __slots__ = ("answers", "delivered", "limit", "rounds", "spent", "squares")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.clear()

    def clear(self) -> None:
        self.rounds = self.answers = self.delivered = 0
        self.spent = self.squares = 0.0

    def cost(self) -> float:
        """The logarithm of the time that a delivery takes, less what so high a limit is worth."""
        return math.log(max(self.spent, _LEAST) / self.delivered) - _WORTH * math.log(self.limit)

    def variance(self) -> float:
        """Of `cost()`, as if no answer depended on another."""
        mean = max(self.spent, _LEAST) / self.answers
        return max(0.0, self.squares / self.answers / mean**2 - 1) / self.answers


class Concurrency:
    """The limit of this process."""

    def __init__(self, policy: ConcurrencyPolicy) -> None:
        self._adaptive = policy.adaptive and policy.floor < policy.max_in_flight
        self._floor = policy.floor
        self._maximum = policy.max_in_flight
        self._now = -math.inf
        self._patience = 0.0
        self._peak = self._unsettled = 0
        self._begin(_START if self._adaptive else self._maximum, _LARGEST_STEP)

    def limit(self) -> int:
        """How many requests may be under way now."""
        return self._current.limit

    def started(self, in_flight: int) -> None:
        """A request left; so many are now under way, it included."""
        if in_flight > self._peak:
            self._peak = in_flight

    def ended(self, now: float, sent_at: float, pushed_back: bool) -> None:
        """A request was answered; `pushed_back`: in a way that speaks of the endpoint's load."""
        if not self._adaptive:
            return
        self._now = now
        fresh = sent_at >= self._since
        spent = now - sent_at
        if not pushed_back:
            self._delivering = True
        elif not fresh or self._overloaded(spent):
            return
        if self._unsettled:
            self._unsettled -= fresh
            if not self._unsettled and now < self._since + self._patience:
                self._unsettled = 1
            return
        sample = self._current
        sample.spent += spent
        sample.squares += spent * spent
        sample.answers += 1
        sample.delivered += not pushed_back
        self._left -= 1
        if not self._left:
            self._conclude()

    def restarted(self) -> None:
        """The endpoint was down: begin again low, and ramp up quickly."""
        if self._adaptive:
            self._patience = 0.0
            self._begin(min(self._base.limit, _RESTART), _LARGEST_STEP)

    def _begin(self, limit: float, step: float) -> None:
        """Nothing is known but that `limit` may be right; look above it first."""
        self._base = _Sample(self._within(limit))
        self._trial: _Sample | None = None
        self._usual: float | None = None
        self._up = True
        self._step = step
        self._nearest = _SMALLEST_STEP
        self._rest = 1
        self._use(self._base)

    def _within(self, limit: float) -> int:
        return min(self._maximum, max(self._floor, round(limit)))

    def _use(self, sample: _Sample) -> None:
        """What was sent under the limit before still shapes the first answers: they are not counted.

        Nor is what comes before this limit's own push-backs can: time-outs come late.
        """
        self._current = sample
        self._since = self._now
        self._delivering = False
        self._unsettled = (sample.limit + 1) // 2
        self._open_round()

    def _open_round(self) -> None:
        self._left = max(_SHORTEST_ROUND, 2 * self._current.limit)
        self._pardoned = _PARDONED + int(_PARDONED_SHARE * self._left)
        self._peak = 0

    def _overloaded(self, spent: float) -> bool:
        """One more was pushed back, after so long: whether that was too much, and the limit is lowered."""
        self._pardoned -= 1
        if self._pardoned >= 0:
            return False
        self._patience = spent if self._delivering else 0.0
        if self._current.limit > self._base.limit:
            self._reject(self._current)
        else:
            self._begin(self._current.limit * _DECREASE, 2 * _SMALLEST_STEP)
        return True

    def _conclude(self) -> None:
        """A round is over; it says nothing of a limit that was not reached."""
        self._current.rounds += 1
        if self._trial is self._current and self._peak > self._base.limit:
            self._trial.limit = self._peak
        if self._peak < self._current.limit:
            self._return()
        elif self._trial is not None:
            self._compare(self._trial)
        else:
            self._look_around()

    def _look_around(self) -> None:
        """Rest, unless the endpoint is no longer what it was; then try another limit."""
        cost = self._base.cost()
        if self._usual is None:
            self._usual = cost
        chance = _DEVIATIONS * math.sqrt(self._base.variance() * (self._base.rounds + 1))
        if abs(cost - self._usual) > _CHANGED + chance:
            self._usual = cost
            self._rest = 1
            self._return()
        elif self._base.rounds < self._rest:
            self._open_round()
        else:
            self._try()

    def _compare(self, trial: _Sample) -> None:
        gap = trial.cost() - self._base.cost()
        clear = abs(gap) > _DEVIATIONS * math.sqrt(trial.variance() + self._base.variance())
        if not clear and trial.answers < _ENOUGH:
            self._use(trial if self._current is self._base else self._base)
        elif not clear and self._step < _DOUBTFUL_STEP:
            self._step = self._nearest = 2 * self._step
            self._return()
        elif gap < 0 if clear else not self._up:
            self._accept(trial)
        else:
            self._reject(trial)

    def _accept(self, trial: _Sample) -> None:
        """Go on in the same direction, faster."""
        self._base = trial
        self._usual = None
        self._step = min(_LARGEST_STEP, 2 * self._step)
        self._rest = 1
        if self._up:
            self._patience /= 2
        self._try()

    def _reject(self, trial: _Sample) -> None:
        """Try something nearer; where nothing nearer is left, the other direction, and less often."""
        if trial.rounds == 1:
            self._nearest = max(_SMALLEST_STEP, self._nearest / 2)
        if self._step > self._nearest:
            self._step /= 2
        else:
            self._up = not self._up
            self._rest = min(_LONGEST_REST, 2 * self._rest)
        self._return()

    def _return(self) -> None:
        self._trial = None
        self._base.clear()
        if self._current is self._base:
            self._open_round()
        else:
            self._use(self._base)

    def _try(self) -> None:
        limit = self._neighbour()
        if limit == self._base.limit:
            self._up = not self._up
            self._step = self._nearest
            limit = self._neighbour()
        self._trial = _Sample(limit)
        self._use(self._trial)

    def _neighbour(self) -> int:
        limit = self._base.limit
        if self._up:
            return self._within(max(limit + 1, limit * (1 + self._step)))
        return self._within(min(limit - 1, limit / (1 + self._step)))

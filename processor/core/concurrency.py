"""How many requests may be under way at once: as many as are worth the latency they cause.

Promise: the limit is never below `floor` nor above `max_in_flight`; it grows only while requests
reach it; a refusal now and then does not lower it; and an endpoint that turns slow, however many
requests are under way, does not lower it either.

Beside the limit in use another is tried, each for a round of answers, and taken if the time that a
delivery takes changes by less than the limit to the power of `_WORTH`. Both are measured one after the
other, so there is no notion of a usual latency that a queue of our own could spoil. Where chance could
explain the difference, both are measured again.
"""

import math
from dataclasses import dataclass

_START = 16
_RESTART = 4
_WORTH = 0.75
"""Twice the requests may take 2 ** 0.75 as long: 19 % more throughput is worth 68 % more latency."""
_LARGEST_STEP = 1.0
_SMALLEST_STEP = 0.125
_LONGEST_REST = 16
_DEVIATIONS = 1.5
_ROUNDS = 8
_SHORTEST_ROUND = 8
_PARDONED = 3
_PARDONED_SHARE = 0.05
_DECREASE = 0.7
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class ConcurrencyPolicy:
    """Between which limits to look for the best; not `adaptive`: always `max_in_flight`."""

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
        """The logarithm of the time a delivery takes, less what the limit is worth."""
        return math.log(max(self.spent, _LEAST) / self.delivered) - _WORTH * math.log(self.limit)

    def variance(self) -> float:
        """Of `cost()`, were each answer independent of the others."""
        mean = max(self.spent, _LEAST) / self.answers
        return max(0.0, self.squares / self.answers / mean**2 - 1) / self.answers


class Concurrency:
    """The limit of this process."""

    __slots__ = (
        "_adaptive",
        "_base",
        "_current",
        "_floor",
        "_left",
        "_maximum",
        "_now",
        "_pardoned",
        "_peak",
        "_rest",
        "_rests",
        "_since",
        "_step",
        "_trial",
        "_unsettled",
        "_up",
    )

    def __init__(self, policy: ConcurrencyPolicy) -> None:
        self._adaptive = policy.adaptive and policy.floor < policy.max_in_flight
        self._floor = policy.floor
        self._maximum = policy.max_in_flight
        self._now = -math.inf
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
        if pushed_back and (not fresh or self._overloaded()):
            return
        if self._unsettled:
            self._unsettled -= fresh
            return
        sample = self._current
        latency = now - sent_at
        sample.spent += latency
        sample.squares += latency * latency
        sample.answers += 1
        sample.delivered += not pushed_back
        self._left -= 1
        if not self._left:
            self._conclude()

    def restarted(self) -> None:
        """The endpoint was down: begin again low, and ramp up quickly."""
        if self._adaptive:
            self._begin(min(self._base.limit, _RESTART), _LARGEST_STEP)

    def _begin(self, limit: float, step: float) -> None:
        self._base = _Sample(self._within(limit))
        self._step = step
        self._up = True
        self._rests = self._rest = 1
        self._trial: _Sample | None = None
        self._use(self._base)

    def _within(self, limit: float) -> int:
        return min(self._maximum, max(self._floor, round(limit)))

    def _use(self, sample: _Sample) -> None:
        """Answers to what was sent under another limit are not counted, until those have gone."""
        self._current = sample
        self._since = self._now
        self._unsettled = (sample.limit + 1) // 2
        self._open_round()

    def _open_round(self) -> None:
        self._left = max(_SHORTEST_ROUND, 2 * self._current.limit)
        self._pardoned = _PARDONED + int(self._left * _PARDONED_SHARE)
        self._peak = 0

    def _overloaded(self) -> bool:
        """One more was pushed back: whether that was one too many, and the limit is lowered."""
        self._pardoned -= 1
        if self._pardoned >= 0:
            return False
        if self._current.limit > self._base.limit:
            self._reject()
        else:
            self._begin(self._current.limit * _DECREASE, 2 * _SMALLEST_STEP)
        return True

    def _conclude(self) -> None:
        """A round is over: it counts if the limit was reached, and so had a say in it."""
        self._current.rounds += 1
        if self._peak < self._current.limit:
            self._return()
        elif self._trial is not None:
            self._compare(self._trial)
        elif self._rest > 1:
            self._rest -= 1
            self._open_round()
        else:
            self._try()

    def _compare(self, trial: _Sample) -> None:
        gap = trial.cost() - self._base.cost()
        chance = _DEVIATIONS * math.sqrt(trial.variance() + self._base.variance())
        if abs(gap) <= chance and trial.rounds < _ROUNDS:
            self._use(trial if self._current is self._base else self._base)
        elif gap < 0:
            self._accept(trial)
        else:
            self._reject()

    def _accept(self, trial: _Sample) -> None:
        """Go on in the same direction, faster."""
        self._base = trial
        self._step = min(_LARGEST_STEP, 2 * self._step)
        self._rests = 1
        self._try()

    def _reject(self) -> None:
        """Try something nearer; when nothing near is left, the other direction, and less often."""
        if self._step > _SMALLEST_STEP:
            self._step /= 2
        else:
            self._up = not self._up
            self._rests = min(_LONGEST_REST, 2 * self._rests)
        self._return()

    def _return(self) -> None:
        self._trial = None
        self._rest = self._rests
        self._base.clear()
        self._use(self._base)

    def _try(self) -> None:
        limit = self._neighbour()
        if limit == self._base.limit:
            self._up = not self._up
            self._step = _SMALLEST_STEP
            limit = self._neighbour()
        self._trial = _Sample(limit)
        self._use(self._trial)

    def _neighbour(self) -> int:
        limit = self._base.limit
        if self._up:
            return self._within(max(limit + 1, limit * (1 + self._step)))
        return self._within(min(limit - 1, limit / (1 + self._step)))

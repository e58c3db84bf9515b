"""Vector's adaptive request concurrency, for comparison, written from its published description.

https://vector.dev/blog/adaptive-request-concurrency/ with the defaults of its documentation: start at
1, moving average with a weight of 0.4, one more when the limit was reached and the mean of one round
trip is not above the average, a tenth less on back pressure or 2.5 deviations above it.
"""

import math

_WEIGHT = 0.4
_DEVIATIONS = 2.5
_DECREASE = 0.9


class VectorArc:
    """The limit by Vector's rule."""

    def __init__(self, maximum: int = 64) -> None:
        self._maximum = maximum
        self._limit = 1
        self._mean: float | None = None
        self._variance = 0.0
        self._decide_at = 0.0
        self._reached = self._pushed_back = False
        self._forget()

    def limit(self) -> int:
        """How many requests may be under way."""
        return self._limit

    def started(self, in_flight: int) -> None:
        """A request left."""
        self._reached = self._reached or in_flight >= self._limit

    def ended(self, now: float, sent_at: float, pushed_back: bool) -> None:
        """A request was answered; the time of those that were pushed back is not counted."""
        self._pushed_back = self._pushed_back or pushed_back
        if not pushed_back:
            self._sum += now - sent_at
            self._answers += 1
        if self._mean is None:
            self._begin(now)
        elif now >= self._decide_at:
            self._decide(self._mean)
            self._mean = self._average(self._mean)
            self._decide_at = now + self._mean
            self._forget()

    def _forget(self) -> None:
        self._sum = 0.0
        self._answers = 0
        self._reached = False
        self._pushed_back = False

    def _round_trip(self) -> float | None:
        """The mean since the last decision, in whole microseconds: else the last bit of it decides."""
        return round(self._sum / self._answers, 6) if self._answers else None

    def _begin(self, now: float) -> None:
        """The first round trip is the first average; it still belongs to the first decision."""
        self._mean = self._round_trip()
        self._decide_at = now + (self._mean or 0.0)

    def _decide(self, mean: float) -> None:
        current = self._round_trip()
        slow = mean + _DEVIATIONS * math.sqrt(self._variance)
        quick = current is not None and current <= mean and not self._pushed_back
        if quick and self._reached and self._limit < self._maximum:
            self._limit += 1
        elif self._pushed_back or (current or 0.0) >= slow:
            self._limit = max(1, int(self._limit * _DECREASE))

    def _average(self, mean: float) -> float:
        """Exponentially weighted mean and variance (T. Finch, 2009)."""
        current = self._round_trip()
        if current is None:
            return mean
        change = _WEIGHT * (current - mean)
        self._variance = (1 - _WEIGHT) * (self._variance + change * (current - mean))
        return mean + change

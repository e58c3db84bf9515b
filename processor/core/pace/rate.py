"""How many requests a second may leave: a token bucket.

Promise: in any span of `t` seconds at most `burst + per_second * t` requests leave. What was not
used is kept up to `burst`. Times are monotonic seconds.
"""

from dataclasses import dataclass

_SHORTEST_WAIT = 1e-6
"""A shorter time added to a clock's reading may be lost in its rounding."""


@dataclass(frozen=True, slots=True)
class RatePolicy:
    """Requests per second, and how many may leave at once after a pause."""

    per_second: float
    burst: int = 1


class Rate:
    """The tokens of one destination."""

    def __init__(self, policy: RatePolicy) -> None:
        self._policy = policy
        self._tokens = float(policy.burst)
        self._counted_at: float | None = None

    def started(self, now: float) -> None:
        """A request left; ask `room` before."""
        self._tokens = self._at(now) - 1
        self._counted_at = now

    def room(self, now: float) -> int:
        """How many may leave now."""
        return int(self._at(now))

    def wakes_in(self, now: float) -> float:
        """Seconds until there is room; 0 when there is."""
        missing = 1 - self._at(now)
        return max(_SHORTEST_WAIT, missing / self._policy.per_second) if missing > 0 else 0.0

    def _at(self, now: float) -> float:
        since = 0.0 if self._counted_at is None else max(0.0, now - self._counted_at)
        return min(self._policy.burst, self._tokens + since * self._policy.per_second)

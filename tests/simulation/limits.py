"""What the endpoint can take: so many requests a second, and so many at once.

What is too much a second is refused at once; what is too much at once waits for a worker, each of which goes
on with a request that was given up.
"""

import heapq
import math
from collections.abc import Callable
from typing import NamedTuple

BURST = 5
REFUSAL_SECONDS = 0.005


class Limits(NamedTuple):
    """How much; None: all. A refusal has this status, and says for how long, or not."""

    rate: float | None = None
    status: int = 503
    retry_after: bool = False
    workers: int | None = None


class Taken:
    """What it takes; times are those of the world."""

    def __init__(self, limits: Limits, count: Callable[[str], None]) -> None:
        self._limits = limits
        self._count = count
        self._tokens, self._at = float(BURST), 0.0
        self._free_at = [0.0] * (limits.workers or 0)

    def refusal(self, now: float) -> tuple[int, str | None] | None:
        """The status and the `Retry-After` of a request that is too much; None: it is taken."""
        rate = self._limits.rate
        if rate is None:
            return None
        self._tokens, self._at = min(BURST, self._tokens + (now - self._at) * rate), now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        self._count("refused by a limit")
        wait = str(math.ceil((1 - self._tokens) / rate))
        return self._limits.status, wait if self._limits.retry_after else None

    def served(self, now: float, seconds: float) -> float:
        """After how many seconds a request is, whose work takes so many."""
        if not self._free_at:
            return seconds
        end = max(now, self._free_at[0]) + seconds
        if end > now + seconds:
            self._count("waited for a worker")
        heapq.heapreplace(self._free_at, end)
        return end - now

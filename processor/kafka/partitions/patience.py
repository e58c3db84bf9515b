"""For how long the thread that reads may wait for the brokers' answers.

Promise: what is asked in one go takes no longer than `seconds` together, and `LEAST_SECONDS` for each
question that comes after that: whatever the brokers do, the thread goes round again.
"""

import time
from collections.abc import Callable

LEAST_SECONDS = 0.05


class Patience:
    """What is left of it."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._until = now() + seconds

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return self._now() >= self._until

    def at_most(self, seconds: float) -> float:
        """So long, or what is left."""
        return max(LEAST_SECONDS, min(seconds, self._until - self._now()))

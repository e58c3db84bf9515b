"""Pressure: how many reports may be on their way, and when one that may be lost is tried.

Promises:
- no more than `MOST` are ever on their way: what must be reported is not begun beyond that, and what need not
  be is dropped;
- while reports that may be lost cannot be written, one is tried now and then, and all others are dropped:
  dead letters, which the same client writes, do not wait behind them.

Times are monotonic seconds, `chance` a number from 0 to 1.
"""

import math

from processor.core.retry import backoff

MOST = 2_000
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 30.0
"""How long none is tried after one could not be written; twice as long each time."""


class Pressure:
    """Of the reports of one process."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._on_their_way = 0
        self._failures = 0
        self._again_at = -math.inf

    def begun(self) -> None:
        """One is on its way."""
        self._on_their_way += 1

    def ended(self) -> None:
        """It is not any more, whatever came of it."""
        self._on_their_way -= 1

    def succeeded(self) -> None:
        """One was acknowledged: the topic takes them."""
        self._failures = 0
        self._again_at = -math.inf

    def failed(self, now: float, chance: float) -> None:
        """One could not be written; those that left together count as one."""
        if now >= self._again_at:
            self._failures += 1
            wait = backoff(FIRST_SECONDS, LONGEST_SECONDS, self._failures, (1 + chance) / 2)
            self._again_at = now + wait

    def on_their_way(self) -> int:
        """How many there are that neither arrived nor failed."""
        return self._on_their_way

    def is_full(self) -> bool:
        """Whether nothing more may be begun that has to be reported."""
        return self._on_their_way >= self._most

    def takes(self, now: float) -> bool:
        """Whether one that may be lost is to be written now."""
        if self._failures and self._on_their_way:
            return False  # the one that tries has not been answered
        return now >= self._again_at and not self.is_full()

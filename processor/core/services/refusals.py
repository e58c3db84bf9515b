"""Refusals: what it means that a request was refused for who sent it.

Promises: a request that left with an older credential than the current one is sent again with that; for the
current one another is asked for, by one question however many are refused; one that was got just now is not
asked for again: the refusal stands. Where nothing that is got is ever taken, it is asked for ever more
rarely, so that no issuer of tokens is asked for each event. Times are monotonic seconds.
"""

from enum import Enum

FRESH_SECONDS = 5.0
"""A credential that was got so lately is refused for another reason than its age."""
RARER = 3.0
"""Each one that was refused before it was ever taken makes the next wait so many times longer."""
LONGEST_SECONDS = 300.0


class Verdict(Enum):
    """What to do about a refusal."""

    AGAIN = 1
    """Send it again with the current credential."""
    REFRESH = 2
    """Ask for another one, then send it again."""
    STANDS = 3
    """It is the answer."""


class Refusals:
    """Those of one credential. `generation` counts what it has been."""

    def __init__(self, fresh: float = FRESH_SECONDS, rarer: float = RARER) -> None:
        """`fresh`: seconds; what is looked up on a disk may be looked up again sooner, and no more rarely."""
        self.generation = 0
        self.is_doubted = False
        """Nothing has been taken since one was refused: who hears that something was says so (`taken`)."""
        self._got_at = 0.0
        self._fresh = self._patience = fresh
        self._rarer = rarer

    def got(self, now: float) -> int:
        """There is another one; its generation."""
        self.generation += 1
        self._got_at = now
        return self.generation

    def confirmed(self, now: float) -> None:
        """Another one was looked for, and there is none."""
        self._got_at = now

    def taken(self) -> None:
        """A request with the current one was not refused."""
        self.is_doubted = False
        self._patience = self._fresh

    def judged(self, generation: int, now: float) -> Verdict:
        """What a refusal means of a request that left with that generation."""
        if generation != self.generation:
            return Verdict.AGAIN
        if now - self._got_at < self._patience:
            return Verdict.STANDS
        self._patience = min(LONGEST_SECONDS, self._rarer * self._patience)
        self.is_doubted = True
        return Verdict.REFRESH

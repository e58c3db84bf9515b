"""Facts that come again and again: told once, then counted and summed up.

Promise: of each kind the first is told; then what came is summed up once a minute, and once more when a
minute has passed without any. Times are seconds.
"""

from typing import NamedTuple

EVERY_SECONDS = 60.0


class Sum(NamedTuple):
    """How often something of a kind came in so many seconds; `is_over`: it came no more since."""

    kind: str
    last: str
    times: int
    seconds: float
    is_over: bool


class _Tally:
    """One kind."""

    def __init__(self, now: float) -> None:
        self.began = self.since = self.latest = now
        self.count = 0
        self.total = 1
        self.last = ""


class Repeats:
    """What came, by its kind; kinds are words of a bounded set."""

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}

    def is_first(self, kind: str, text: str, now: float) -> bool:
        """It came, in these words; whether it is to be told."""
        tally = self._tallies.get(kind)
        if tally is None:
            self._tallies[kind] = _Tally(now)
            return True
        tally.count += 1
        tally.total += 1
        tally.latest = now
        tally.last = text
        return False

    def due(self, now: float) -> list[Sum]:
        """What is to be summed up by now; one alone that did not come again is not."""
        sums = []
        for kind, tally in list(self._tallies.items()):
            if now - tally.since < EVERY_SECONDS:
                continue
            if tally.count:
                sums.append(Sum(kind, tally.last, tally.count, now - tally.since, is_over=False))
                tally.since, tally.count = now, 0
                continue
            del self._tallies[kind]
            if tally.total > 1:
                sums.append(Sum(kind, tally.last, tally.total, tally.latest - tally.began, is_over=True))
        return sums

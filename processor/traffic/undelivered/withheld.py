"""Records whose dead letters are not paid for yet, by what is wrong with them.

Promise: of each fault the one that waits longest goes on first. Cost: O(1) a record, however many wait.
"""

from collections import Counter
from collections.abc import Callable

from processor.clock import Clock, Timer
from processor.core.dead_letter import Failure
from processor.core.kinds import Kinds
from processor.traffic.attempt import Run

LONGEST_REASON = 200
"""Characters of what is wrong with one that are told."""


class Withheld:
    """Those of one process. Now and then one may go on unpaid: nothing else may be left to send."""

    def __init__(
        self, clock: Clock, knock_after: float, knocked: Callable[[], None], minimum: int = 10
    ) -> None:
        """`knocked` is called when one may, `knock_after` seconds after the one before.

        `minimum`: after so many refusals in a row a kind is kept back while others are delivered.
        """
        self.kinds = Kinds(minimum)
        self.has_knocked = False
        """Whether one may go on now though it is not paid for."""
        self._clock = clock
        self._knock_after = knock_after
        self._told = knocked
        self._knock: Timer | None = None
        self.count = 0
        """How many there are: looked at for every event, hence no question."""
        self._refused: dict[Run, str] = {}
        self._unusable: dict[Run, Failure] = {}
        self._since = 0.0
        self._latest: dict[str, str] = {}

    def refused(self, run: Run, failure: Failure, now: float) -> None:
        """The endpoint did not take it: it may be sent again."""
        self._begin(failure, now)
        self.kinds.refused(run.record, failure)
        self._refused[run] = failure.code
        self.count += 1

    def kept_back(self, run: Run, failure: Failure, now: float) -> None:
        """It waits unsent: others of its kind were refused."""
        self._begin(failure, now)
        self._refused[run] = failure.code
        self.count += 1

    def unusable(self, run: Run, failure: Failure, now: float) -> None:
        """It can be no request: there is nothing to be done but to write it down."""
        self._begin(failure, now)
        self._unusable[run] = failure
        self.count += 1

    def go_on_later(self) -> None:
        """Those that are left had their chance; the next comes by itself."""
        self.has_knocked = False
        if self._knock is None and self._refused:
            self._knock = self._clock.call_later(self._knock_after, self._knocked)

    def _knocked(self) -> None:
        self._knock, self.has_knocked = None, True
        self._told()

    def said(self, now: float) -> str | None:
        """For how long some have waited, how many do and why, and what is wrong with the latest of each."""
        if not self.count:
            return None
        kinds = [f"{n} {code} ({self._latest[code]})" for code, n in sorted(self.counts().items())]
        return f"held for {now - self._since:.0f} s, nearly all fail: {', '.join(kinds)}"

    def has_refused(self) -> bool:
        """Whether some may be sent again."""
        return bool(self._refused)

    def has_unusable(self) -> bool:
        """Whether some can be no request."""
        return bool(self._unusable)

    def next_refused(self) -> Run:
        """Take the first that may be sent again; ask `has_refused` before."""
        run = next(iter(self._refused))
        self.forget(run)
        return run

    def next_unusable(self) -> tuple[Run, Failure]:
        """Take the first that may be written down; ask `has_unusable` before."""
        run, failure = next(iter(self._unusable.items()))
        self.forget(run)
        return run, failure

    def forget(self, run: Run) -> None:
        """It waits no more, if it did."""
        self._refused.pop(run, None)
        self._unusable.pop(run, None)
        self.count = len(self._refused) + len(self._unusable)

    def counts(self) -> Counter[str]:
        """How many there are, by reason."""
        return Counter([*self._refused.values(), *(failure.code for failure in self._unusable.values())])

    def _begin(self, failure: Failure, now: float) -> None:
        if not self.count:
            self._since = now
        self._latest[failure.code] = failure.message[:LONGEST_REASON]

"""What the endpoint says is left of a quota (`RateLimit` and the like), and what follows for the pace.

Nothing follows while more is left than may be under way. Then what is left is spread over the time that it
has to last, and nothing leaves once nothing is left, until it is renewed: a ceiling, below which the rate is
learnt as ever.

A header is a hint and may be wrong: of another quota, by a wrong clock, by a proxy that says the same all
day. So at first only a quarter of the time that it names is waited for, and five seconds at most; whole, once
a request that left although nothing was left was refused. It is wrong where a request that left after it was
said leaves no less; three times in a row, and none is listened to for ten minutes.

Promises: without a quota nothing is held up; with one, never more than `longest` until the next request, and
there always is one; a header that is always wrong costs three waits of five seconds in ten minutes, and at
most ten minutes of longer ones where it told the truth before. Cost: O(1).
Times are monotonic seconds.
"""

import math

from processor.model import Quota

_SHARE, _LONGEST_TRIAL = 0.25, 5.0
_TRUST = 600.0
_REST = 600.0
_DOUBTS = 3
_ROUNDING = 1.0
"""A reset in whole seconds may be so much earlier."""
_SHORTEST_WAIT = 1e-6


class Allowance:
    """What is left for this process and all others that share it."""

    def __init__(self, longest: float) -> None:
        self.is_known = False
        """Whether something is said to be left, or nothing."""
        self._longest = longest
        self._left = self._left_then = 0
        """Now, and when it was last said in answer to what left after it was said before."""
        self._since = self._until = self._started_at = -math.inf
        self._trusted_until = self._ignored_until = -math.inf
        self._doubts = 0

    # Facts

    def heard(self, quota: Quota, sent_at: float, now: float) -> None:
        """A request was taken, and its answer says what is left."""
        if now < self._ignored_until:
            return
        if not self.is_known or now >= self._until:
            self._believe(quota, now)
        elif sent_at < self._since:
            self._left = min(self._left, quota.remaining)
        else:
            if quota.remaining < self._left_then:
                self._doubts = 0
            elif now < self._until - _ROUNDING:
                self._doubts += 1
            self._believe(quota, now)
            if self._doubts == _DOUBTS:
                self.is_known, self._doubts = False, 0
                self._ignored_until = now + _REST

    def refused(self, quota: Quota | None, sent_at: float, now: float) -> None:
        """A request was pushed back; its answer may say that nothing is left."""
        if now < self._ignored_until:
            return
        is_foretold = self.is_known and not self._left and self._since <= sent_at and now < self._until
        if is_foretold or (quota is not None and not quota.remaining):
            self._trusted_until, self._doubts = now + _TRUST, 0
        if quota is not None and not quota.remaining:
            self._believe(quota, now)

    def started(self, now: float) -> None:
        self._started_at = now

    def _believe(self, quota: Quota, now: float) -> None:
        self.is_known = True
        self._left = self._left_then = quota.remaining
        self._since, self._until = now, now + quota.reset

    # Questions

    def room(self, now: float, in_flight: int, most: int) -> int:
        """How many may leave, where `in_flight` of `most` are under way; ask only where it is known."""
        if now >= self._until or self._left >= most:
            return most
        spare = self._left - in_flight  # some of those may be counted in it already
        if spare <= 0 and in_flight:
            return 0
        return max(1, spare if now >= self._end(now) else 1) if self._wait(now, spare) <= 0 else 0

    def wakes_in(self, now: float, in_flight: int, most: int) -> float:
        """Seconds until time alone brings room; 0: there is some, or only an answer does. Ask as above."""
        spare = self._left - in_flight
        if now >= self._until or self._left >= most or (spare <= 0 and in_flight):
            return 0.0
        return max(_SHORTEST_WAIT, wait) if (wait := self._wait(now, spare)) > 0 else 0.0

    def _end(self, now: float) -> float:
        """Until when what is left has to last."""
        if now < self._trusted_until:
            return self._until
        return self._since + min(_LONGEST_TRIAL, _SHARE * (self._until - self._since))

    def _wait(self, now: float, spare: int) -> float:
        end, last = self._end(now), max(self._since, self._started_at)
        return min(last + self._longest, last + (end - last) / max(1, spare)) - now

"""Connections: how many may be open to a receiver of whom nobody knows how many it can serve.

A server with few workers (Apache's prefork, HAProxy's `maxconn`) answers nothing on a connection for
which it has no worker, as long as those it serves are kept alive.

Promises:
- never more than `most` are allowed, and never none;
- at first FIRST are, and then no more that were not answered than were (slow start); only where nothing at
  all is answered for `patience` twice as many are tried, for a slow server has to get everything in time;
- where some are left unanswered while others are answered, as many are as the server answers, and then
  one more at a time, the more rarely the more often that one is left too.
"""

from enum import StrEnum
from typing import Final

FIRST: Final = 2
_SHORTEST_REST, _LONGEST_REST = 1.0, 60.0
"""Seconds until one more than the server answers is tried again."""


class Ending(StrEnum):
    """Why a connection ended."""

    IDLE = "idle"
    """No request used it for too long."""
    UNUSED = "unused"
    """No request ever did."""
    MAX_AGE = "max_age"
    YIELDED = "yielded"
    """It made room for others, which the server left unanswered."""
    ANSWERED = "answered"
    """The answer was the last on it: the server, or a setting, wants it so, or its body is too long."""
    SERVER = "server"
    """The server ended it, idle or under a request."""
    TIMEOUT = "timeout"
    """No answer in time."""
    UNREADABLE = "unreadable"
    """What the server said is no answer, or nobody had asked."""
    CANCELLED = "cancelled"
    """A request on it was called off."""
    STOPPED = "stopped"
    """The process stops."""


class SlowStart:
    """How many connections to one origin may be open, those that are being opened included."""

    def __init__(self, most: int, patience: float) -> None:
        """`patience`: for how many seconds no answer at all is waited for."""
        self._most = most
        self._patience = patience
        self._window = min(FIRST, most)
        self._is_careful = self._may_try = False
        self._again_at = 0.0
        self._rest = _SHORTEST_REST
        self._since = 0.0
        self._seen = -1

    def room(self, opened: int) -> int:
        """How many more may be opened, where so many are open or being opened."""
        return max(0, min(self._most, self._window + self._may_try) - opened)

    def answered(self, proven: int) -> None:
        """A connection got its first answer; so many that are open have one."""
        if not self._is_careful:
            self._allow(max(self._window, 2 * proven))
        elif proven > self._window:
            self._allow(proven)
            self._rest = _SHORTEST_REST

    def spent(self) -> None:
        """A connection ended with its first answer, as that server does, while other requests wait."""
        if not self._is_careful:
            self._allow(self._window + 1)

    def lost(self, proven: int) -> None:
        """One ended; so many that are open were answered before."""
        self._allow(min(self._window, max(FIRST, 2 * proven)))

    def overtaken(self, proven: int, now: float) -> None:
        """One was left unanswered while others, so many that are open, were answered."""
        self._is_careful, self._may_try = True, False
        self._allow(max(1, proven))
        self._again_at = now + self._rest
        self._rest = min(_LONGEST_REST, 2 * self._rest)

    def passed(self, now: float, answers: int, *, is_wanted: bool) -> None:
        """Time has passed; so many answers have come in all. `is_wanted`: requests wait for connections."""
        self._may_try = self._is_careful and now >= self._again_at
        if not is_wanted or answers != self._seen:
            self._since, self._seen = now, answers
        elif not self._is_careful and now - self._since >= self._patience:
            self._since = now
            self._allow(2 * self._window)

    def _allow(self, connections: int) -> None:
        self._window = min(self._most, connections)

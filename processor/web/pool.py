"""The connections to one origin, kept alive, and the requests that wait for one.

Promises:
- never more than `max_connections` are open or being opened, nor more than slow start allows
  (`core/pace/connections`);
- where the server leaves connections unanswered while it answers others, one of those makes room for each:
  servers with few workers answer all of what they were sent;
- requests are served in the order in which they came, by the connection that was used last, so that a pool
  shrinks when less is sent; none is kept that no request uses, nor used for longer than its lifetime;
- a request whose connection was dead already is sent once more, on a new connection;
- no request that had to wait is sent once nothing may be sent any more (`may_send`);
- no request is sent after its deadline, and each is answered then at the latest (but for the time
  until the next `sweep`).
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from yarl import URL

from processor.core.pace.connections import Ending, SlowStart
from processor.errors import TransportError
from processor.telemetry.facts import Facts
from processor.web.connection import Connection
from processor.web.dialer import Dials
from processor.web.exchange import Exchange
from processor.web.failures import failure

UNUSED_SECONDS: Final = 0.25
"""How long a connection is kept that no request has used: some servers give each of them a thread."""

_SLOW, _LONGEST = 3.0, 10.0
"""What takes so many times the average is suspicious, but for an answer no more than so many `patience`."""
_SHARE = 0.1
"""Of the latest in that average."""
_OPENING = 1.0
"""Seconds in which a connection should be open."""


def always() -> bool:
    """Nothing stands against it."""
    return True


def for_ever() -> float:
    """A lifetime without end."""
    return math.inf


class Limits(NamedTuple):
    """How many connections, how long they are kept, and whether requests may leave now.

    `keepalive`: seconds for which one may be idle; `lifetime`: seconds for which a new one may be used, 0:
    for one request; `patience`: after so many seconds without an answer something may be wrong.
    """

    max_connections: int
    keepalive: float
    may_send: Callable[[], bool] = always
    lifetime: Callable[[], float] = for_ever
    patience: float = 0.5


class Pool:
    """All connections to one origin."""

    def __init__(self, origin: URL, dialler: Dials, limits: Limits, facts: Facts | None = None) -> None:
        self._origin = origin
        self._host = origin.host_port_subcomponent or ""
        self._dialler = dialler
        self._limits = limits
        self._facts = facts or Facts()
        self._slow_start = SlowStart(limits.max_connections, limits.patience)
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        """The last one is used next."""
        self._dialling: dict[asyncio.Task[None], float] = {}
        """Since when."""
        self._proven = self._answers = 0
        """How many that are open were answered before; all answers."""
        self._usual = self._usual_opening = 0.0
        """About how many seconds an answer takes, and opening a connection."""
        self._heard_at = -math.inf
        self._has_grown = False
        self._is_full = False
        """Requests wait, and no more may be opened: it is not asked for each that comes."""
        self._yielding = 0
        """So many of those that come free make room."""
        self._overtaken: dict[Connection | asyncio.Task[None], float] = {}
        """For whom others made room, and until when that has to be enough."""
        self._waiting: deque[Exchange] = deque()
        self._second_tries: deque[Exchange] = deque()
        """Only new connections serve these, and these first."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is open, being opened or waited for."""
        return not (self._connections or self._dialling or self._waiting or self._second_tries)

    @property
    def opened(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def check(self) -> None:
        """Each connection is idle or busy, and for who waits as many are being opened as may be."""
        idle = [connection for connection in self._idle if connection in self._connections]
        assert len(idle) == len(set(idle))
        assert set(idle) == {connection for connection in self._connections if not connection.is_busy}
        opening = sum(not task.done() for task in self._dialling)
        assert opening <= self._limits.max_connections - len(self._connections)
        assert not (idle and self._waiting)
        assert len(self._dialling) >= len(self._waiting) + len(self._second_tries) or not self._room()
        assert self._proven == sum(not connection.is_fresh for connection in self._connections)
        assert self._connections or self._dialling or not (self._waiting or self._second_tries)

    def submit(self, exchange: Exchange) -> None:
        """Send as soon as there is a connection."""
        now = self._loop.time()
        while self._idle:
            connection = self._idle.pop()
            why = connection.unusable(now, self._limits.keepalive)
            if why is None:
                connection.begin(exchange)
                return
            connection.end(why=why)
        self._waiting.append(exchange)
        if not self._is_full:
            self._dial()

    def sweep(self, now: float) -> None:
        """Time has passed: end what takes too long, and what was idle for too long."""
        for waiting in (self._second_tries, self._waiting):
            for exchange in [each for each in waiting if each.deadline <= now]:
                if exchange in waiting:  # the answer to one may have called off another
                    waiting.remove(exchange)
                    exchange.end(self._too_late())
        for connection in list(self._connections):
            if connection.is_busy:
                connection.check(now)
            elif why := self._why_over(connection, now):
                connection.end(why=why)
        self._idle = [connection for connection in self._idle if connection in self._connections]
        self._make_room(now)
        self._slow_start.passed(now, self._answers, is_wanted=bool(self._waiting))
        self._dial()

    def shrink(self, why: Ending = Ending.IDLE) -> None:
        """End the connections that are idle."""
        while self._idle:
            self._idle.pop().end(why=why)

    def renew(self, dialler: Dials) -> None:
        """Open connections by this one from now on: what is open ends with what is under way on it."""
        self._dialler = dialler
        self.shrink(Ending.MAX_AGE)
        for connection in self._connections:
            connection.expires_at = -math.inf

    async def close(self, answer: TransportError) -> None:
        """End all connections; what is under way or waits gets `answer`."""
        for waiting in (self._second_tries, self._waiting):
            while waiting:
                waiting.popleft().end(answer)
        for connection in list(self._connections):
            connection.end(answer, Ending.STOPPED)
        tasks = list(self._dialling)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._dialling:  # what had ended before it was called off is told in the next turn
            await asyncio.sleep(0)

    # What connections and exchanges tell

    def proven(self, connection: Connection) -> None:
        """It was answered for the first time."""
        self._proven += 1
        self._overtaken.pop(connection, None)
        self._slow_start.answered(self._proven)
        self._has_grown = True

    def freed(self, connection: Connection) -> None:
        """It can take another exchange."""
        self._answers += 1
        self._heard_at = connection.since
        self._usual += _SHARE * (connection.took - self._usual)
        if self._yielding or self._heard_at >= connection.expires_at:
            self._yielding, is_yielded = max(0, self._yielding - 1), self._yielding > 0
            connection.end(why=Ending.YIELDED if is_yielded else Ending.MAX_AGE)
        elif self._waiting and (exchange := self._next(self._waiting)):
            connection.begin(exchange)
        else:
            self._idle.append(connection)
        if self._has_grown:
            self._dial()

    def lost(self, connection: Connection, why: Ending) -> None:
        self._connections.discard(connection)
        self._overtaken.pop(connection, None)
        self._proven -= not connection.is_fresh
        self._facts.disconnected(why)
        self._answers += why is Ending.ANSWERED
        if not (why is Ending.ANSWERED and self._has_grown):  # an end with the first answer speaks for more
            self._slow_start.lost(self._proven)
        elif self._waiting:
            self._slow_start.spent()
        self._dial()

    def sent_back(self, exchange: Exchange) -> None:
        """Its connection was dead already: one more try, on a new one."""
        self._facts.tried_again()
        self._second_tries.append(exchange)
        self._dial()

    def withdrawn(self, exchange: Exchange) -> None:
        """An exchange that waits is called off."""
        (self._second_tries if exchange.is_second_try else self._waiting).remove(exchange)

    # Opening

    def _room(self) -> int:
        """How many more may be opened. A second try always has one, in the place of that which was dead."""
        opened = len(self._connections) + len(self._dialling)
        in_place = min(len(self._second_tries) - len(self._dialling), self._limits.max_connections - opened)
        return max(self._slow_start.room(opened), in_place)

    def _dial(self) -> None:
        """As many as are waited for, and may be open."""
        self._has_grown = False
        waiting = len(self._waiting) + len(self._second_tries)
        while len(self._dialling) < waiting and self._room() > 0:
            task = self._loop.create_task(self._open())
            self._dialling[task] = self._loop.time()
            task.add_done_callback(self._opened)
        self._is_full = len(self._dialling) < waiting

    def _opened(self, task: asyncio.Task[None]) -> None:
        del self._dialling[task]
        self._overtaken.pop(task, None)
        self._dial()

    async def _open(self) -> None:
        """For whoever waits then; where nobody does, the next request takes it."""
        begun, dialler = self._loop.time(), self._dialler
        try:
            line = await dialler.dial(self._origin)
        except TransportError as error:
            if error.reason == "connect_timeout" and self._proven:
                self._slow_start.overtaken(self._proven, self._loop.time())
            if exchange := self._next(self._second_tries) or self._next(self._waiting):
                exchange.end(error)
            return
        now = self._loop.time()
        self._usual_opening += _SHARE * (now - begun - self._usual_opening)
        self._facts.connected(now - begun)
        lifetime = dialler is self._dialler and self._limits.lifetime()
        line = line._replace(expires_at=lifetime and now + lifetime)
        connection = Connection(self._host, self, line, self._loop.time)
        self._connections.add(connection)
        if exchange := self._next(self._second_tries) or self._next(self._waiting):
            connection.begin(exchange)
        else:
            self._idle.append(connection)

    # What is left unanswered

    def _why_over(self, connection: Connection, now: float) -> Ending | None:
        """Why an idle connection is not kept."""
        if not connection.is_fresh:
            return connection.unusable(now, self._limits.keepalive)
        why = connection.unusable(now, min(self._limits.keepalive, UNUSED_SECONDS))
        return Ending.UNUSED if why is Ending.IDLE else why

    def _make_room(self, now: float) -> None:
        """For each that is left unanswered while others are answered, one of those ends, idle ones first."""
        self._yielding = 0
        if not self._proven:
            return
        shortest = self._limits.patience
        patience = min(_LONGEST * shortest, max(shortest, _SLOW * self._usual))
        for connection in self._connections:
            if connection.is_fresh and connection.is_busy and self._heard_at > connection.since:
                self._look_at(connection, now, connection.since, patience)
        for task, since in self._dialling.items():  # with TLS a server without a worker is silent here
            if self._heard_at > since and self._waiting:
                self._look_at(task, now, since, max(_OPENING, _SLOW * self._usual_opening))
        while self._yielding and self._idle:
            self._yielding -= 1
            self._idle.pop(0).end(why=Ending.YIELDED)

    def _look_at(
        self, who: Connection | asyncio.Task[None], now: float, since: float, patience: float
    ) -> None:
        if now - self._overtaken.get(who, since) < patience:
            return
        if who not in self._overtaken:
            self._slow_start.overtaken(self._proven, now)
        self._overtaken[who] = now
        self._yielding += 1

    def _next(self, waiting: deque[Exchange]) -> Exchange | None:
        """The first that is not too late; none while nothing may be sent: a process may have been frozen."""
        now = self._loop.time()
        while waiting:
            exchange = waiting.popleft()
            if exchange.deadline > now and self._limits.may_send():
                return exchange
            exchange.end(self._too_late())
        return None

    def _too_late(self) -> TransportError:
        return failure("connect_timeout", f"no connection to {self._host} in time")

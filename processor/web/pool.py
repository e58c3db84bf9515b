"""The connections to one origin, kept alive, and the requests that wait for one.

Promises:
- never more than `max_connections` are open or being opened;
- requests are served in the order in which they came, connections used in turn;
- a request whose connection was dead already is sent once more, on a new connection;
- no request that had to wait is sent once nothing may be sent any more (`may_send`);
- no request is sent after its deadline, and each is answered then at the latest (but for the time
  until the next `sweep`).
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from yarl import URL

from processor.errors import TransportError
from processor.web.connection import Connection, OpenedTransport
from processor.web.exchange import Exchange
from processor.web.failures import failure


def always() -> bool:
    """Nothing stands against it."""
    return True


class Limits(NamedTuple):
    """How many connections, for how many seconds one may be idle, and whether requests may leave now."""

    max_connections: int
    keepalive: float
    may_send: Callable[[], bool] = always


class Dials(Protocol):
    """Who opens connections."""

    async def dial(self, origin: URL) -> OpenedTransport:
        """A connection to `origin`. Raises TransportError."""
        ...


class Pool:
    """All connections to one origin."""

    def __init__(self, origin: URL, dialler: Dials, limits: Limits) -> None:
        self._origin = origin
        self._host = origin.host_port_subcomponent or ""
        self._dialler = dialler
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._idle: deque[Connection] = deque()
        self._dialling: set[asyncio.Task[None]] = set()
        self._waiting: deque[Exchange] = deque()
        self._second_tries: deque[Exchange] = deque()
        """Only new connections serve these, and these first."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is open, being opened or waited for."""
        return not (self._connections or self._dialling or self._waiting or self._second_tries)

    def check(self) -> None:
        """Each connection is idle or busy, and for who waits as many are being opened as may be."""
        idle = [connection for connection in self._idle if connection in self._connections]
        assert len(idle) == len(set(idle))
        assert set(idle) == {connection for connection in self._connections if not connection.is_busy}
        opening = sum(not task.done() for task in self._dialling)
        free = self._limits.max_connections - len(self._connections)
        assert opening <= free
        assert not (idle and self._waiting)
        assert len(self._dialling) >= min(len(self._waiting) + len(self._second_tries), free)

    def submit(self, exchange: Exchange) -> None:
        """Send as soon as there is a connection."""
        now = self._loop.time()
        while self._idle:
            connection = self._idle.popleft()
            if connection.is_usable(now, self._limits.keepalive):
                connection.begin(exchange)
                return
            connection.end()
        self._waiting.append(exchange)
        self._dial()

    def sweep(self, now: float) -> None:
        """Time has passed: end what takes too long, and what was idle for too long."""
        for waiting in (self._second_tries, self._waiting):
            for exchange in [each for each in waiting if each.deadline <= now]:
                if exchange in waiting:  # the answer to one may have called off another
                    waiting.remove(exchange)
                    exchange.end(self._too_late())
        for connection in list(self._connections):
            connection.check(now, self._limits.keepalive)
        if len(self._idle) > len(self._connections):
            self._idle = deque(connection for connection in self._idle if connection in self._connections)

    def shrink(self) -> None:
        """End the connections that are idle."""
        while self._idle:
            self._idle.popleft().end()

    async def close(self, answer: TransportError) -> None:
        """End all connections; what is under way or waits gets `answer`."""
        for waiting in (self._second_tries, self._waiting):
            while waiting:
                waiting.popleft().end(answer)
        for connection in list(self._connections):
            connection.end(answer)
        tasks = list(self._dialling)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What connections and exchanges tell

    def freed(self, connection: Connection) -> None:
        """It can take another exchange."""
        if self._waiting and (exchange := self._next(self._waiting)):
            connection.begin(exchange)
        else:
            self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """It is over."""
        self._connections.discard(connection)
        if self._waiting:
            self._dial()

    def sent_back(self, exchange: Exchange) -> None:
        """Its connection was dead already: one more try, on a new one."""
        self._second_tries.append(exchange)
        self._dial()

    def withdrawn(self, exchange: Exchange) -> None:
        """An exchange that waits is called off."""
        (self._second_tries if exchange.is_second_try else self._waiting).remove(exchange)

    # Opening

    def _dial(self) -> None:
        """As many as are waited for, and may be open."""
        waiting = len(self._waiting) + len(self._second_tries)
        free = self._limits.max_connections - len(self._connections)
        while len(self._dialling) < min(waiting, free):
            task = self._loop.create_task(self._open())
            self._dialling.add(task)
            task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._dialling.discard(task)
        self._dial()

    async def _open(self) -> None:
        try:
            line = await self._dialler.dial(self._origin)
        except TransportError as error:
            if exchange := self._next(self._second_tries) or self._next(self._waiting):
                exchange.end(error)
            return
        connection = Connection(self._host, self, line, self._loop.time)
        self._connections.add(connection)
        if exchange := self._next(self._second_tries):
            connection.begin(exchange)
        else:
            self.freed(connection)

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

"""One attempt: a request out, a response or TransportError back.

Promise: a request leaves with exactly its own URL and headers, and every request gets exactly one
answer in time. It leaves once, but for a connection that was used before and proves dead before any
byte of an answer: then at once a second time, on a new one. A connection is renewed once it is older than
`connection_max_age`, and the name looked up again, so that moved and added servers get their share.
"""

import asyncio
import math
import ssl
from collections.abc import Callable
from typing import Final, NamedTuple

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver
from yarl import URL

from processor.config.destination.endpoint import DestinationSettings
from processor.core.request.endpoint import Endpoint
from processor.errors import TransportError
from processor.model import Answer, Headers, Request
from processor.telemetry.facts import Facts
from processor.web.connection import MAX_BODY
from processor.web.dialer import Dialer
from processor.web.exchange import Exchange
from processor.web.failures import failure
from processor.web.guard import Guard, foreign_rule, own_rule
from processor.web.pool import Limits, Pool, always
from processor.web.request_writer import RequestWriter
from processor.web.tls import ssl_contexts
from processor.web.ways.ways import Ways

__all__ = ["MAX_BODY", "Client"]

_MOST_FOREIGN: Final = 64
"""Hosts that events name whose idle connections are kept."""

_LEAST_AGE, _AGES = 0.8, 0.4
"""Connections that were opened together are renewed one after the other: from what share on, over which."""

_PATIENCE: Final = 1 / 20
"""Without an answer for this share of `request_timeout` something may be wrong."""

_LONGEST_TICK, _SHORTEST_TICK, _TICKS = 0.25, 0.01, 20
"""Seconds by which a time-out may be late: a share of the shortest of them."""


def _half() -> float:
    return 0.5


def _of_one_request() -> float:
    return 0.0


class _Route(NamedTuple):
    """To one origin."""

    pool: Pool
    writer: RequestWriter
    origin: URL


class Client:
    """Connections to a destination, at most `max_connections` (or `max_in_flight`) to each host.

    A request that has to wait for a connection leaves only if `may_send` says so when there is one.
    Hosts that events name have connections of their own, to fewer addresses than the configured one, and see
    our client certificate only where the settings say so.
    """

    def __init__(
        self,
        destination: DestinationSettings,
        max_in_flight: int,
        resolver: AbstractResolver | None = None,
        may_send: Callable[[], bool] = always,
        chance: Callable[[], float] = _half,
    ) -> None:
        """`chance` gives numbers from 0 to 1."""
        self._destination = destination
        self._chance = chance
        self._limits = Limits(
            destination.max_connections or max_in_flight,
            destination.keepalive_timeout,
            may_send,
            self._lifetime,
            destination.request_timeout * _PATIENCE,
        )
        self._resolver = resolver
        self._endpoint = Endpoint(destination.url)
        self._root = len(str(self._endpoint.origin))
        self._foreign: dict[str, _Route] = {}
        self._retired: list[Dialer] = []
        shortest = min(destination.request_timeout, destination.keepalive_timeout)
        self._tick = min(_LONGEST_TICK, max(_SHORTEST_TICK, shortest / _TICKS))
        self._timer: asyncio.TimerHandle | None = None
        self._is_open = False

    async def open(self, facts: Facts | None = None) -> None:
        """Raises ConfigError if the TLS files cannot be loaded; connects to nothing yet."""
        self._facts = facts
        tls, self._names = self._destination.tls, self._resolver or ThreadedResolver()
        self._loop = asyncio.get_running_loop()
        self._dial_by(*ssl_contexts(tls, shows_all=self._destination.allowed_hosts_get_secrets))
        self._ways = Ways(self._destination, self._names)
        self._own = self._route(URL(str(self._endpoint.origin)), self._dialler)
        self._is_open = True

    def trust(self, own: ssl.SSLContext, foreign: ssl.SSLContext) -> None:
        """Open connections by these from now on, to the configured host and to others.

        Those that are open finish what is under way and are closed.
        """
        before = self._dialler, self._foreign_dialler
        self._dial_by(own, foreign)
        for route in (self._own, *self._foreign.values()):
            is_foreign = route is not self._own
            dialler = self._foreign_dialler if is_foreign else self._dialler
            route.pool.renew(self._ways.to(route.origin, dialler, is_foreign=is_foreign).dials)
        self._retired = [dialler for dialler in self._retired if not dialler.is_closed]
        for dialler in before:
            dialler.retire()
            self._retired.append(dialler)

    def _dial_by(self, own: ssl.SSLContext, foreign: ssl.SSLContext) -> None:
        destination = self._destination
        self._dialler, self._foreign_dialler = (
            Dialer(Guard(rule(destination), self._names), context, destination.connect_timeout, server_name)
            for rule, context, server_name in (
                (own_rule, own, destination.tls.server_name),
                (foreign_rule, foreign, None),
            )
        )

    def _route(self, origin: URL, dialler: Dialer) -> _Route:
        host = origin.host_port_subcomponent or ""
        way = self._ways.to(origin, dialler, is_foreign=dialler is self._foreign_dialler)
        # There are proxies that hand on what follows a first request as it stands, our login with it.
        keepalive = self._destination.keepalive and not way.field
        writer = RequestWriter(host, keepalive=keepalive, prefix=way.prefix, field=way.field)
        limits = self._limits if keepalive else self._limits._replace(lifetime=_of_one_request)
        return _Route(Pool(origin, way.dials, limits, self._facts), writer, origin)

    def _lifetime(self) -> float:
        """Seconds for which a new connection may be used."""
        age = self._destination.connection_max_age
        return math.inf if age is None else age * (_LEAST_AGE + _AGES * self._chance())

    def retired(self) -> int:
        """How many diallers wait for the end of connections that they opened."""
        return sum(not dialler.is_closed for dialler in self._retired)

    def connections(self) -> int:
        return sum(way.pool.opened for way in (self._own, *self._foreign.values()))

    def send(
        self,
        request: Request,
        answered: Callable[[Answer], None],
        deadline: float | None = None,
        headers: Headers | None = None,
    ) -> Callable[[], None]:
        """Send; `answered` is called once, later, on the event loop, by `deadline` in its time at the latest.

        None: within `request_timeout`. `headers` take the place of those of the request. The result cancels.

        After cancelling, `answered` is never called. Requests under way when the client is closed
        are answered with TransportError `reset`, later ones likewise.
        """
        if deadline is None:
            deadline = self._loop.time() + self._destination.request_timeout
        try:
            way, target = self._find(request.url)
            payload = way.writer.write(request, target, headers)
        except (TransportError, ValueError) as error:
            return self._refuse(error, answered)
        exchange = Exchange(payload, deadline, answered, way.pool)
        way.pool.submit(exchange)
        if self._timer is None:
            self._timer = self._loop.call_later(self._tick, self._sweep)
        return exchange.cancel

    async def close(self) -> None:
        """Answer what is under way, then close all connections."""
        self._is_open = False
        if self._timer:
            self._timer.cancel()
        for way in (self._own, *self._foreign.values()):
            await way.pool.close(_closed())
        for dialler in (*self._retired, self._dialler, self._foreign_dialler):
            await dialler.close()
        await self._ways.close()

    def _refuse(
        self, error: TransportError | ValueError, answered: Callable[[Answer], None]
    ) -> Callable[[], None]:
        if isinstance(error, ValueError):
            error = failure("malformed", f"the request cannot be sent: {error}")
        return self._loop.call_soon(answered, error).cancel

    def _find(self, url: str) -> tuple[_Route, str]:
        """The way to the host of `url`, and what to ask it for. Raises TransportError."""
        if not self._is_open:
            raise _closed()
        if self._endpoint.is_own(url):
            return self._own, url[self._root :]
        return self._find_foreign(url)

    def _find_foreign(self, url: str) -> tuple[_Route, str]:
        try:
            parsed = URL(url, encoded=True)
            origin = parsed.origin()
        except ValueError:
            raise failure("malformed", "the URL cannot be used") from None
        if parsed.user is not None or parsed.scheme not in ("http", "https"):
            raise failure("malformed", "the URL cannot be used")
        way = self._foreign.pop(str(origin), None) or self._route(origin, self._foreign_dialler)
        self._foreign[str(origin)] = way
        return way, parsed.raw_path_qs

    def _sweep(self) -> None:
        """Look after all connections; come back while there are any, whatever an answer leads to."""
        self._timer = self._loop.call_later(self._tick, self._sweep)
        now, ways = self._loop.time(), (self._own, *self._foreign.values())
        for way in ways:
            way.pool.sweep(now)
        for way in list(self._foreign.values())[:-_MOST_FOREIGN]:
            way.pool.shrink()
        self._foreign = {origin: way for origin, way in self._foreign.items() if not way.pool.is_empty}
        if not self._foreign and self._own.pool.is_empty:
            self._timer.cancel()
            self._timer = None


def _closed() -> TransportError:
    return failure("reset", "the client is closed")

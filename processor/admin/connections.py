"""Connections to the admin port: few, none for ever, and each its turn.

Promises: so many descriptors are taken, the rest is left to deliveries; who comes when all are taken is
let in, for one of those who hold the most; a request that never comes whole is not waited for; requests
that come in a heap are answered one a turn, so that others, probes before all, are answered in between.
What is no request gets a page that tells nothing of us, and a fault of ours gets a line.
"""

import asyncio
import logging
from collections import Counter
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import web


class Limits(NamedTuple):
    """What the port gives: connections, requests on each, and seconds.

    `head`: for the first request to come; `idle`: for another to follow; `scrape`: how long the answer of
    one serves all who ask; `stream`: how long a stream of events lasts, after which one that is still
    looked at begins anew, and others have made room.
    """

    connections: int = 128
    requests: int = 50
    head: float = 5.0
    idle: float = 75.0
    scrape: float = 1.0
    stream: float = 600.0


LIMITS = Limits()
TELL_SECONDS = 1.0
"""Between two lines that tell of faults."""
_LARGEST_HEAD_LINE = 8190

PROTECTION = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "webhook-processor",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Headers of every page."""

LOGGER = logging.getLogger("admin")


class Connections:
    """All of them, the one that asked last at the end."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self._open: dict[Connection, str] = {}
        self._told_at = -TELL_SECONDS

    def opened(self, connection: "Connection", peer: str) -> None:
        """One more; another may have to go for it."""
        self._open[connection] = peer
        if len(self._open) > self.limits.connections:
            self._oldest_of_most().give_up()

    def asked(self, connection: "Connection") -> None:
        if connection in self._open:
            self._open[connection] = self._open.pop(connection)

    def closed(self, connection: "Connection") -> None:
        self._open.pop(connection, None)

    def may_tell(self, now: float) -> bool:
        """Whether a fault gets a line: many of them are one."""
        if now - self._told_at < TELL_SECONDS:
            return False
        self._told_at = now
        return True

    def _oldest_of_most(self) -> "Connection":
        """Of the peer with most connections the one that has asked for nothing for the longest time."""
        peers = Counter(peer for each, peer in self._open.items() if not each.is_stream)
        most = max(peers, key=peers.__getitem__)
        return next(each for each, peer in self._open.items() if peer == most and not each.is_stream)


class Connection(web.RequestHandler):
    """One of them; `is_stream`: events are shown on it now."""

    __slots__ = ("_among", "_head", "is_stream", "requests")

    def __init__(self, manager: web.Server, among: Connections) -> None:
        super().__init__(
            manager,
            loop=manager._loop,  # noqa: SLF001 - as the server itself does
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=among.limits.idle,
            lingering_time=0.0,
            max_line_size=_LARGEST_HEAD_LINE,
            max_field_size=_LARGEST_HEAD_LINE,
        )
        self._among = among
        self.requests = 0
        self.is_stream = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._among.opened(self, str(peer[0]) if peer else "")
        self._head = self._loop.call_later(self._among.limits.head, self.give_up)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._head.cancel()
        self._among.closed(self)
        super().connection_lost(exc)

    def asks(self) -> bool:
        """A request begins; whether another may follow it on this connection."""
        self.requests += 1
        self._head.cancel()
        self._among.asked(self)
        return self.requests < self._among.limits.requests

    def give_up(self) -> None:
        """Close it now, whatever is under way."""
        self._among.closed(self)
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what came
    ) -> web.StreamResponse:
        """The page for what is no request, and for a fault of ours."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and self._among.may_tell(self._loop.time()):
            LOGGER.error("a page failed: %s", request.path, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the page had begun already")
        page = web.Response(status=status, text=f"{HTTPStatus(status).phrase}\n", headers=PROTECTION)
        page.force_close()
        return page

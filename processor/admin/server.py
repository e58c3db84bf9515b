"""The pages for operators: metrics, probes and the live page, read-only, on a port of their own.

Promise: only GET and HEAD, nothing that changes anything, no state of its own: every page is asked for
when it is read, the metrics once a second at most, whoever reads them. Where there is a token, what tells
of events and traffic is for those who have it; probes are for all, since those who probe have no place
for a secret. Where there is none, events are shown to those only who name an address, or a name that no
stranger can have: a browser that was tricked by a name (DNS rebinding) shows that name.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from typing import Generic, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from processor.admin.connections import LIMITS, PROTECTION, Connection, Connections, Limits
from processor.admin.listening import listening, refusal
from processor.admin.live_page import EVENTS, LivePage
from processor.admin.pages import DistantPages, Pages, told
from processor.config.operators import AdminSettings
from processor.core.request.host_names import is_no_strangers
from processor.model import Report

Answer = TypeVar("Answer")

_OPEN_METRICS = "application/openmetrics-text"
_POLICY = "Content-Security-Policy"
_INDEX = (
    "/metrics  Prometheus metrics\n/livez    restart the process if this is not 200\n/readyz   events flow\n"
)
_LIVE = "/live     events as they pass\n"
_GUARDED = frozenset(("/metrics", EVENTS))
"""The paths that a token is for."""
_LARGEST_REQUEST = 1024
_SECONDS_TO_FINISH = 1.0


class Admin:
    """A server for `/metrics`, `/livez` (also `/healthz`), `/readyz` and, with `live`, `/live`."""

    def __init__(
        self,
        settings: AdminSettings,
        pages: Pages | DistantPages,
        *,
        live: bool = False,
        limits: Limits = LIMITS,
    ) -> None:
        self._settings = settings
        self._pages = pages
        self._page = LivePage(pages, limits.stream) if live else None
        self._connections = Connections(limits)
        self._scrapes = {
            form: Shared(lambda form=form: told(pages.metrics(form)), limits.scrape)  # type: ignore[misc]
            for form in (_OPEN_METRICS, "")
        }
        app = web.Application(client_max_size=_LARGEST_REQUEST)
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/metrics", self._metrics),
                web.get("/livez", self._live),
                web.get("/healthz", self._live),
                web.get("/readyz", self._ready),
                *(self._page.routes() if self._page else ()),
            ]
        )
        app.middlewares.append(_turn)
        if settings.token:
            app.middlewares.append(_door(settings.token.get_secret_value()))
        else:
            app.middlewares.append(_window(frozenset(settings.allowed_hosts)))
        app.on_response_prepare.append(_protect)
        self._runner = web.AppRunner(app, shutdown_timeout=_SECONDS_TO_FINISH)
        self._servers: list[asyncio.Server] = []

    async def open(self) -> int:
        """The port it listens on. Raises ConfigError, or FatalError, if that cannot be had."""
        host, port = self._settings.host, self._settings.port
        try:
            sockets = await listening(host, port)
        except (OSError, UnicodeError) as error:
            raise refusal(error, host, port) from error
        await self._runner.setup()
        server, among = self._runner.server, self._connections
        assert server is not None
        loop = asyncio.get_running_loop()
        bound: int = sockets[0].getsockname()[1]
        for each in sockets:
            self._servers.append(await loop.create_server(lambda: Connection(server, among), sock=each))
        return bound

    async def close(self) -> None:
        """Finish the pages under way and close the port."""
        for server in self._servers:
            server.close()
        if self._page:
            self._page.close()
        await self._runner.cleanup()

    async def _index(self, _: web.Request) -> web.Response:
        return web.Response(text=_INDEX + (_LIVE if self._page else ""))

    async def _metrics(self, request: web.Request) -> web.Response:
        is_open = _OPEN_METRICS in request.headers.get("Accept", "")
        body, content_type = await self._scrapes[_OPEN_METRICS if is_open else ""].answer()
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _live(self, _: web.Request) -> web.Response:
        return _answer(await told(self._pages.liveness()))

    async def _ready(self, _: web.Request) -> web.Response:
        return _answer(await told(self._pages.readiness()))


class Shared(Generic[Answer]):
    """An answer that is asked for once in so many seconds, and serves all who want it meanwhile."""

    def __init__(self, ask: Callable[[], Awaitable[Answer]], seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._asked: asyncio.Future[Answer] | None = None
        self._at = 0.0

    async def answer(self) -> Answer:
        """The latest; what went wrong with it is raised to all."""
        now = asyncio.get_running_loop().time()
        if self._asked is None or (self._asked.done() and now - self._at >= self._seconds):
            self._at, self._asked = now, asyncio.ensure_future(self._ask())
        return await asyncio.shield(self._asked)


def _answer(report: Report) -> web.Response:
    body = json.dumps({"ok": report.ok, "checks": dict(report.checks)})
    return web.Response(status=200 if report.ok else 503, text=body, content_type="application/json")


@web.middleware
async def _turn(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Others go first: what came in a heap is not answered in one go."""
    connection = request.protocol
    assert isinstance(connection, Connection)
    may_ask_again = connection.asks()
    connection.is_stream = request.path == EVENTS
    await asyncio.sleep(0)
    try:
        response = await handler(request)
    finally:
        connection.is_stream = False
    if not may_ask_again:
        response.force_close()
    return response


def _door(token: str) -> Middleware:
    """Lets those in who send the token; the time it takes tells nothing of it."""
    wanted = token.encode()

    @web.middleware
    async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, _, said = request.headers.get("Authorization", "").partition(" ")
        has_token = compare_digest(said.strip().encode(errors="replace"), wanted)
        if request.path not in _GUARDED or (has_token and scheme.lower() == "bearer"):
            return await handler(request)
        challenge = {"WWW-Authenticate": 'Bearer realm="webhook-processor"'}
        return web.Response(status=401, text="a bearer token is needed: admin.token\n", headers=challenge)

    return door


def _window(hosts: frozenset[str]) -> Middleware:
    """Shows events to those who did not come by a stranger's name."""

    @web.middleware
    async def window(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        if request.path != EVENTS or is_no_strangers(host, hosts):
            return await handler(request)
        return web.Response(
            status=403, text="events are not shown under this name: set admin.token, or admin.allowed_hosts\n"
        )

    return window


async def _protect(_: web.Request, response: web.StreamResponse) -> None:
    own = response.headers.get(_POLICY)
    response.headers.update(PROTECTION | ({_POLICY: own} if own else {}))

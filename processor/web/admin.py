"""The pages for operators: metrics, probes and the live page, read-only, on a port of their own.

Promise: only GET and HEAD, nothing that changes anything, no state of its own: every page is asked
for when it is read. Where there is a token, what tells of events and traffic is for those who have it;
probes are for all, since those who probe have no place for a secret.
"""

import json
import os
from errno import EADDRNOTAVAIL
from hmac import compare_digest

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from processor.errors import FatalError
from processor.model import Report
from processor.sections import AdminSettings
from processor.web.live_page import EVENTS, LivePage
from processor.web.pages import DistantPages, Pages, told

_POLICY = "Content-Security-Policy"
_HEADERS = {
    "Cache-Control": "no-store",
    _POLICY: "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "webhook-processor",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
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

    def __init__(self, settings: AdminSettings, pages: Pages | DistantPages, *, live: bool = False) -> None:
        self._settings = settings
        self._pages = pages
        self._page = LivePage(pages) if live else None
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
        if settings.token:
            app.middlewares.append(_door(settings.token.get_secret_value()))
        app.on_response_prepare.append(_protect)
        self._runner = web.AppRunner(
            app, access_log=None, lingering_time=0.0, shutdown_timeout=_SECONDS_TO_FINISH
        )

    async def open(self) -> int:
        """The port it listens on. Raises FatalError if that cannot be had."""
        host, port = self._settings.host, self._settings.port
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            why = _why(error)
            raise FatalError(
                f"cannot listen on {host}:{port}: {why}; set admin.port, or admin.host, to what is free"
            ) from error
        bound: int = self._runner.addresses[0][1]
        return bound

    async def close(self) -> None:
        """Finish the pages under way and close the port."""
        if self._page:
            self._page.close()
        await self._runner.cleanup()

    async def _index(self, _: web.Request) -> web.Response:
        return web.Response(text=_INDEX + (_LIVE if self._page else ""))

    async def _metrics(self, request: web.Request) -> web.Response:
        body, content_type = await told(self._pages.metrics(request.headers.get("Accept", "")))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _live(self, _: web.Request) -> web.Response:
        return _answer(await told(self._pages.live()))

    async def _ready(self, _: web.Request) -> web.Response:
        return _answer(await told(self._pages.ready()))


def _why(error: OSError) -> str:
    """In the system's words: those around them are another's in each version of asyncio.

    From Python 3.13 on it names no number where no address is one of this machine.
    """
    number = error.errno or EADDRNOTAVAIL
    return os.strerror(number) if number > 0 else str(error.strerror)


def _answer(report: Report) -> web.Response:
    body = json.dumps({"ok": report.ok, "checks": dict(report.checks)})
    return web.Response(status=200 if report.ok else 503, text=body, content_type="application/json")


def _door(token: str) -> Middleware:
    """Lets those in who send the token; the time it takes tells nothing of it."""
    wanted = f"Bearer {token}".encode()

    @web.middleware
    async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
        said = request.headers.get("Authorization", "").encode(errors="replace")
        if request.path not in _GUARDED or compare_digest(said, wanted):
            return await handler(request)
        challenge = {"WWW-Authenticate": 'Bearer realm="webhook-processor"'}
        return web.Response(status=401, text="a bearer token is needed: admin.token\n", headers=challenge)

    return door


async def _protect(_: web.Request, response: web.StreamResponse) -> None:
    own = response.headers.get(_POLICY)
    response.headers.update(_HEADERS | ({_POLICY: own} if own else {}))

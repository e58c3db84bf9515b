"""The pages for operators: metrics and probes, read-only, on a port of their own.

Promise: only GET and HEAD, nothing that changes anything, no state of its own: every page is asked
for when it is read.
"""

import json
from collections.abc import Awaitable
from inspect import isawaitable
from typing import Protocol, TypeVar

from aiohttp import web

from processor.errors import FatalError
from processor.model import Report
from processor.sections import AdminSettings

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Server": "webhook-processor",
    "X-Content-Type-Options": "nosniff",
}
_INDEX = (
    "/metrics  Prometheus metrics\n/livez    restart the process if this is not 200\n/readyz   events flow\n"
)
_LARGEST_REQUEST = 1024
_SECONDS_TO_FINISH = 1.0

Told = TypeVar("Told")


class Pages(Protocol):
    """What there is to show. Called on the event loop: it must not wait."""

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """The metrics in the format that an `Accept` header asks for, and their content type."""

    def live(self) -> Report:
        """Whether the process works; if not, it should be restarted."""

    def ready(self) -> Report:
        """Whether events flow."""


class DistantPages(Protocol):
    """The same where others have to be asked first."""

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """As of Pages."""

    async def live(self) -> Report:
        """As of Pages."""

    async def ready(self) -> Report:
        """As of Pages."""


class Admin:
    """A server for `/metrics`, `/livez` (also `/healthz`) and `/readyz`."""

    def __init__(self, settings: AdminSettings, pages: Pages | DistantPages) -> None:
        self._settings = settings
        self._pages = pages
        app = web.Application(client_max_size=_LARGEST_REQUEST)
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/metrics", self._metrics),
                web.get("/livez", self._live),
                web.get("/healthz", self._live),
                web.get("/readyz", self._ready),
            ]
        )
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
            why = str(error.strerror).rpartition(": ")[2]
            raise FatalError(
                f"cannot listen on {host}:{port}: {why}; set admin.port, or admin.host, to what is free"
            ) from error
        bound: int = self._runner.addresses[0][1]
        return bound

    async def close(self) -> None:
        """Finish the pages under way and close the port."""
        await self._runner.cleanup()

    async def _index(self, _: web.Request) -> web.Response:
        return web.Response(text=_INDEX)

    async def _metrics(self, request: web.Request) -> web.Response:
        body, content_type = await _told(self._pages.metrics(request.headers.get("Accept", "")))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _live(self, _: web.Request) -> web.Response:
        return _answer(await _told(self._pages.live()))

    async def _ready(self, _: web.Request) -> web.Response:
        return _answer(await _told(self._pages.ready()))


async def _told(told: Told | Awaitable[Told]) -> Told:
    return await told if isawaitable(told) else told


def _answer(report: Report) -> web.Response:
    body = json.dumps({"ok": report.ok, "checks": dict(report.checks)})
    return web.Response(status=200 if report.ok else 503, text=body, content_type="application/json")


async def _protect(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)

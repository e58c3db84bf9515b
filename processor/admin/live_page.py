"""The live page: the files it is made of, and the stream of server-sent events that fills it.

Promises: one look a quarter of a second for each of a few who look, nothing while nobody does; who does
not read is left; no stream lasts for ever, and all end at once when the port closes. The files hold no
data of this process, so they need no token: the page asks for it and sends it with the stream's request.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from processor.admin.pages import DistantPages, Pages, told
from processor.telemetry.watch import Batch, Filter

EVENTS = "/live/events"
"""The path of the stream."""
PERIOD_SECONDS = 0.25
SILENT_SECONDS = 10.0
"""A comment is sent after so long without an entry, so that both ends see whether the other is there."""
STALLED_SECONDS = 10.0
"""Who reads nothing for so long is left."""
MOST_WATCHERS = 5

_QUERY = (("outcome", "all"), ("type", ""), ("text", ""))
_FILES = Path(__file__).parent / "live"
_TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: its own files and the stream."""

_encode = msgspec.json.Encoder().encode


class LivePage:
    """`/live`, its files below it, and `/live/events`."""

    def __init__(self, pages: Pages | DistantPages, longest: float) -> None:
        """`longest`: seconds after which a stream ends."""
        self._pages = pages
        self._longest = longest
        self._watchers = 0
        self._closing = asyncio.Event()

    def routes(self) -> Iterator[web.RouteDef]:
        """What is to be served: files, and the stream as `EVENTS`."""
        for file in sorted(_FILES.glob("*")):
            path = "/live" if file.name == "index.html" else f"/live/{file.name}"
            yield web.get(path, _served(file.read_bytes(), _TYPES[file.suffix]))
        yield web.get(EVENTS, self._events, allow_head=False)

    def close(self) -> None:
        self._closing.set()

    async def _events(self, request: web.Request) -> web.StreamResponse:
        try:
            wanted = Filter.of(*(request.query.get(name, none) for name, none in _QUERY))
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        if self._watchers >= MOST_WATCHERS:
            return web.Response(
                status=503, text=f"{MOST_WATCHERS} look already\n", headers={"Retry-After": "10"}
            )
        self._watchers += 1
        try:
            return await self._stream(request, wanted)
        finally:
            self._watchers -= 1

    async def _stream(self, request: web.Request, wanted: Filter) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        who = uuid4().hex
        try:
            await _send(response, "hello", _encode(self._pages.about()._asdict()))
            await self._follow(request, response, who, wanted)
        except (TimeoutError, ConnectionError):
            pass
        finally:
            response.force_close()
            self._pages.unsubscribe(who)
        return response

    async def _follow(
        self, request: web.Request, response: web.StreamResponse, who: str, wanted: Filter
    ) -> None:
        """Send what there is, until the port closes or the reader is gone."""
        loop = asyncio.get_running_loop()
        sent = looked = loop.time()
        end = looked + self._longest
        letters: int | None = None
        while request.transport and not self._closing.is_set() and looked < end:
            batch = await told(self._pages.look(who, wanted))
            now = loop.time()
            if batch.letters != letters:
                letters = batch.letters
                await _send(response, "letters", _encode({"open": letters}))
                sent = now
            if batch.entries or batch.unseen:
                await _send(response, "entries", _written(batch, now - looked))
                sent = now
            elif now - sent > SILENT_SECONDS:
                await _write(response, b":\n\n")
                sent = now
            looked = now
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), PERIOD_SECONDS)


def _served(body: bytes, content_type: str) -> Handler:
    async def serve(_: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": _POLICY, "Content-Type": f"{content_type}; charset=utf-8"}
        return web.Response(body=body, headers=headers)

    return serve


def _written(batch: Batch, seconds: float) -> bytes:
    return _encode({"entries": batch.entries, "unseen": batch.unseen, "seconds": round(seconds, 3)})


async def _send(response: web.StreamResponse, event: str, data: bytes) -> None:
    await _write(response, b"event: %s\ndata: %s\n\n" % (event.encode(), data))


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(STALLED_SECONDS):
        await response.write(data)

"""The server side of the page /live, told by a test what to say: files, headers, stream."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.support.endpoint import HOST
from tests.support.patience import PATIENCE

FILES = Path(__file__).parents[2] / "processor" / "admin" / "live"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_HELLO = {
    "destination": "crm",
    "version": "0.1.0",
    "endpoint": "https://crm.example.com",
    "payloads": "full",
    "workers": None,
}

Entry = dict[str, Any]
Fault = tuple[str, str, str]
"""In which file what is replaced by what, once."""


class Site:
    """Serves `url`; what `send` gets is pushed to every open stream.

    `planted` puts faults into the files served.
    """

    def __init__(self, prefix: str = "", planted: Sequence[Fault] = (), **hello: Any) -> None:
        self.token: str | None = None
        self.refusing: int | None = None
        self.queries: list[dict[str, str]] = []
        self.tokens: list[str | None] = []
        self._prefix = prefix
        self._planted = planted
        self._hello = _HELLO | hello
        self._streams: dict[asyncio.Queue[str | None], web.Request] = {}
        app = web.Application()
        app.add_routes(
            [
                web.get(f"{prefix}/live", self._page),
                web.get(f"{prefix}/live/events", self._events),
                web.get(prefix + "/live/{name}", self._page),
            ]
        )
        app.on_response_prepare.append(_protect)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self._runner.addresses[0][1]}{self._prefix}/live"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        await self._runner.cleanup()

    async def watched(self, queries: int = 1) -> None:
        """Until so many streams were asked for, and one is open."""
        async with asyncio.timeout(PATIENCE):
            while len(self.queries) < queries or not self._streams:
                await asyncio.sleep(0.01)

    async def asked(self, **query: str) -> None:
        """Until the last stream was asked for with this query."""
        async with asyncio.timeout(PATIENCE):
            while not self.queries or self.queries[-1] != query:
                await asyncio.sleep(0.01)

    def send(self, *entries: Entry, unseen: int = 0) -> None:
        """One message with these entries."""
        self.say("entries", json.dumps({"entries": entries, "unseen": unseen, "seconds": 0.25}))

    def say(self, event: str, data: str) -> None:
        """Any message."""
        self.put(f"event: {event}\ndata: {data}\n\n")

    def put(self, text: str | None) -> None:
        """Any text, in a packet of its own; None ends the stream."""
        for stream in self._streams:
            stream.put_nowait(text)

    def end(self) -> None:
        """End every stream in good order."""
        self.put(None)

    def cut(self) -> None:
        """Break every connection."""
        for request in self._streams.values():
            if request.transport:
                request.transport.abort()

    async def _page(self, request: web.Request) -> web.Response:
        path = FILES / request.match_info.get("name", "index.html")
        if not path.is_file():
            raise web.HTTPNotFound
        return web.Response(text=self._planted_in(path), content_type=_TYPES[path.suffix])

    def _planted_in(self, path: Path) -> str:
        text = path.read_text(encoding="utf-8")
        for _, old, new in (fault for fault in self._planted if fault[0] == path.name):
            assert old in text, f"{old} is not in {path.name}: the fault cannot be planted"
            text = text.replace(old, new, 1)
        return text

    async def _events(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        self.tokens.append(request.headers.get("Authorization"))
        if self.refusing:
            return web.Response(status=self.refusing)
        if self.token and self.tokens[-1] != f"Bearer {self.token}":
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        return await self._stream(request)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        queue.put_nowait(f"event: hello\ndata: {json.dumps(self._hello)}\n\n")
        self._streams[queue] = request
        try:
            while (text := await queue.get()) is not None:
                await answer.write(text.encode("utf-8", "surrogatepass"))
        except ConnectionError:
            return answer
        finally:
            del self._streams[queue]
        return answer


async def _protect(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"

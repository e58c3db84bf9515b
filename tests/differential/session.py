"""The reference of the differential test: aiohttp's own session, uncorrected, behind our `send`.

What it answers is what aiohttp makes of the bytes of a server: the status, the first `Retry-After`, the
body as far as it can be read, or the reason why there was none.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from aiohttp import (
    ClientConnectionError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from yarl import URL

from processor.config.destination.endpoint import DestinationSettings
from processor.errors import TransportError
from processor.model import Answer, Request, Response

MAX_BODY = 64 * 1024
MAX_RETRY_AFTER = 128


class SessionClient:
    """Asks as `processor.web.client.Client` does, of one origin, without its guards and corrections."""

    def __init__(self, destination: DestinationSettings, max_in_flight: int) -> None:
        self._destination = destination
        self._max_in_flight = max_in_flight
        self._session: ClientSession
        self._under_way: dict[asyncio.Task[Answer], Callable[[Answer], None] | None] = {}

    async def open(self) -> None:
        """Make the session, which connects to nothing yet."""
        self._session = ClientSession(
            connector=self.connector(
                limit=self._max_in_flight, keepalive_timeout=self._destination.keepalive_timeout
            ),
            timeout=ClientTimeout(
                total=self._destination.request_timeout,
                connect=self._destination.connect_timeout,
                ceil_threshold=float("inf"),
            ),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=MAX_BODY,
        )

    def connector(self, *, limit: int, keepalive_timeout: float) -> TCPConnector:
        """What opens the connections."""
        return TCPConnector(limit=limit, keepalive_timeout=keepalive_timeout)

    def send(self, request: Request, answered: Callable[[Answer], None]) -> Callable[[], None]:
        """Send; `answered` is called once, later, on the event loop, unless the result was called before."""
        task = asyncio.get_running_loop().create_task(self._answer(request))
        self._under_way[task] = answered
        task.add_done_callback(self._done)
        return partial(self._cancel, task)

    async def close(self) -> None:
        """Answer what is under way with TransportError `reset`, then close all connections."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._session.close()

    def _done(self, task: asyncio.Task[Answer]) -> None:
        if answered := self._under_way.pop(task):
            answered(TransportError("reset", "closed") if task.cancelled() else task.result())

    def _cancel(self, task: asyncio.Task[Answer]) -> None:
        if task in self._under_way:
            self._under_way[task] = None
            task.cancel()

    async def _answer(self, request: Request) -> Answer:
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
            ) as response:
                answer = await self.read(response)
                response.close()
                return answer
        except Exception as error:  # noqa: BLE001  (every request gets an answer)
            return TransportError(_reason(error), str(error))

    async def read(self, response: ClientResponse) -> Answer:
        """The answer, of which the head has come."""
        if not 200 <= response.status <= 599:
            return TransportError("malformed", f"the status {response.status}")
        retry_after = response.headers.get("Retry-After")
        return Response(
            response.status, retry_after and retry_after[:MAX_RETRY_AFTER], await self._body(response)
        )

    async def _body(self, response: ClientResponse) -> bytes:
        read = bytearray()
        with suppress(Exception):
            while block := await response.content.read(MAX_BODY - len(read)):
                read += block
        return bytes(read)


def _reason(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "answer_timeout"
        case ClientResponseError():
            return _reason_of_malformed(error)
        case ClientConnectionError():
            return "reset"
    raise error


def _reason_of_malformed(error: ClientResponseError) -> str:
    """Behind an interim answer aiohttp forgets the cause: only the message tells."""
    is_large = error.message.startswith(("Got more than", "Too many headers"))
    return "too_large" if is_large else "malformed"

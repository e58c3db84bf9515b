"""One attempt: a request out, a response or TransportError back.

Promise: a request leaves at most once, with exactly its own URL and headers, and every request gets
exactly one answer in time. The status line is the answer: what happens to the body behind it only
decides how much of the body there is.
"""

import asyncio
import io
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from aiohttp import (
    ClientConnectionError,
    ClientConnectorError,
    ClientHandlerType,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    InvalidUrlClientError,
    ServerDisconnectedError,
    StreamReader,
    ThreadedResolver,
)
from aiohttp.abc import AbstractResolver
from aiohttp.http_exceptions import LineTooLong
from yarl import URL

from processor.core.endpoint import Endpoint
from processor.errors import TransportError
from processor.model import Answer, Request, Response
from processor.sections import DestinationSettings
from processor.web.guard import Guard, foreign_rule, own_rule
from processor.web.probe import failure, unreachable
from processor.web.tls import ssl_context
from processor.web.wire import Connector

MAX_BODY: Final = 64 * 1024
"""Bytes read of a response's body; a connection with more on it is closed, not drained."""

_MAX_RETRY_AFTER = 128
_DNS_SECONDS = 10
_LARGE_BODY = 1024 * 1024
_NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Client:
    """Connections to a destination, kept alive and shared by at most `max_in_flight` requests.

    Hosts that events name have connections of their own, to fewer addresses than the configured one.
    """

    def __init__(
        self, destination: DestinationSettings, max_in_flight: int, resolver: AbstractResolver | None = None
    ) -> None:
        self._destination = destination
        self._max_in_flight = max_in_flight
        self._resolver = resolver
        self._endpoint = Endpoint(destination.url)
        self._sessions: dict[bool, ClientSession] = {}
        """By whether a request is for the configured origin."""
        self._under_way: dict[asyncio.Task[Answer], Callable[[Answer], None] | None] = {}

    async def open(self) -> None:
        """Raises ConfigError if the TLS files cannot be loaded; connects to nothing yet."""
        context = ssl_context(self._destination.tls)
        resolver = self._resolver or ThreadedResolver()
        for is_own, rule in ((True, own_rule), (False, foreign_rule)):
            guard = Guard(rule(self._destination), resolver)
            self._sessions[is_own] = self._session(guard, context)

    def _session(self, guard: Guard, context: ssl.SSLContext) -> ClientSession:
        destination = self._destination
        return ClientSession(
            connector=Connector(
                limit=self._max_in_flight,
                keepalive_timeout=destination.keepalive_timeout,
                ttl_dns_cache=_DNS_SECONDS,
                resolver=guard,
                socket_factory=guard.socket,
                ssl=context,
            ),
            timeout=ClientTimeout(
                total=destination.request_timeout,
                connect=destination.connect_timeout,
                ceil_threshold=float("inf"),
            ),
            middlewares=(_only_once,),
            skip_auto_headers=_NOT_ADDED,
            cookie_jar=DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            read_bufsize=MAX_BODY,
        )

    def send(self, request: Request, answered: Callable[[Answer], None]) -> Callable[[], None]:
        """Send; `answered` is called once, later, on the event loop. The result cancels.

        After cancelling, `answered` is never called. Requests under way when the client is closed
        are answered with TransportError `reset`, later ones likewise.
        """
        task = asyncio.get_running_loop().create_task(self._answer(request))
        self._under_way[task] = answered
        task.add_done_callback(self._done)
        return partial(self._cancel, task)

    async def close(self) -> None:
        """Answer what is under way, then close all connections."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for session in self._sessions.values():
            await session.close()

    def _done(self, task: asyncio.Task[Answer]) -> None:
        if answered := self._under_way.pop(task):
            answered(_closed() if task.cancelled() else task.result())

    def _cancel(self, task: asyncio.Task[Answer]) -> None:
        if task in self._under_way:
            self._under_way[task] = None
            task.cancel()

    async def _answer(self, request: Request) -> Answer:
        session = self._sessions.get(self._endpoint.is_own(request.url))
        if not session or session.closed:
            return _closed()
        host = ""
        try:
            url = URL(request.url, encoded=True)
            host = url.host_port_subcomponent or ""
            response = await session.request(
                request.method,
                url,
                headers=request.headers,
                data=_payload(request.body),
                allow_redirects=False,
            )
            try:
                return await _read(response, host)
            finally:
                response.close()
        except Exception as error:  # noqa: BLE001  (every request gets an answer)
            return _failure(error, host)


def _closed() -> TransportError:
    return failure("reset", "the client is closed")


async def _only_once(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
    """Hides from aiohttp the errors after which it sends an idempotent request again by itself.

    https://github.com/aio-libs/aiohttp/issues/10790
    """
    try:
        return await send(request)
    except (ClientOSError, ServerDisconnectedError) as error:
        raise _failure(error, request.url.host_port_subcomponent or "") from error


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """aiohttp warns of large bytes, and sends a BytesIO in pieces."""
    return body if body is None or len(body) <= _LARGE_BODY else io.BytesIO(body)


async def _read(response: ClientResponse, host: str) -> Answer:
    if not 200 <= response.status <= 599:
        return failure("malformed", f"{host} answered with the status {response.status}")
    retry_after = response.headers.get("Retry-After")
    body = await _first_bytes(response.content)
    return Response(response.status, retry_after and retry_after[:_MAX_RETRY_AFTER], body)


async def _first_bytes(content: StreamReader) -> bytes:
    """What comes of the body until it ends, breaks, takes too long or is `MAX_BODY` long."""
    read = bytearray()
    with suppress(Exception):
        while block := await content.read(MAX_BODY - len(read)):
            read += block
    return bytes(read)


def _failure(error: Exception, host: str) -> TransportError:
    """What aiohttp's errors mean. Its messages may quote the URL and are not passed on."""
    match error:
        case TransportError():
            return error
        case ConnectionTimeoutError():
            return failure("timeout", f"no connection to {host} in time")
        case TimeoutError():
            return failure("timeout", f"no answer from {host} in time")
        case ClientConnectionError():
            return _disconnected(error, host)
        case ClientResponseError():
            return _malformed(error, host)
        case InvalidUrlClientError():
            return failure("blocked", f"{host} is an IPv4 address in a form that is not allowed")
    return failure("malformed", f"the request to {host} cannot be sent: {type(error).__name__}")


def _disconnected(error: ClientConnectionError, host: str) -> TransportError:
    cause = error.__cause__
    if isinstance(cause, ssl.SSLError) or (
        isinstance(cause, OSError) and isinstance(error, ClientConnectorError)
    ):
        return unreachable(cause, host)
    return failure("reset", f"{host} ended the connection before an answer")


def _malformed(error: ClientResponseError, host: str) -> TransportError:
    """aiohttp reports every answer that it cannot read as one with the status 400."""
    cause = error.__cause__ and error.__cause__.__cause__
    if isinstance(cause, LineTooLong) or error.message.startswith("Too many headers"):
        return failure("too_large", f"{host} answered with headers that are too large")
    return failure("malformed", f"{host} answered with malformed HTTP: {error.message.partition(':')[0]}")

"""Opens connections: names, addresses, TLS. aiohttp's connector does it, and nothing after it.

Promise: no connection leads to an address that the guard refuses, and what goes wrong is told as a
TransportError that quotes nothing but the host.
"""

import asyncio
import ssl
from functools import partial
from typing import Final, Protocol, cast

from aiohttp import (
    ClientConnectionError,
    ClientConnectorError,
    ClientRequest,
    ClientTimeout,
    InvalidUrlClientError,
    TCPConnector,
)
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from yarl import URL

from processor.errors import TransportError
from processor.web.answers.heads import HTTP2_ONLY, begins_http2
from processor.web.connection import OpenedTransport
from processor.web.failures import failure, unreachable
from processor.web.guard import Guard

_DNS_SECONDS: Final = 1
"""Each connection that is renewed shall see where the name leads now; many at once ask once."""


class Dials(Protocol):
    """Who opens connections."""

    async def dial(self, origin: URL) -> OpenedTransport:
        """A connection to `origin`. Raises TransportError."""
        ...


class Dialer:
    """Dials by the rules of one guard."""

    def __init__(
        self,
        guard: Guard,
        context: ssl.SSLContext,
        connect_timeout: float,
        server_name: str | None = None,
    ) -> None:
        """`server_name`: whom a server has to prove to be, in place of its host."""
        self._server_name = server_name
        self._context = context
        self._connector = TCPConnector(
            limit=0,
            force_close=True,
            ttl_dns_cache=_DNS_SECONDS,
            resolver=guard,
            socket_factory=guard.socket,
            ssl=context,
        )
        self._timeout = ClientTimeout(connect=connect_timeout, ceil_threshold=float("inf"))
        self._under_way = 0
        """Connections that are open, or being opened."""
        self._is_retired = self.is_closed = False
        self._closing: asyncio.Task[None] | None = None

    async def dial(self, origin: URL) -> OpenedTransport:
        """A connection to `origin`. Raises TransportError."""
        self._under_way += 1
        try:
            return await self._dialled(origin)
        except BaseException:
            self._one_less()
            raise

    async def _dialled(self, origin: URL) -> OpenedTransport:
        host = origin.host_port_subcomponent or ""
        try:
            loop = asyncio.get_running_loop()
            request = ClientRequest("GET", origin, loop=loop, server_hostname=self._server_name)
            connection = await self._connector.connect(request, [], self._timeout)
        except Exception as error:
            raise in_words(error, host) from error
        handler = cast(ResponseHandler, connection.protocol)
        transport = connection.transport
        if transport is None or handler.should_close:
            said = handler._tail  # noqa: SLF001 - what came before anybody read
            connection.close()
            if begins_http2(said):
                raise failure("http2_only", f"{host} {HTTP2_ONLY}")
            raise failure("reset", f"{host} ended the connection, or spoke before it was asked")
        return OpenedTransport(transport, partial(self._release, connection, handler))

    def retire(self) -> None:
        """Nobody dials by it any more: close it when the last connection is."""
        self._is_retired = True
        self._end_if_unused()

    def _release(self, connection: Connection, handler: ResponseHandler) -> None:
        handler.connection_lost(None)
        connection.close()
        self._one_less()

    def _one_less(self) -> None:
        self._under_way -= 1
        self._end_if_unused()

    def _end_if_unused(self) -> None:
        if self._is_retired and not self._under_way and not self.is_closed:
            self.is_closed = True
            self._closing = asyncio.get_running_loop().create_task(self.close())

    async def secure(self, transport: asyncio.Transport, origin: URL) -> asyncio.Transport:
        """TLS with `origin`, to which `transport` leads already. Raises TransportError."""
        host, silence = origin.host_port_subcomponent or "", Silence()
        name = self._server_name or (origin.raw_host or "").rstrip(".")
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(transport, silence, self._context, server_hostname=name)
        except (OSError, UnicodeError) as error:
            raise unreachable(error, host) from error
        if secured is None:
            raise failure("reset", f"{host} ended the connection before an answer")
        silence.refuse_speech(origin)
        return secured

    def forget_names(self) -> None:
        """Look all names up anew."""
        self._connector.clear_dns_cache()

    async def close(self) -> None:
        """Dial no more; all connections have to be closed before."""
        self.is_closed = True
        await self._connector.close()


class Silence(asyncio.Protocol):
    """Nobody has been asked anything yet: who speaks all the same is noted, and so is who goes."""

    def __init__(self) -> None:
        self._said = b""
        self._is_over = False

    def data_received(self, data: bytes) -> None:
        self._said = self._said or data

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self._is_over = True

    def refuse_speech(self, origin: URL) -> None:
        """Raises TransportError if it was broken."""
        host = origin.host_port_subcomponent
        if begins_http2(self._said):
            raise failure("http2_only", f"{host} {HTTP2_ONLY}")
        if self._said or self._is_over:
            raise failure("reset", f"{host} ended the connection, or spoke before it was asked")


def in_words(error: Exception, host: str) -> TransportError:
    """What aiohttp's errors mean. Its messages may quote the URL and are not passed on."""
    cause = error.__cause__
    match error:
        case TimeoutError():
            return failure("connect_timeout", f"no connection to {host} in time")
        case ClientConnectorError() if isinstance(cause, OSError | UnicodeError):
            return unreachable(cause, host)
        case UnicodeError():  # a label that no resolver takes
            return unreachable(error, host)
        case ClientConnectionError():
            return failure("reset", f"{host} ended the connection before an answer")
        case InvalidUrlClientError():
            return failure("blocked", f"{host} is an IPv4 address in a form that is not allowed")
    return failure("malformed", f"the request to {host} cannot be sent: {type(error).__name__}")

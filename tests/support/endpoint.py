"""Servers for tests on 127.0.0.1: an endpoint that follows a script, and a raw one for hostile answers.

`Endpoint` speaks HTTP/1.1 with keep-alive and is fast enough for tens of thousands of requests;
`RawServer` hands every connection to a coroutine that may write whatever it likes.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, cast

from tests.support.patience import PATIENCE

HOST = "127.0.0.1"


class Arrival(NamedTuple):
    """One request as it came in; `target` and the header names are as they stood on the wire."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    time: float

    def header(self, name: str) -> str | None:
        """The first value of a header, its name compared without case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Reply(NamedTuple):
    """What to answer, after `delay` seconds; `close` ends the connection behind it."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    delay: float = 0.0
    close: bool = False

    def encode(self) -> bytes:
        """The head on the wire."""
        lines = [f"HTTP/1.1 {self.status} {_PHRASES.get(self.status, '')}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.status != 204:
            lines.append(f"Content-Length: {len(self.body)}")
        if self.close:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode()


_PHRASES = {status.value: status.phrase for status in HTTPStatus}

Script = Callable[[Arrival], Reply | Awaitable[Reply]]
"""What to answer. A script that raises ConnectionError drops the connection without an answer."""

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def ok(_: Arrival) -> Reply:
    """The script of an endpoint that accepts everything."""
    return Reply()


class Endpoint:
    """An HTTP endpoint that records what it receives and answers by `script`.

    `script` may be replaced at any time. `shown` are the serial numbers of certificates that clients show,
    by connection; `requests` holds every request in the order of arrival,
    `most_in_flight` the most that ever waited for their answers together, `connections` how many
    connections were accepted. A `port` other than 0 lets an endpoint come back where it was;
    with a `path` it listens on a socket of the file system.
    """

    def __init__(
        self,
        script: Script = ok,
        *,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
        path: Path | None = None,
    ) -> None:
        self.script = script
        self.requests: list[Arrival] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.connections = 0
        self.shown: list[str] = []
        self.port = port
        self._path = path
        self._tls = tls
        self._open: set[_Connection] = set()
        self._awaited: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"{'https' if self._tls else 'http'}://{HOST}:{self.port}"

    async def received(self, number: int, *, within: float = PATIENCE) -> list[Arrival]:
        """The first `number` requests, as soon as so many have come; TimeoutError if they do not."""
        if len(self.requests) < number:
            come = asyncio.get_running_loop().create_future()
            self._awaited.append((number, come))
            async with asyncio.timeout(within):
                await come
        return self.requests[:number]

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        if self._path is not None:
            self._server = await loop.create_unix_server(
                lambda: _Connection(self), str(self._path), ssl=self._tls
            )
            return self
        self._server = await loop.create_server(
            lambda: _Connection(self), HOST, self.port, ssl=self._tls, backlog=4096
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in list(self._open):
            connection.abort()
        await self._server.wait_closed()

    def arrived(self, arrival: Arrival) -> None:
        """Called by connections."""
        self.requests.append(arrival)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        if self._awaited:
            self._tell()

    def _tell(self) -> None:
        for number, come in self._awaited:
            if len(self.requests) >= number and not come.done():
                come.set_result(None)
        self._awaited = [(number, come) for number, come in self._awaited if not come.done()]


class _Connection(asyncio.Protocol):
    """One connection: requests are answered one after the other, also when they are pipelined."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._received = bytearray()
        self._answering: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._endpoint.connections += 1
        if certificate := transport.get_extra_info("peercert"):
            self._endpoint.shown.append(certificate["serialNumber"])
        self._endpoint._open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._endpoint._open.discard(self)
        if self._answering:
            self._answering.cancel()

    def abort(self) -> None:
        """Drop the connection and the answer that is being thought about."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._go_on()

    def _go_on(self) -> None:
        while not self._answering and (arrival := self._next()):
            self._endpoint.arrived(arrival)
            try:
                reply = self._endpoint.script(arrival)
            except ConnectionError:
                self._drop()
                return
            if isinstance(reply, Reply) and not reply.delay:
                self._write(arrival, reply)
            else:
                self._answering = asyncio.ensure_future(self._later(arrival, reply))

    def _next(self) -> Arrival | None:
        head, found, _ = self._received.partition(b"\r\n\r\n")
        if not found:
            return None
        request_line, *lines = head.decode("latin-1").split("\r\n")
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        start = len(head) + 4
        if len(self._received) < start + length:
            return None
        body = bytes(self._received[start : start + length])
        del self._received[: start + length]
        method, target, _ = request_line.split(" ")
        return Arrival(method, target, headers, body, asyncio.get_running_loop().time())

    async def _later(self, arrival: Arrival, reply: Reply | Awaitable[Reply]) -> None:
        try:
            said = reply if isinstance(reply, Reply) else await reply
            await asyncio.sleep(said.delay)
        except (ConnectionError, asyncio.CancelledError):
            self._drop()
            return
        self._answering = None
        self._write(arrival, said)
        self._go_on()

    def _drop(self) -> None:
        self._endpoint.in_flight -= 1
        self._transport.abort()

    def _write(self, arrival: Arrival, reply: Reply) -> None:
        self._endpoint.in_flight -= 1
        self._transport.write(reply.encode() + (reply.body if arrival.method != "HEAD" else b""))
        if reply.close:
            self._transport.close()


class RawServer:
    """A server that leaves every connection to `behaviour(reader, writer)` and closes it afterwards.

    `connections` counts what was accepted. An error of a behaviour, other than a lost connection,
    is raised on leaving.
    """

    def __init__(
        self, behaviour: Behaviour, *, tls: ssl.SSLContext | None = None, path: Path | None = None
    ) -> None:
        self.connections = 0
        self._path = path
        self.port = 0
        self._behaviour = behaviour
        self._tls = tls
        self._running: set[asyncio.Task[None]] = set()
        self._errors: list[Exception] = []

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"{'https' if self._tls else 'http'}://{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        if self._path is not None:
            self._server = await asyncio.start_unix_server(self._accept, str(self._path), ssl=self._tls)
            return self
        self._server = await asyncio.start_server(self._accept, HOST, 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._server.wait_closed()
        if self._errors and error is None:
            raise self._errors[0]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: writer.close())  # which it does not itself if it never began

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._behaviour(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        except Exception as error:  # noqa: BLE001  (raised on leaving)
            self._errors.append(error)
        finally:
            writer.close()
            with suppress(OSError, ssl.SSLError):
                await writer.wait_closed()


def answering(*parts: bytes) -> Behaviour:
    """A behaviour: read one head, write the parts one after the other, each in a segment of its own."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)

    return behave


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A behaviour: answer 400 to the first byte, as a port without TLS does to a handshake."""
    await reader.read(1)
    writer.write(Reply(400, close=True).encode())


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A behaviour: read until the other side has had enough, say nothing."""
    while await reader.read(65536):
        pass


def reset(writer: asyncio.StreamWriter) -> None:
    """Drop a connection with a TCP reset in place of an orderly end."""
    linger_not_at_all = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not_at_all)
    writer.transport.abort()


def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port

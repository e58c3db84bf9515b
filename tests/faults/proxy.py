"""A wire that can break: a TCP proxy, and a broker that is reached only through one.

What a black hole swallows comes out when it is over, as TCP sends again what was not acknowledged.
"""

import asyncio
from collections.abc import Coroutine
from enum import StrEnum
from typing import Any, Self

from tests.support.apache_kafka import Cluster, Node, Way, free_ports
from tests.support.endpoint import HOST, reset

_BLOCK = 1 << 16


class Wire(StrEnum):
    """How the wire is."""

    PASS = "pass"
    BLACK_HOLE = "black hole"
    """Nothing comes through; connections stay open."""
    RESET = "reset"
    """Connections are reset, those that there are and every new one."""


class Proxy:
    """Between whoever connects to `port` and `target`; `latency` in seconds and `rate` in bytes a second."""

    def __init__(self, target: int, port: int = 0) -> None:
        self.target = target
        self.port = port
        self.latency = 0.0
        self.rate = 0.0
        self._wire = Wire.PASS
        self._passes = asyncio.Event()
        self._passes.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def become(self, wire: Wire) -> None:
        """From now on."""
        self._wire = wire
        if wire is Wire.BLACK_HOLE:
            self._passes.clear()
        else:
            self._passes.set()
        if wire is Wire.RESET:
            for writer in list(self._open):
                reset(writer)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._wire is Wire.RESET:
            reset(writer)
            return
        try:
            await self._join(reader, writer)
        except OSError:
            pass
        finally:
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._passes.wait()
        far_reader, far_writer = await asyncio.open_connection(HOST, self.target)
        self._open |= {writer, far_writer}
        try:
            await self._both(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._open -= {writer, far_writer}
            far_writer.transport.abort()

    async def _both(self, there: Coroutine[Any, Any, None], back: Coroutine[Any, Any, None]) -> None:
        """Until one direction ends: a half-closed connection ends whole."""
        tasks = [asyncio.ensure_future(there), asyncio.ensure_future(back)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(_BLOCK):
            if pause := self.latency + (len(block) / self.rate if self.rate else 0.0):
                await asyncio.sleep(pause)
            await self._passes.wait()
            writer.write(block)
            await writer.drain()


class ProxiedCluster(Cluster):
    """A node that tells clients to come to `proxied`, where a proxy has to be; tests reach it directly."""

    def __init__(self, way: Way) -> None:
        (self.proxied,) = free_ports(1)
        super().__init__(way)
        self.settings["bootstrap.servers"] = self.bootstrap_servers = self.servers("INTERNAL")

    @property
    def target(self) -> int:
        """The port that the proxy has to lead to."""
        return int(self.servers("PLAINTEXT").rpartition(":")[2])

    def _properties(self, node: Node) -> str:
        told, instead = (
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}"
            for port in (node.ports["PLAINTEXT"], self.proxied)
        )
        return super()._properties(node).replace(told, instead)

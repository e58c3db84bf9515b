"""Whatever connections and requests do, the pool's lists agree, and each request is answered once at most."""

import asyncio
import math
from random import Random
from typing import cast

import pytest
from yarl import URL

from processor.errors import TransportError
from processor.model import Answer, Request
from processor.web.connection import OpenedTransport
from processor.web.exchange import Exchange
from processor.web.failures import failure
from processor.web.pool import Limits, Pool
from processor.web.request_writer import RequestWriter
from tests.support.examples import examples

HOST = "h.example"
KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Transport:
    """A connection whose other end a test plays."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.protocol: asyncio.Protocol | None = None
        self.is_over = False
        self.asked = 0

    def set_protocol(self, protocol: asyncio.Protocol) -> None:
        self.protocol = protocol

    def write(self, data: bytes) -> None:
        assert not self.is_over
        self.asked += data.count(b"HTTP/1.1\r\n")

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.is_over

    def close(self) -> None:
        if not self.is_over and self.protocol:
            self.is_over = True
            self._loop.call_soon(self.protocol.connection_lost, None)

    abort = close

    def say(self, data: bytes) -> None:
        """The other end answers, or says what nobody asked for."""
        if not self.is_over and self.protocol:
            self.protocol.data_received(data)


class Another:
    """Opens connections as `world` does, and is another one."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def dial(self, origin: URL) -> OpenedTransport:
        """Until a test says so."""
        return await self._world.dial(origin)


class World:
    """Connections that open, or do not, when a test says so."""

    def __init__(self, most: int, random: Random) -> None:
        self.loop = asyncio.get_running_loop()
        self.random = random
        self.may_send = True
        limits = Limits(most, 5.0, lambda: self.may_send, lambda: random.choice((0.0, 1e-6, math.inf)), 0.001)
        self.pool = Pool(URL(f"http://{HOST}"), self, limits)
        self.dials: list[asyncio.Future[OpenedTransport]] = []
        self.transports: list[Transport] = []
        self.exchanges: list[tuple[Exchange, list[Answer]]] = []
        self.payload = RequestWriter(HOST).write(Request("POST", "", (), b"{}"), "/")

    def renew(self) -> None:
        """From now on connections are opened in another way, as far as the pool knows."""
        self.pool.renew(Another(self))

    async def dial(self, origin: URL) -> OpenedTransport:
        """Until a test says so."""
        self.dials.append(self.loop.create_future())
        return await self.dials[-1]

    def ask(self) -> None:
        answers: list[Answer] = []
        deadline = self.loop.time() + self.random.choice((1.0, 10.0))
        exchange = Exchange(self.payload, deadline, answers.append, self.pool)
        self.exchanges.append((exchange, answers))
        self.pool.submit(exchange)

    def open(self) -> None:
        if waiting := [dial for dial in self.dials if not dial.done()]:
            transport = Transport(self.loop)
            self.transports.append(transport)
            opened = OpenedTransport(cast("asyncio.Transport", transport), lambda: None)
            self.random.choice(waiting).set_result(opened)

    def fail(self) -> None:
        if waiting := [dial for dial in self.dials if not dial.done()]:
            self.random.choice(waiting).set_exception(failure("connect", "refused"))

    def on_one(self, what: str) -> None:
        """Something happens on a connection."""
        there = [transport for transport in self.transports if not transport.is_over]
        if not there:
            return
        transport = self.random.choice(there)
        match what:
            case "answer":
                transport.say(KEPT)
            case "last answer":
                transport.say(LAST)
            case _:
                transport.close()

    def cancel(self) -> None:
        if self.exchanges:
            self.random.choice(self.exchanges)[0].cancel()

    def toggle(self) -> None:
        self.may_send = not self.may_send


@pytest.mark.parametrize("seed", range(examples(20)))
async def test_the_lists_agree_and_each_request_is_answered_once_at_most(seed: int) -> None:
    random = Random(seed)
    world = World(random.choice((1, 2, 5)), random)
    acts = [
        *[world.ask] * 4,
        *[world.open] * 3,
        world.fail,
        *[lambda: world.on_one("answer")] * 4,
        lambda: world.on_one("last answer"),
        lambda: world.on_one("end"),
        world.cancel,
        world.toggle,
        lambda: world.pool.sweep(world.loop.time() + random.choice((0.0, 0.0, 2.0, 6.0))),
        world.pool.shrink,
        world.renew,
    ]
    for _ in range(400):
        random.choice(acts)()
        world.pool.check()
        for _ in range(random.choice((0, 1, 4))):
            await asyncio.sleep(0)
            world.pool.check()
        assert all(len(answers) <= 1 for _, answers in world.exchanges)
    await world.pool.close(TransportError("reset", "closed"))
    assert all(exchange.answered is None and len(answers) <= 1 for exchange, answers in world.exchanges)
    assert world.pool.is_empty

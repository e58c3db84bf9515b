"""A server that gives to each request the odd answer of its number, in its pieces, and then goes on.

Requests for `/name/number` get the odd answer, those for `/name/number?next` the usual one of that
number, after which their connection ends. What is written as a piece arrives as one.
"""

import asyncio
import fcntl
import sys
from collections.abc import Iterable
from itertools import count

from processor.model import Response
from tests.differential.odd_answers import NONSENSE, UNASKED, Odd
from tests.support.endpoint import RawServer, reset

TURNS = 3
"""Turns of the event loop that a piece needs to have arrived, been read and been made something of."""

_TALKING = 2
"""So many answers are being said at once: few, so that each takes but a small part of its time."""

_MANY_TURNS = 10_000
"""So often it is looked whether a client reads that does not."""

_READ_AT_LEAST = 64 * 1024
"""Bytes that are read at least in a turn, if they are there."""

_SIOCOUTQNSD = 0x894B
"""Linux: how much of a socket's output is not sent yet."""


def usual(who: str, number: int) -> Response:
    """The answer to the request behind the odd one of this number."""
    return Response(300 + number % 3 * 100 + 10, str(number), f"{who}/{number}".encode())


class Question:
    """One odd answer asked for by one client, from both ends."""

    def __init__(self, odd: Odd) -> None:
        self.odd = odd
        self.is_said = asyncio.Event()
        self.connections: list[int] = []

    async def say(self, writer: asyncio.StreamWriter) -> bool:
        """The odd answer, piece by piece, and what comes then; whether the connection stays open."""
        try:
            for segment in self.odd.segments:
                await _write(writer, segment)
            return await self._go_on(writer)
        finally:
            self.is_said.set()

    async def _go_on(self, writer: asyncio.StreamWriter) -> bool:
        match self.odd.recipe.then:
            case "closes":
                writer.close()
            case "resets" if not writer.is_closing():
                reset(writer)
            case "says more":
                await _write(writer, UNASKED)
            case "says nonsense":
                await _write(writer, NONSENSE)
        return not writer.is_closing()


async def _write(writer: asyncio.StreamWriter, segment: bytes) -> None:
    """Write a segment that has been read before anything else is written."""
    writer.write(segment)
    await writer.drain()
    for _ in range(_MANY_TURNS):
        await turns(TURNS)
        if writer.is_closing() or not _unsent(writer):
            break
    await turns(len(segment) // _READ_AT_LEAST)


def _unsent(writer: asyncio.StreamWriter) -> int:
    """Bytes that the system has not sent; on the loopback what is sent has arrived."""
    unsent = fcntl.ioctl(writer.get_extra_info("socket").fileno(), _SIOCOUTQNSD, bytes(4))
    return int.from_bytes(unsent, sys.byteorder)


async def turns(number: int) -> None:
    """Let the event loop go round so often."""
    for _ in range(number):
        await asyncio.sleep(0)


class Stage:
    """The server, at which the same answers wait for every client."""

    def __init__(self, odds: Iterable[Odd], names: Iterable[str]) -> None:
        self.questions = {f"{name}/{odd.number}": Question(odd) for odd in odds for name in names}
        self.server = RawServer(self._behave)
        self.talking = asyncio.Semaphore(_TALKING)
        self._connections = count()

    async def _behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = next(self._connections)
        writer.transport.set_write_buffer_limits(0)
        while await self._hear(connection, await _target(reader), writer):
            pass

    async def _hear(self, connection: int, target: str, writer: asyncio.StreamWriter) -> bool:
        """Answer a request; whether the connection stays open."""
        key, _, is_next = target.partition("?")
        question = self.questions[key]
        question.connections.append(connection)
        if is_next:
            writer.write(_encoded(usual(key.partition("/")[0], question.odd.number)))
            return False
        return await question.say(writer)


async def _target(reader: asyncio.StreamReader) -> str:
    """The target of the next request, without its first slash; all of the request is read."""
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(len(b"{}"))
    return head.split(b" ")[1][1:].decode()


def _encoded(answer: Response) -> bytes:
    head = f"HTTP/1.1 {answer.status} OK\r\nRetry-After: {answer.retry_after}\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(answer.body)}\r\n\r\n".encode() + answer.body

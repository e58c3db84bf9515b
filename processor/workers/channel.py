"""The line between a supervisor and one of its workers: a pair of sockets that nobody else can reach.

The supervisor writes the name of a page and, as JSON, what it wants of it; the worker answers with one
line of JSON that begins with the question. The worker's end
is its standard input, so the line breaks when the supervisor is gone, however it went.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Self

from processor.errors import FatalError

STDIN = 0
LONGEST_ANSWER = 256 * 1024 * 1024
"""Bytes of one answer."""


class Page(StrEnum):
    """What a supervisor asks for."""

    METRICS = "metrics"
    LIVE = "live"
    READY = "ready"
    LOOK = "look"


class WorkerEnd:
    """A worker's end: answers what the supervisor asks, and tells when the supervisor is gone."""

    def __init__(self, answer: Callable[[Page, Any], Any], gone: Callable[[], None]) -> None:
        """`answer` is called on the loop and gives what JSON can hold."""
        self._answer = answer
        self._gone = gone

    async def open(self) -> int:
        """Answer from now on. 0: there is no port. Raises FatalError without a supervisor."""
        try:
            ours = socket.socket(fileno=STDIN)
        except OSError as error:
            raise FatalError("no supervisor at the standard input; workers are started by `run`") from error
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        self._serving = asyncio.create_task(self._serve())
        return 0

    async def close(self) -> None:
        self._serving.cancel()
        self._writer.close()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError, ValueError):  # what is no question ends it too
            async for asked in self._reader:
                loop.call_soon(self._reply, asked.decode().strip())
        self._gone()

    def _reply(self, asked: str) -> None:
        page, _, wanted = asked.partition(" ")
        said = self._answer(Page(page), json.loads(wanted) if wanted else None)
        self._writer.write(json.dumps([asked, said]).encode() + b"\n")


class SupervisorEnd:
    """A supervisor's end. However often a page is asked for, a worker is asked again when it has answered.

    A line that carries what is no answer is given up, which ends the worker.
    """

    @classmethod
    async def pair(cls) -> tuple[Self, socket.socket]:
        """A line, and the other end of it, for a worker."""
        ours, theirs = socket.socketpair()
        return cls(*await asyncio.open_unix_connection(sock=ours, limit=LONGEST_ANSWER)), theirs

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._asked: dict[str, asyncio.Future[Any]] = {}
        self._is_open = True
        self._reading = asyncio.create_task(self._read())

    async def ask(self, page: Page, wanted: Any = None) -> Any:
        """What the worker answers; None where the line breaks before it does."""
        if not self._is_open:
            return None
        question = page.value if wanted is None else f"{page} {json.dumps(wanted)}"
        if question not in self._asked:
            self._asked[question] = asyncio.get_running_loop().create_future()
            self._writer.write(question.encode() + b"\n")
        return await asyncio.shield(self._asked[question])

    async def close(self) -> None:
        """Give up the line, which ends a worker that still has its end."""
        self._writer.close()
        await self._reading

    async def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError, LookupError):
            async for raw in self._reader:
                question, said = json.loads(raw)
                self._asked.pop(question).set_result(said)
        self._is_open = False
        self._writer.close()
        for asked in self._asked.values():
            asked.set_result(None)

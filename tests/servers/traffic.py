"""Requests to a real server, and what came of them."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from random import Random

from processor.core.pace.connections import Ending
from processor.model import Answer, Request, Response
from processor.telemetry.facts import Facts
from processor.web.client import Client
from tests.servers.running import Server
from tests.unit.admin.asking import settings

AT_ONCE = 64
SECONDS = 2.0


class Heard(Facts):
    """Why connections ended, and how many requests were sent twice on the wire."""

    def __init__(self) -> None:
        self.endings: Counter[Ending] = Counter()
        self.second_tries = 0

    def disconnected(self, why: Ending) -> None:
        self.endings[why] += 1

    def tried_again(self) -> None:
        self.second_tries += 1


class Traffic:
    """`AT_ONCE` requests under way all the time, or a pause after each, each tried until it is delivered."""

    def __init__(self, server: Server, *, pause: float = 0.0, most: int | None = None) -> None:
        """`pause`: about so many seconds; `most`: so many are sent, and not for so long."""
        self.heard = Heard()
        self.failures: Counter[str] = Counter()
        self.delivered: list[str] = []
        self.seconds = 0.0
        self._url = f"{server.url}/hook"
        self._client = Client(settings(self._url, **{"request_timeout": 10.0, **server.said}), AT_ONCE)
        self._pause, self._most = pause, most
        self._names = map(str, count() if most is None else range(most))
        self._random = Random(1)
        self._is_over = False
        self._meanwhile: Callable[[], None] = lambda: None

    async def play(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """To its end; `meanwhile` is called in the midst of it."""
        await self._client.open(self.heard)
        self._meanwhile = meanwhile
        if self._most is None:
            loop = asyncio.get_running_loop()
            loop.call_later(SECONDS / 2, meanwhile)
            loop.call_later(SECONDS, self._end)
        began = time.monotonic()
        await asyncio.gather(*(self._deliver() for _ in range(AT_ONCE)))
        self.seconds = time.monotonic() - began
        await self._client.close()

    def _end(self) -> None:
        self._is_over = True

    async def _deliver(self) -> None:
        while not self._is_over and (name := next(self._names, None)) is not None:
            while not isinstance(answer := await self._ask(name), Response) or answer.status != 200:
                self.failures[str(answer)] += 1
            self.delivered.append(name)
            if self._most is not None and len(self.delivered) == self._most // 2:
                self._meanwhile()
            if self._pause:
                await asyncio.sleep(self._pause * self._random.uniform(0.99, 1.01))

    async def _ask(self, name: str) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        request = Request("POST", self._url, (("X-Id", name),), b"{}")
        self._client.send(request, answer.set_result)
        return await answer

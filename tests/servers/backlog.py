"""A backlog without end before a real server, sent as the admission of a process lets it."""

import asyncio
from collections import deque
from functools import partial
from itertools import count
from random import Random

from processor.core.pace.admission import Admission, AdmissionPolicy, Outcome, Permit
from processor.core.pace.circuit import State
from processor.core.retry import RetryPolicy, read
from processor.model import Answer, Request, Signal
from processor.telemetry.facts import Facts
from processor.web.client import Client
from tests.servers.running import Server
from tests.unit.admin.asking import settings


class Backlog:
    """What is pushed back is sent again; times are those of the loop."""

    def __init__(self, server: Server) -> None:
        self.openings = 0
        self.delivered: list[tuple[str, float]] = []
        self.pushed_back: list[float] = []
        self._url = f"{server.url}/hook"
        self._admission = Admission(AdmissionPolicy())
        self._client = Client(settings(self._url, request_timeout=10.0), 64)
        self._names, self._again = map(str, count()), deque[str]()
        self._loop = asyncio.get_running_loop()
        self._random = Random(1)
        self._is_over = False

    async def play(self, seconds: float) -> None:
        """For so long; what is under way then is answered."""
        await self._client.open(Facts())
        self._send()
        await asyncio.sleep(seconds)
        self._is_over = True
        await self._client.close()

    def counted(self, since: float, until: float) -> tuple[int, int]:
        """What was delivered and what was pushed back between two times."""
        delivered = sum(since <= at < until for _, at in self.delivered)
        return delivered, sum(since <= at < until for at in self.pushed_back)

    def _send(self) -> None:
        now = self._loop.time()
        while not self._is_over and self._admission.room(now) > 0:
            permit = self._admission.started(now)
            name = self._again.popleft() if self._again else next(self._names)
            request = Request("POST", self._url, (("X-Id", name),), b"{}")
            self._client.send(request, partial(self._answered, name, permit))
        if not self._is_over and (at := self._admission.wakes_at(now)) is not None:
            self._loop.call_at(at, self._send)

    def _answered(self, name: str, permit: Permit, answer: Answer) -> None:
        now = self._loop.time()
        reading = read(RetryPolicy(), answer, now)
        if reading.sign is Signal.DELIVERED:
            self._admission.accepted(permit, now)
            self.delivered.append((name, now))
        else:
            outcome = Outcome(len(self.pushed_back), reading.sign, None, reading.pause or 0.0)
            self._admission.ended(permit, outcome, now, self._random.random())
            self.pushed_back.append(now)
            self._again.append(name)
        self.openings += self._admission.circuit().state() is State.OPEN
        self._loop.call_soon(self._send)

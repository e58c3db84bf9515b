"""A server that limits its rate goes on to be sent to, and hardly a request more than it takes."""

import asyncio
from functools import partial
from pathlib import Path
from random import Random

import pytest

from processor.core.pace.admission import Admission, AdmissionPolicy, Outcome, Permit
from processor.core.pace.circuit import State
from processor.core.retry import RetryPolicy, read
from processor.model import Answer, Request, Signal
from processor.telemetry.facts import Facts
from processor.web.client import Client
from tests.servers.servers import Server, nginx_that_limits
from tests.unit.admin.asking import settings

LEARNING, COUNTED = 4.0, 6.0
"""Seconds; what is delivered in the first of them is not counted."""


class Backlog:
    """A backlog without end before a server, sent as the admission of a process lets it."""

    def __init__(self, server: Server) -> None:
        self.openings = 0
        self.delivered: list[float] = []
        self.pushed_back: list[float] = []
        self._admission = Admission(AdmissionPolicy())
        self._client = Client(settings(f"{server.url}/hook", request_timeout=10.0), 64)
        self._request = Request("POST", f"{server.url}/hook", (), b"{}")
        self._loop = asyncio.get_running_loop()
        self._random = Random(1)
        self._is_over = False

    async def play(self) -> None:
        """Until all that is counted has been."""
        await self._client.open(Facts())
        self._send()
        await asyncio.sleep(LEARNING + COUNTED)
        self._is_over = True
        await self._client.close()

    def _send(self) -> None:
        now = self._loop.time()
        while not self._is_over and self._admission.room(now) > 0:
            permit = self._admission.started(now)
            self._client.send(self._request, partial(self._answered, permit))
        if (at := self._admission.wakes_at(now)) is not None:
            self._loop.call_at(at, self._send)

    def _answered(self, permit: Permit, answer: Answer) -> None:
        now = self._loop.time()
        reading = read(RetryPolicy(), answer, now)
        if reading.sign is Signal.DELIVERED:
            self._admission.accepted(permit, now)
            self.delivered.append(now)
        else:
            outcome = Outcome(len(self.pushed_back), reading.sign, None, reading.pause or 0.0)
            self._admission.ended(permit, outcome, now, self._random.random())
            self.pushed_back.append(now)
        self.openings += self._admission.circuit().state() is State.OPEN
        self._loop.call_soon(self._send)


@pytest.mark.parametrize("status", [503, 429])
async def test_a_server_that_limits_its_rate_is_not_stopped_by_its_refusals(
    status: int, tmp_path: Path
) -> None:
    with nginx_that_limits(tmp_path, status) as server:
        backlog = Backlog(server)
        began = asyncio.get_running_loop().time()
        await backlog.play()
    since = began + LEARNING
    delivered = sum(since <= at < since + COUNTED for at in backlog.delivered)
    pushed_back = sum(at >= since for at in backlog.pushed_back)
    assert delivered >= 0.4 * 100.0 * COUNTED  # a busy machine sends late; at rest it is nearly all
    assert pushed_back <= 0.1 * (delivered + pushed_back)
    assert backlog.openings == 0

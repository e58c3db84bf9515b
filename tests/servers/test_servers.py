"""What servers with few workers, few requests a connection or a reload get: each event once."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path

import pytest

from processor.core.pace.connections import Ending
from processor.model import Answer, Request, Response
from processor.telemetry.facts import Facts
from processor.web.client import Client
from tests.servers.servers import Server, apache, haproxy, nginx
from tests.unit.admin.asking import settings

Start = Callable[[Path], AbstractContextManager[Server]]

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
    """`AT_ONCE` requests under way all the time, each tried until it is delivered."""

    def __init__(self, server: Server, **said: object) -> None:
        self.heard = Heard()
        self.failures: Counter[str] = Counter()
        self.delivered: list[str] = []
        self._url = f"{server.url}/hook"
        self._client = Client(settings(self._url, **{"request_timeout": 10.0, **said}), AT_ONCE)
        self._names = map(str, count())
        self._end = asyncio.Event()

    async def play(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """For some seconds; `meanwhile` is called in the midst of them."""
        await self._client.open(self.heard)
        loop = asyncio.get_running_loop()
        loop.call_later(SECONDS / 2, meanwhile)
        loop.call_later(SECONDS, self._end.set)
        await asyncio.gather(*(self._deliver() for _ in range(AT_ONCE)))
        await self._client.close()

    async def _deliver(self) -> None:
        while not self._end.is_set():
            name = next(self._names)
            while not isinstance(answer := await self._ask(name), Response) or answer.status != 200:
                self.failures[str(answer)] += 1
            self.delivered.append(name)

    async def _ask(self, name: str) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        request = Request("POST", self._url, (("X-Id", name),), b"{}")
        self._client.send(request, answer.set_result)
        return await answer


@pytest.mark.parametrize("start", [apache, haproxy])
async def test_a_server_with_few_workers_gets_each_event_once(start: Start, tmp_path: Path) -> None:
    with start(tmp_path) as server:
        traffic = Traffic(server)
        await traffic.play()
        assert not traffic.failures
        served = server.served(len(traffic.delivered))
        assert served - Counter(traffic.delivered) == Counter()
        assert Counter(traffic.delivered) - served == Counter()
        assert traffic.heard.endings[Ending.YIELDED]
        assert len(traffic.delivered) > 10 * AT_ONCE


async def test_a_server_that_takes_few_requests_on_a_connection_and_is_reloaded_loses_nothing(
    tmp_path: Path,
) -> None:
    with nginx(tmp_path, requests=3) as server:
        traffic = Traffic(server)
        await traffic.play(meanwhile=server.reload)
        served = server.served(len(traffic.delivered))
        assert not set(traffic.delivered) - served.keys()
        assert served.total() - len(served) <= traffic.heard.second_tries
        assert not traffic.failures

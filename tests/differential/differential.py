"""Asks clients for odd answers: what they make of each, and of the usual answer that comes next.

Every odd answer comes on a connection of its own. The next request leaves when the server has done all
it wants to: on the same connection if the client has kept it, and its answer ends that connection.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from processor.config.destination.endpoint import DestinationSettings
from processor.errors import TransportError
from processor.model import Answer, Request
from tests.differential.odd_answers import Odd
from tests.differential.odd_server import TURNS, Question, Stage, turns
from tests.unit.admin.asking import post, settings

SECONDS = 3.0
"""The time that a request has."""

LATE = 5.0
"""By how much an answer may be late on a machine that has other things to do."""

_SLOW, _MOST_TRIES = 0.3, 5
"""What takes a larger share of the time is asked again, so often at the most."""

_AT_ONCE = 24
"""So many requests of one client wait; nearly all of them for the end of their time."""


class Asked(Protocol):
    """A client as this test knows it."""

    async def open(self) -> None:
        """Make ready."""

    def send(self, request: Request, answered: Callable[[Answer], None]) -> Callable[[], None]:
        """Send a request."""

    async def close(self) -> None:
        """Answer what is under way."""


class Making(Protocol):
    """What makes a client of settings and the most requests that it may have in flight: its class."""

    __name__: str

    def __call__(self, destination: DestinationSettings, max_in_flight: int) -> Asked:
        """A client that is not open yet."""


class Met(NamedTuple):
    """What a client made of an odd answer and of the usual one behind it.

    `answers` and `nexts` are all calls for the two requests; `seconds` is when the first came. `kept`
    says that the second request came on the connection of the first.
    """

    answers: tuple[Answer, ...]
    seconds: float
    nexts: tuple[Answer, ...]
    kept: bool

    @property
    def outcome(self) -> tuple[object, ...]:
        """The first answer in plain values: status, Retry-After and body, or the reason."""
        return plain(self.answers[0]) if self.answers else ("no answer",)

    @property
    def waited(self) -> bool:
        """Whether the answer, or what came of it, was only given because the time was over."""
        return self.seconds > 0.95 * SECONDS


def plain(answer: Answer) -> tuple[object, ...]:
    """An answer as values that compare."""
    return (answer.reason,) if isinstance(answer, TransportError) else tuple(answer[:3])


class _Asking:
    """One kind of client, asking for all answers with some clients, each for one at a time."""

    def __init__(self, stage: Stage, name: str, making: Making) -> None:
        self._stage = stage
        self._name = name
        self._making = making
        self._settings = settings(stage.server.url, request_timeout=SECONDS)
        self.calls: dict[int, tuple[list[Answer], list[Answer]]] = {}
        self.first: dict[int, float] = {}

    async def all(self, odds: Sequence[Odd]) -> None:
        """Ask for all of them, in their order."""
        waiting = iter(odds)
        clients = [self._making(self._settings, 1) for _ in range(_AT_ONCE)]
        for client in clients:
            await client.open()
        await asyncio.gather(*(self._some(client, waiting) for client in clients))
        for client in clients:
            await client.close()

    async def _some(self, client: Asked, waiting: Iterable[Odd]) -> None:
        for odd in waiting:
            await self._one(client, odd)

    async def _one(self, client: Asked, odd: Odd) -> None:
        """Again, where the machine was too slow: what is said so late tells of the machine."""
        for _ in range(_MOST_TRIES):
            if await self._try(client, odd) < _SLOW * SECONDS:
                return

    async def _try(self, client: Asked, odd: Odd) -> float:
        """How long it took to say all, or to answer the request behind, whichever was longer."""
        loop = asyncio.get_running_loop()
        key = f"{self._name}/{odd.number}"
        url = f"{self._stage.server.url}/{key}"
        question = self._stage.questions[key] = Question(odd)
        calls: tuple[list[Answer], list[Answer]] = ([], [])
        self.calls[odd.number] = calls
        self.first.pop(odd.number, None)
        async with self._stage.talking:
            began = loop.time()
            answered = _ask(client, url, calls[0])
            answered.add_done_callback(lambda _: self.first.setdefault(odd.number, loop.time() - began))
            await _in_time(question.is_said.wait())
            took = loop.time() - began
            await turns(2 * TURNS)
        await _in_time(answered)
        async with self._stage.talking:
            next_at = loop.time()
            await _in_time(_ask(client, f"{url}?next", calls[1]))
            return max(took, loop.time() - next_at)

    def met(self, number: int) -> Met:
        """What came of one, when all is over."""
        answers, nexts = self.calls[number]
        on = self._stage.questions[f"{self._name}/{number}"].connections
        kept = len(on) > 1 and on[0] == on[-1]
        return Met(tuple(answers), self.first.get(number, float("inf")), tuple(nexts), kept)


def _ask(client: Asked, url: str, calls: list[Answer]) -> asyncio.Future[None]:
    """Send; every call is noted, the result is there with the first."""
    first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def note(answer: Answer) -> None:
        calls.append(answer)
        if not first.done():
            first.set_result(None)

    client.send(post(url), note)
    return first


async def _in_time(awaited: Awaitable[object]) -> None:
    """Wait, but not for ever: who has not answered by then is late or silent, which is seen later."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SECONDS + 2 * LATE):
            await awaited


async def ask_all(odds: Sequence[Odd], clients: dict[str, Making]) -> list[dict[str, Met]]:
    """For each odd answer what each client made of it. The clients ask at the same time."""
    stage = Stage(odds, clients)
    async with stage.server:
        askings = {name: _Asking(stage, name, making) for name, making in clients.items()}
        await asyncio.gather(*(asking.all(odds) for asking in askings.values()))
    return [{name: asking.met(odd.number) for name, asking in askings.items()} for odd in odds]

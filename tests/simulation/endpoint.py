"""The endpoint: well, slow, flaky, down, or unwilling to know us; and what a process sees of it.

A request may do its work although its answer never comes back, and a request that was given up may
still arrive.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import Enum
from functools import partial
from random import Random
from typing import NamedTuple, Protocol

from processor.errors import TransportError
from processor.model import Answer, Request, Response
from tests.simulation.clock import Gate, World
from tests.simulation.limits import REFUSAL_SECONDS, Limits, Taken
from tests.simulation.topic import ELSEWHERE, HANGING, Item, Kind

EPOCH = 1_700_000_000.0
"""The wall clock at the start of a history."""


class Weather(Enum):
    """What is wrong with the endpoint as a whole."""

    WELL = "well"
    BUSY = "503"
    LIMITED = "429"
    SILENT = "time-outs"
    GONE = "connections refused"
    BROKEN = "every failure there is"
    FORBIDDEN = "403 for all"
    STRANGE = "401 for all"


class Outcome(NamedTuple):
    """What becomes of one request: the answer after so many seconds, and whether the work is done."""

    answer: Answer
    seconds: float
    works: bool


class Endpoint:
    """One endpoint for all processes."""

    def __init__(
        self,
        world: World,
        random: Random,
        items: dict[str, Item],
        *,
        flaky: float,
        slow: float,
        limits: Limits,
        count: Callable[[str], None],
    ) -> None:
        self._world = world
        self._random = random
        self._items = items
        self._flaky = flaky
        self._latency = slow
        self._taken = Taken(limits, count)
        self.time_out = 10.0
        self.weather = Weather.WELL
        self.is_slow = False
        self.is_calm = False

    def item(self, request: Request) -> Item | None:
        """The record that a request is made of; None when its body is no record's."""
        body = request.body or b""
        if request.url.startswith(ELSEWHERE):
            said = json.loads(body)
            item = self._items.get(said["n"])
            is_its = item is not None and json.loads(item.value or b"") == said | {"fullPath": request.url}
            return item if is_its else None
        item = self._items.get(body[7:].partition(b'"')[0].decode()) if body.startswith(b'{"n": "') else None
        return item if item is not None and item.value == body else None

    def outcome(self, item: Item, wall: float) -> Outcome:
        """Of a request that leaves now."""
        is_ours = item.kind is not Kind.ELSEWHERE
        if is_ours and (refusal := self._taken.refusal(self._world.now)):
            item.fair_failures += 1
            return Outcome(Response(*refusal, b""), REFUSAL_SECONDS, False)
        seconds = self._random.expovariate(1 / self._latency) + 0.001
        if self.is_slow:
            seconds *= self._random.choice((3, 30, 300))
        answer, works = self._answer(item, wall)
        if self.weather is Weather.WELL and not self.is_slow and not works:
            item.fair_failures += 1
        if isinstance(answer, TransportError) and answer.reason == "answer_timeout":
            seconds = self.time_out
        if is_ours and not self.is_calm:
            waited = self._taken.served(self._world.now, seconds)
            item.fair_failures += waited > max(seconds, self.time_out)
            seconds = waited
        if seconds >= self.time_out:
            return Outcome(TransportError("answer_timeout", "no answer in time"), self.time_out, works)
        return Outcome(answer, seconds, works)

    def _answer(self, item: Item, wall: float) -> tuple[Answer, bool]:
        if item.kind is Kind.ELSEWHERE:
            if json.loads(item.value or b"")["fullPath"].startswith(HANGING) and not self.is_calm:
                return TransportError("answer_timeout", "no answer in time"), False
            return Response(200, None, b"ok"), True
        if self.weather is not Weather.WELL:
            return self._bad_weather(wall)
        if item.kind is Kind.REFUSED:
            return Response(self._random.choice((400, 404, 410, 422)), None, b"no"), False
        if item.kind is Kind.REDIRECTED:
            return Response(self._random.choice((301, 302, 307, 308)), None, b""), False
        if item.kind is Kind.CURSED:
            return Response(self._random.choice((500, 503)), None, b""), False
        if not self.is_calm and self._random.random() < self._flaky:
            return self._any_failure(wall)
        return Response(self._random.choice((200, 200, 201, 202, 204)), None, b"ok"), True

    def _bad_weather(self, wall: float) -> tuple[Answer, bool]:
        match self.weather:
            case Weather.BUSY:
                return Response(503, self._retry_after(wall), b""), False
            case Weather.LIMITED:
                return Response(429, self._retry_after(wall), b""), False
            case Weather.SILENT:
                return TransportError("answer_timeout", "no answer in time"), self._random.random() < 0.5
            case Weather.GONE:
                return TransportError("connect", "refused"), False
            case Weather.FORBIDDEN:
                return Response(403, None, b"not for you"), False
            case Weather.STRANGE:
                return Response(401, None, b"wrong token"), False
            case _:
                return self._any_failure(wall)

    def _any_failure(self, wall: float) -> tuple[Answer, bool]:
        works = self._random.random() < 0.5
        match self._random.randrange(7):
            case 0:
                return TransportError("answer_timeout", "no answer in time"), works
            case 1:
                return TransportError("reset", "connection reset"), works
            case 2:
                return TransportError("connect", "refused"), False
            case 3:
                return Response(429, self._retry_after(wall), b""), False
            case 4:
                return Response(self._random.choice((408, 425)), None, b""), False
            case 5:
                return Response(503, self._retry_after(wall), b""), False
            case _:
                return Response(self._random.choice((500, 502, 504)), None, b""), works

    def _retry_after(self, wall: float) -> str | None:
        seconds = self._random.choice((0, 1, 3, 10, 60))
        match self._random.randrange(4):
            case 0:
                return str(seconds)
            case 1:
                return format_datetime(datetime.fromtimestamp(wall + seconds, UTC), usegmt=True)
            case 2:
                return self._random.choice(("soon", "-1", "1e9", "nan"))
            case _:
                return None


class Watcher(Protocol):
    """Who wants to know of requests."""

    def sent(self, item: Item) -> None:
        """A request leaves."""
        ...

    def answered(self, item: Item, answer: Answer) -> None:
        """The process is about to be told."""
        ...

    def gave_up(self, item: Item) -> None:
        """The process called the request off."""
        ...

    def corrupt(self, what: str) -> None:
        """A request that is no record's."""
        ...


class Sender:
    """What one process sends."""

    def __init__(
        self,
        endpoint: Endpoint,
        world: World,
        loop: Gate,
        wall_clock: Callable[[], float],
        watcher: Watcher,
    ) -> None:
        self._endpoint = endpoint
        self._world = world
        self._loop = loop
        self._wall_clock = wall_clock
        self._watcher = watcher

    def send(self, request: Request, answered: Callable[[Answer], None]) -> Callable[[], None]:
        """Answered later, or called off."""
        item = self._endpoint.item(request)
        if item is None:
            self._watcher.corrupt(repr(request))
            return _nothing
        self._watcher.sent(item)
        outcome = self._endpoint.outcome(item, self._wall_clock())
        if outcome.works:
            self._world.call_later(outcome.seconds / 2, partial(_arrive, item))
        timer = self._loop.call_later(outcome.seconds, partial(self._answer, item, outcome.answer, answered))
        return partial(self._give_up, item, timer.cancel)

    def _answer(self, item: Item, answer: Answer, answered: Callable[[Answer], None]) -> None:
        self._watcher.answered(item, answer)
        answered(answer)

    def _give_up(self, item: Item, cancel: Callable[[], None]) -> None:
        cancel()
        self._watcher.gave_up(item)


def _arrive(item: Item) -> None:
    item.arrivals += 1


def _nothing() -> None:
    """There is nothing to call off."""

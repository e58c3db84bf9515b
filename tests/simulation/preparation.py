"""What prepares the records of one process: sometimes later, sometimes not, because what it takes is away."""

from functools import partial
from random import Random
from typing import Protocol

from processor.model import Record
from processor.traffic.preparation import Held, Later, Preparing, Result
from tests.simulation.clock import Gate, Timer
from tests.simulation.shape import Lateness

SECONDS = (0.0, 0.02, 0.3, 4.0, 60.0)


class Watcher(Protocol):
    """Who wants to know of it."""

    def asks(self, record: Record) -> None:
        """A record is to be prepared, which takes a while."""
        ...

    def prepared(self, record: Record) -> None:
        """The process is about to be told."""
        ...

    def called_off(self, record: Record) -> None:
        """The process called it off."""
        ...

    def held(self, record: Record) -> None:
        """The process is about to be told that it cannot be prepared now."""
        ...


class Told(Protocol):
    """Who is told later."""

    def __call__(self, record: Record, result: Result, /) -> None:
        """What becomes of a record."""


class Preparation:
    """Comes to what `real` comes to, once what it takes is there."""

    def __init__(
        self, real: Preparing, lateness: Lateness, loop: Gate, chance: Random, watcher: Watcher
    ) -> None:
        self._real = real
        self._lateness = lateness
        self._loop = loop
        self._chance = chance
        self._watcher = watcher

    def prepare(self, record: Record, done: Told) -> Result | Later:
        """At once, or later."""
        if not self._lateness.share or self._chance.random() >= self._lateness.share:
            return self._result(record)
        self._watcher.asks(record)
        seconds = self._chance.choice(SECONDS) * self._chance.random()
        timer = self._loop.call_later(seconds, partial(self._answer, record, done))
        return Later(partial(self._call_off, record, done, timer))

    def _answer(self, record: Record, done: Told) -> None:
        self._watcher.prepared(record)
        done(record, self._result(record))

    def _call_off(self, record: Record, done: Told, timer: Timer) -> None:
        """One that is rude says it all the same, again and again."""
        self._watcher.called_off(record)
        timer.cancel()
        if self._lateness.is_rude:
            result = self._real.prepare(record, done)
            assert not isinstance(result, Later)
            for seconds in SECONDS:
                self._loop.call_later(seconds, partial(done, record, result))

    def _result(self, record: Record) -> Result:
        now = self._loop.world.now
        if any(start <= now < end for start, end in self._lateness.away):
            self._watcher.held(record)
            return Held("what it takes is away")
        result = self._real.prepare(record, _never)
        assert not isinstance(result, Later)
        return result


def _never(record: Record, result: Result) -> None:
    raise AssertionError(record, result)

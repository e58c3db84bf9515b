"""Ended spans on their way: whatever the collector does, nobody waits, and what is lost is counted."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from processor.telemetry.facts import Facts
from processor.telemetry.tracing.exports import MOST_AT_ONCE, MOST_WAITING, Exports
from tests.support.patience import PATIENCE


class Heard(Facts):
    """What is told of spans."""

    def __init__(self) -> None:
        self.told: dict[str, int] = {}
        self.why: list[str] = []

    def traced(self, result: str, count: int, why: str) -> None:
        self.told[result] = self.told.get(result, 0) + count
        self.why.append(why)


class Collector:
    """Takes spans, refuses them, or hangs until it is stopped."""

    def __init__(self, why: str = "", *, hangs: bool = False) -> None:
        self.why = why
        self.batches: list[list[int]] = []
        self.is_stopped = False
        self._go = threading.Event()
        self.hangs = hangs

    def export(self, spans: Sequence[int]) -> str:
        self.batches.append(list(spans))
        if self.hangs:
            self._go.wait(PATIENCE)
        return self.why

    def stop(self) -> None:
        self.is_stopped = True
        self._go.set()


@asynccontextmanager
async def opened(collector: Collector, heard: Heard) -> AsyncIterator[Exports[int]]:
    """Exports that are open; behind it they are closed."""
    out = Exports[int](collector.export, collector.stop, every=0.01, patience=0.3)
    await out.open(heard, pytest.fail)
    try:
        yield out
    finally:
        await out.close()


async def until(collector: Collector, batches: int) -> None:
    """So many have come."""
    async with asyncio.timeout(PATIENCE):
        while len(collector.batches) < batches:
            await asyncio.sleep(0.005)


async def test_what_has_ended_leaves_in_its_order_without_being_asked_for() -> None:
    collector, heard = Collector(), Heard()
    async with opened(collector, heard) as out:
        for number in range(3):
            out.put(number)
        await until(collector, 1)
    assert collector.batches == [[0, 1, 2]]
    assert heard.told == {"exported": 3}
    assert collector.is_stopped


async def test_what_waits_when_the_process_stops_is_sent() -> None:
    collector, heard = Collector(), Heard()
    async with opened(collector, heard) as out:
        for number in range(MOST_AT_ONCE + 1):
            out.put(number)
    assert [len(batch) for batch in collector.batches] == [MOST_AT_ONCE, 1]
    assert heard.told == {"exported": MOST_AT_ONCE + 1}


async def test_what_a_collector_refuses_is_counted_and_the_next_is_sent() -> None:
    collector, heard = Collector("it says 403"), Heard()
    async with opened(collector, heard) as out:
        out.put(1)
        await until(collector, 1)
        out.put(2)
        await until(collector, 2)
    assert heard.told == {"failed": 2}
    assert set(heard.why) == {"it says 403"}


async def test_a_collector_that_hangs_holds_nobody_up_and_the_end_neither() -> None:
    collector, heard = Collector(hangs=True), Heard()
    async with opened(collector, heard) as out:
        out.put(0)
        await until(collector, 1)
        for number in range(MOST_WAITING + 5):
            out.put(number)
        async with asyncio.timeout(PATIENCE):
            while not heard.told:
                await asyncio.sleep(0.005)
        assert heard.told == {"dropped": 5}
        assert len(collector.batches) == 1
    assert collector.is_stopped
    assert heard.told == {"dropped": MOST_WAITING + 6}


async def test_without_spans_nobody_is_asked() -> None:
    collector, heard = Collector(), Heard()
    async with opened(collector, heard):
        await asyncio.sleep(0.05)
    assert collector.batches == []
    assert heard.told == {}

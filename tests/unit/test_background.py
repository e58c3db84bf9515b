"""What is done in the background of the loop, and nobody waits for, does not end unseen."""

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from processor import background
from processor.background import begin, listen
from processor.clock import Alarm
from tests.support.patience import PATIENCE
from tests.unit.traffic.test_group import House


class BrokenError(Exception):
    """What nobody reckoned with."""


def fail(*_: object) -> Any:
    """Raise it."""
    raise BrokenError("who would have thought")


async def fail_soon() -> None:
    """Raise it in a task."""
    await asyncio.sleep(0)
    fail()


async def told(do: Callable[[Callable[[str], None]], object]) -> str:
    """The first that is told as a failure."""
    failure: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    do(failure.set_result)
    async with asyncio.timeout(PATIENCE):
        return await failure


async def test_a_task_that_raises_is_told_with_what_it_raised() -> None:
    assert await told(lambda failed: begin(fail_soon(), failed)) == (
        "fail_soon ended: BrokenError: who would have thought"
    )


async def test_a_task_that_returns_is_told_too() -> None:
    assert (await told(lambda failed: begin(asyncio.sleep(0), failed))).endswith("it returned")


async def test_a_task_that_is_cancelled_is_not_told() -> None:
    failures: list[str] = []
    task = begin(asyncio.sleep(PATIENCE), failures.append)
    task.cancel()
    await asyncio.wait((task,))
    await asyncio.sleep(0)
    assert failures == []


async def test_what_a_callback_of_ours_raises_is_told_and_what_others_raise_is_not() -> None:
    loop = asyncio.get_running_loop()
    failures: list[str] = []
    before = loop.get_exception_handler()
    unlisten = listen(loop, failures.append)
    loop.call_soon(fail)
    await asyncio.sleep(0)
    assert failures == []
    Alarm(loop, fail).set(loop.time(), loop.time())
    async with asyncio.timeout(PATIENCE):
        while not failures:
            await asyncio.sleep(0)
    assert failures == ["a callback raised BrokenError: who would have thought"]
    unlisten()
    assert loop.get_exception_handler() is before
    assert background.OURS == "processor."


async def test_what_fails_while_brokers_are_asked_ends_the_watch_over_the_group() -> None:
    class Broken:
        async def missing(self, topics: Collection[str]) -> Collection[str] | None:
            return topics

        async def doubt_of_protocol(self) -> str | None:
            raise BrokenError

    house = House(is_classic=False)
    house.group._inquiry = Broken()
    assert "BrokenError" in await told(lambda failed: begin(house.group.watch(), failed))

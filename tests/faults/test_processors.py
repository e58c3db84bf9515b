"""Processors that are killed, stopped, frozen and replaced under load; a ledger is kept."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.ledger import Verdict
from tests.faults.scene import MAX_IN_FLIGHT, SESSION_SECONDS, Member, Scene, report

pytestmark = pytest.mark.kafka

Build = Callable[..., Scene]
PAUSED_SECONDS = 2.0
"""A hold is carried out by a pause after one second."""
STEADY: dict[str, Any] = {"receiver": {"delay": 0.03}, "partitions": 6}


def assert_clean(scene: Scene, verdict: Verdict) -> None:
    """Nothing is wrong, and every event that the endpoint refuses is a dead letter, once for every repeat."""
    assert not verdict.counts, report(scene, verdict)


@pytest.mark.parametrize("protocol", ["classic", pytest.param("consumer", marks=pytest.mark.long)])
async def test_two_processors_killed_and_stopped_in_turn_lose_nothing_and_repeat_what_they_may(
    scene: Build, protocol: str
) -> None:
    kafka = {"group_protocol": protocol}
    async with scene(5000, plan={"slow": 0.01}, kafka=kafka, **STEADY) as run:
        members = [await run.join(), await run.join()]
        for number, end in enumerate((run.kill, run.terminate, run.kill, run.terminate)):
            await run.settled(800 * (number + 1))
            await end(members[number % 2])
            members[number % 2] = await run.join()
        verdict = await run.finish()
    assert_clean(run, verdict)
    assert verdict.repeats <= verdict.allowed
    assert verdict.letters["refused"] > 10


async def test_processors_that_join_and_leave_every_other_second_repeat_nothing(scene: Build) -> None:
    async with scene(5000, **STEADY) as run:
        await churn(run, rounds=3, seconds=1.0)
        verdict = await run.finish()
    assert_clean(run, verdict)
    assert (verdict.repeats, verdict.letter_repeats) == (0, 0)


async def churn(run: Scene, rounds: int, seconds: float) -> None:
    """Two members that deliver, and a third that comes; the oldest goes."""
    members = [await run.join(), await run.join()]
    for _ in range(rounds):
        members.append(await run.join())
        await asyncio.sleep(seconds)
        assert await run.terminate(members.pop(0)) == 0


async def test_a_processor_frozen_beyond_its_session_sends_nothing_that_another_has_taken_over(
    scene: Build,
) -> None:
    async with scene(5000, plan={"slow": 0.02}, **STEADY | {"receiver": {"delay": 0.05}}) as run:
        frozen, other = await run.join(), await run.join()
        await run.settled(600)
        await until_sent(run, frozen, 200)
        await until_sent(run, other, 200)
        await run.freeze(frozen, 1.5 * SESSION_SECONDS)
        verdict = await run.finish()
    assert_clean(run, verdict)
    (bound,) = verdict.bounds
    assert bound.under_way <= MAX_IN_FLIGHT
    assert bound.repeats <= bound.under_way + bound.finished_since


async def until_sent(run: Scene, member: Member, number: int) -> None:
    """Wait until the endpoint has done so much for a member."""

    async def has() -> bool:
        return (await run.receiver.progress()).by_member.get(member.number, 0) >= number

    await run.until(has)


async def test_partitions_that_were_held_when_they_left_are_read_again_when_they_come_back(
    scene: Build,
) -> None:
    little = {"max_waiting_records": 60, "max_in_flight": 4}
    slow = {"receiver": {"delay": 0.3}, "partitions": 4}
    async with scene(2000, plan={"busy": 0.0}, delivery=little, **slow) as run:
        first = await run.join()
        await first.until("paused_partitions", "records", at_least=4)
        await asyncio.sleep(PAUSED_SECONDS)
        second = await run.join()
        await second.until("deliveries_total", "delivered", at_least=20)
        assert await run.terminate(second) == 0
        await run.receiver.become(delay=0.0)
        verdict = await run.finish(patience=15)
    assert_clean(run, verdict)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_processors_that_join_and_leave_for_minutes_repeat_nothing(scene: Build) -> None:
    async with scene(200_000, ahead=20_000, **STEADY) as run:
        await churn(run, rounds=60, seconds=2.0)
        verdict = await run.finish(patience=120)
    assert_clean(run, verdict)
    assert verdict.repeats == 0

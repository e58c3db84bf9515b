"""Rights that are taken away from a running process and given back: it says which, and nothing is lost."""

import asyncio
import json
from collections.abc import Callable

import pytest
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

from tests.faults.scene import Member, Scene, of_guest
from tests.faults.test_processors import assert_clean
from tests.support.apache_kafka import GuardedBroker

pytestmark = pytest.mark.kafka

Build = Callable[..., Scene]


async def checks(member: Member) -> dict[str, str]:
    """What `/readyz` says of each."""
    found: dict[str, str] = json.loads((await member.page("/readyz"))[1])["checks"]
    return found


async def test_who_may_write_nowhere_is_not_ready_and_loses_nothing_until_he_may(
    scene: Build, guarded_kafka: GuardedBroker
) -> None:
    async with scene(400, plan={"poison": 0.03}, **of_guest(guarded_kafka)) as run:
        for right in (
            (AclOperation.READ, ResourceType.GROUP, run.group),
            (AclOperation.READ, ResourceType.TOPIC, run.topic),
            (AclOperation.DESCRIBE, ResourceType.TOPIC, run.dead_letters),
        ):
            await asyncio.to_thread(guarded_kafka.allow, *right)
        await asyncio.to_thread(guarded_kafka.forbid_everywhere, AclOperation.WRITE, ResourceType.TOPIC)
        member = await run.join()

        async def has_tried(times: int) -> bool:
            return (await member.metrics()).get(("source_errors_total", "dead_letter_producer"), 0) >= times

        async def says(words: str) -> bool:
            return words in (await checks(member))["dead_letters"]

        await run.until(says, "grant Write on the dead-letter topic")
        await run.until(has_tried, 3)
        lines = [line for line in member.log() if line["event"].startswith("kafka client")]
        assert len([line for line in lines if line["error"] == "dead_letter_producer"]) == 1
        right = (AclOperation.WRITE, ResourceType.TOPIC, run.dead_letters)
        await asyncio.to_thread(guarded_kafka.allow, *right)
        await run.until(says, "ok")
        verdict = await run.finish()
        await asyncio.to_thread(guarded_kafka.forbid, *right)
    assert_clean(run, verdict)


EVENTS = 100


async def test_a_right_that_is_taken_away_is_named_until_it_is_given_back(
    scene: Build, guarded_kafka: GuardedBroker
) -> None:
    async with scene(EVENTS, **of_guest(guarded_kafka)) as run:
        of_topic, of_group = (
            (AclOperation.READ, ResourceType.TOPIC, run.topic),
            (AclOperation.READ, ResourceType.GROUP, run.group),
        )
        for right in (of_topic, of_group, (AclOperation.WRITE, ResourceType.TOPIC, run.dead_letters)):
            await asyncio.to_thread(guarded_kafka.allow, *right)
        member = await run.join()

        async def says(check: str, words: str) -> bool:
            return words in (await checks(member))[check]

        async def is_ready() -> bool:
            return set((await checks(member)).values()) == {"ok"}

        async def is_committed() -> bool:
            return sum((await run.committed()).values()) == EVENTS

        await run.until(is_ready)
        await run.until(is_committed)
        await asyncio.to_thread(guarded_kafka.forbid, *of_topic)
        await run.until(says, "topics", f"{run.topic} may not be read")
        await run.until(says, "group", "ok")
        await asyncio.to_thread(guarded_kafka.allow, *of_topic)
        await run.until(is_ready)
        await asyncio.to_thread(guarded_kafka.forbid, *of_group)
        await run.until(says, "group", "GROUP_AUTHORIZATION_FAILED")
        await asyncio.to_thread(guarded_kafka.allow, *of_group)
        await run.until(is_ready)
        verdict = await run.finish()
    assert_clean(run, verdict)

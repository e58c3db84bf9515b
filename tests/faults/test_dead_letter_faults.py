"""Dead-letter topics that are missing, closed or too small: the line stops, and goes on; a ledger is kept."""

import asyncio
from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from tests.faults.scene import Member, Scene, of_guest
from tests.faults.test_processors import assert_clean
from tests.support.apache_kafka import GuardedBroker

pytestmark = pytest.mark.kafka

Build = Callable[..., Scene]
OFTEN_REFUSED = {"poison": 0.05}
QUICK = {"dead_letter": {"write_timeout": 1}}
CHANGE_SECONDS = 30.0


async def blocked(run: Scene, reason: str) -> Member:
    """A member that cannot write its dead letters, says so, and commits nothing beyond them."""
    member = await run.join()
    await member.until("dead_letter_write_failures_total", reason, at_least=2)
    assert (await member.page("/readyz"))[0] == 503
    assert (await member.page("/livez"))[0] == 200
    return member


async def test_a_dead_letter_topic_that_is_missing_stops_the_line_until_it_is_there(scene: Build) -> None:
    async with scene(1500, plan=OFTEN_REFUSED, letters=None, **QUICK) as run:
        member = await blocked(run, "unknown_topic")
        await run.kill(member)
        await blocked(run, "unknown_topic")
        await asyncio.to_thread(run.broker.create_topic, run.dead_letters)
        verdict = await run.finish()
    assert_clean(run, verdict)


async def test_a_dead_letter_topic_that_is_too_small_stops_the_line_until_it_is_larger(scene: Build) -> None:
    plan = OFTEN_REFUSED | {"pad": (8000, 9000)}
    async with scene(600, plan=plan, letters={"max.message.bytes": "4000"}, **QUICK) as run:
        await blocked(run, "too_large")
        await asyncio.to_thread(enlarge, run)
        verdict = await run.finish()
    assert_clean(run, verdict)


def enlarge(run: Scene) -> None:
    """Let the dead-letter topic take what other topics take."""
    entry = ConfigEntry("max.message.bytes", "1000000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, run.dead_letters, incremental_configs=[entry])
    admin = AdminClient(dict(run.broker.settings))
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(CHANGE_SECONDS)


async def test_a_dead_letter_topic_that_may_not_be_written_stops_the_line_until_it_may(
    scene: Build, guarded_kafka: GuardedBroker
) -> None:
    async with scene(1500, plan=OFTEN_REFUSED, **of_guest(guarded_kafka), **QUICK) as run:
        # Who may write nowhere at all gets no producer id: that is another failure.
        for operation, kind, name in (
            (AclOperation.READ, ResourceType.GROUP, run.group),
            (AclOperation.READ, ResourceType.TOPIC, run.topic),
            (AclOperation.WRITE, ResourceType.TOPIC, run.topic),
            (AclOperation.DESCRIBE, ResourceType.TOPIC, run.dead_letters),
        ):
            await asyncio.to_thread(guarded_kafka.allow, operation, kind, name)
        await blocked(run, "not_authorized")
        await asyncio.to_thread(guarded_kafka.allow, AclOperation.WRITE, ResourceType.TOPIC, run.dead_letters)
        verdict = await run.finish()
    assert_clean(run, verdict)

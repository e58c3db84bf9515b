"""Brokers that are killed, paused, cut off and slow while events are delivered; a ledger is kept."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from tests.faults.ledger import EVERYONE, Fault
from tests.faults.proxy import ProxiedCluster, Proxy, Wire
from tests.faults.scene import RETURN_SECONDS, SESSION_SECONDS, Member, Scene
from tests.faults.test_processors import STEADY, assert_clean
from tests.support import apache_kafka as kafka
from tests.support.apache_kafka import Cluster

pytestmark = pytest.mark.kafka

Build = Callable[..., Scene]
OFTEN_REFUSED = {"poison": 0.03}


@pytest.fixture(scope="module")
def lone_broker() -> Iterator[ProxiedCluster]:
    """A node to kill and pause: leave it as you found it. Processors reach it through a proxy."""
    found = kafka.way()
    if isinstance(found, str):
        pytest.skip(found)
    broker = ProxiedCluster(found)
    yield broker
    broker.stop()


@pytest.fixture
async def wire(lone_broker: ProxiedCluster) -> AsyncIterator[Proxy]:
    """The way of the processors to the broker."""
    async with Proxy(lone_broker.target, lone_broker.proxied) as proxy:
        yield proxy


def through(wire: Proxy, broker: Cluster) -> dict[str, object]:
    """A scene whose members reach the broker by the wire."""
    return {"broker": broker, "bootstrap_servers": f"127.0.0.1:{wire.port}", **STEADY}


async def test_a_broker_killed_and_paused_under_load_makes_nothing_lost(
    scene: Build, lone_broker: ProxiedCluster, wire: Proxy
) -> None:
    letters = {"dead_letter": {"write_timeout": 2}}
    async with scene(6000, plan=OFTEN_REFUSED, **through(wire, lone_broker), **letters) as run:
        await run.join()
        await run.join()
        await run.settled(1200)
        await run.kill_broker(lone_broker, 1.0)
        await run.settled(3000)
        await run.pause_broker(lone_broker, 1.5 * SESSION_SECONDS)
        verdict = await run.finish()
    assert_clean(run, verdict)


async def test_a_processor_cut_off_from_the_broker_beyond_its_session_makes_nothing_lost(
    scene: Build, lone_broker: ProxiedCluster, wire: Proxy
) -> None:
    async with scene(4000, **through(wire, lone_broker)) as run:
        await run.join()
        await run.settled(1000)
        begin, end = (lambda: wire.become(Wire.BLACK_HOLE)), (lambda: wire.become(Wire.PASS))
        await run.broker_fault("black hole", begin, 1.5 * SESSION_SECONDS, end)
        verdict = await run.finish()
    assert_clean(run, verdict)


@pytest.mark.parametrize(
    ("seconds", "events", "ahead"),
    [(1.5 * SESSION_SECONDS, 400, 400), pytest.param(60.0, 3000, 10, marks=pytest.mark.long)],
)
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_a_process_is_not_ready_from_the_loss_of_the_broker_until_its_membership_is_proven_again(
    scene: Build,
    lone_broker: ProxiedCluster,
    wire: Proxy,
    protocol: str,
    seconds: float,
    events: int,
    ahead: int,
) -> None:
    more = {"partitions": 1, "kafka": {"group_protocol": protocol}, "ahead": ahead}
    async with scene(events, **through(wire, lone_broker) | more) as run:
        members = [await run.join(), await run.join()]
        for member in members:
            await run.until(is_ready, member)
        at = run.now_ms()
        await asyncio.to_thread(lone_broker.kill)
        assert ahead == events or (await run.receiver.progress()).settled < events
        for member in members:
            await run.until(is_unready, member)
        gone = time.monotonic() + seconds
        while time.monotonic() < gone:
            assert not any([await is_ready(member) for member in members])
            await asyncio.sleep(0.25)
        metrics = [await member.metrics() for member in members]
        assert [each["member",] for each in metrics] == [0, 0]
        assert [each.get(("lag_records", "0", run.topic)) is not None for each in metrics].count(True) == 1
        for member in members:
            lines = [line for line in member.log() if line["event"] == "kafka client"]
            assert len(lines) == len({(line["error"]) for line in lines})
        await asyncio.to_thread(lone_broker.restart)
        run.ledger.fault(Fault("broker SIGKILL", EVERYONE, at, run.now_ms() + 15_000, excuses=True))
        for member in members:
            await run.until(is_ready, member)
        verdict = await run.finish()
    assert_clean(run, verdict)


async def is_ready(member: Member) -> bool:
    """Whether it says so."""
    return (await member.page("/readyz"))[0] == 200


async def is_unready(member: Member) -> bool:
    """Whether it says so."""
    return not await is_ready(member)


@pytest.mark.long
async def test_a_processor_whose_connections_to_the_broker_are_reset_makes_nothing_lost(
    scene: Build, lone_broker: ProxiedCluster, wire: Proxy
) -> None:
    async with scene(6000, **through(wire, lone_broker)) as run:
        await run.join()
        for number in range(3):
            await run.settled(1000 * (number + 1))
            begin, end = (lambda: wire.become(Wire.RESET)), (lambda: wire.become(Wire.PASS))
            await run.broker_fault("reset", begin, 0.5, end)
        verdict = await run.finish()
    assert_clean(run, verdict)


@pytest.mark.long
@pytest.mark.parametrize(("latency", "rate"), [(0.2, 0.0), (1.0, 0.0), (0.02, 125_000.0)])
async def test_a_slow_way_to_the_broker_makes_it_slow_and_repeats_nothing(
    scene: Build, lone_broker: ProxiedCluster, wire: Proxy, latency: float, rate: float
) -> None:
    wire.latency, wire.rate = latency, rate
    more = {"kafka": {"session_timeout": 30}}
    async with scene(4000, **through(wire, lone_broker), **more) as run:
        await run.join()
        verdict = await run.finish(patience=120)
    assert_clean(run, verdict)
    assert verdict.repeats == 0


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_leaders_that_change_and_die_make_nothing_lost(
    scene: Build, kafka_cluster: kafka.Cluster
) -> None:
    async with scene(60_000, broker=kafka_cluster, ahead=10_000, **STEADY) as run:
        await run.join()
        await run.join()
        for round_ in range(6):
            await run.settled(8000 * (round_ + 1), within=120)
            node = round_ % 3 + 1
            if round_ < 3:
                await run.kill_broker(kafka_cluster, 5.0, node)
            else:
                await run.pause_broker(kafka_cluster, 8.0, node)
            await asyncio.sleep(RETURN_SECONDS)
        verdict = await run.finish(patience=120)
    assert_clean(run, verdict)

"""Several workers under one command against a real Apache Kafka; every event is accounted for."""

import os
import signal
from collections import Counter
from collections.abc import Callable

import pytest

from tests.acceptance.conftest import Stage
from tests.acceptance.processor import Processor
from tests.acceptance.test_nothing_is_lost import (
    answered_in,
    in_order_per_key,
    number,
    numbered,
    until_all_have_come,
)
from tests.acceptance.test_supervisor import are_gone
from tests.support.endpoint import Endpoint

pytestmark = pytest.mark.kafka

Build = Callable[..., Stage]
TWO = ("--workers", "2")
MAX_IN_FLIGHT = 16
LIMITS = {"delivery": {"max_in_flight": MAX_IN_FLIGHT}}


def pids(processor: Processor) -> dict[int, int]:
    """The process that each worker was given last."""
    return {said["worker"]: said["pid"] for said in processor.log() if said["event"] == "worker started"}


async def both_deliver(processor: Processor, at_least: int = 100) -> None:
    """Wait until each worker has delivered so many."""
    for n in "01":
        await processor.until("deliveries_total", "delivered", n, at_least=at_least)


@pytest.mark.parametrize(
    "kafka",
    [
        {"group_protocol": "classic"},
        pytest.param({"group_protocol": "consumer"}, marks=pytest.mark.since("4.0")),
        {"group_protocol": "classic", "group_instance_id": "pod-0"},
    ],
    ids=["classic", "consumer", "static"],
)
async def test_two_workers_share_the_events_and_deliver_each_once(
    stage: Build, kafka: dict[str, str]
) -> None:
    here, events = stage(partitions=4), 4000
    async with (
        Endpoint(answered_in(0.02)) as endpoint,
        here.processor(endpoint.url, *TWO, kafka=kafka, **LIMITS) as processor,
    ):
        for n in "01":
            await processor.until("assigned_partitions", n, at_least=2)
        here.produce(numbered(0, events))
        await until_all_have_come(endpoint, events)
        await both_deliver(processor)
        assert await processor.terminate() == 0
        assert Counter(map(number, endpoint.requests)) == Counter(range(events))
        assert in_order_per_key(endpoint)
    assert here.committed() == events


async def test_a_stop_under_load_repeats_nothing(stage: Build) -> None:
    here, events = stage(partitions=4), 4000
    here.produce(numbered(0, events))
    async with Endpoint(answered_in(0.05)) as endpoint:
        async with here.processor(endpoint.url, *TWO, **LIMITS) as processor:
            await both_deliver(processor)
            assert await processor.terminate() == 0
        assert len(endpoint.requests) < events
        assert here.committed() <= len(endpoint.requests)
        async with here.processor(endpoint.url, **LIMITS) as processor:
            await until_all_have_come(endpoint, events)
            assert await processor.terminate() == 0
        assert Counter(map(number, endpoint.requests)) == Counter(range(events))
    assert here.committed() == events


async def test_a_worker_that_is_killed_comes_back_and_loses_nothing(stage: Build) -> None:
    here, events = stage(partitions=4), 6000
    here.produce(numbered(0, events))
    async with (
        Endpoint(answered_in(0.05)) as endpoint,
        here.processor(endpoint.url, *TWO, kafka={"session_timeout": 3}, **LIMITS) as processor,
    ):
        await both_deliver(processor)
        os.kill(pids(processor)[1], signal.SIGKILL)
        await processor.until("worker_restarts_total", "1", at_least=1)
        await processor.until("assigned_partitions", "1", at_least=1)
        here.produce(numbered(events, events := events + 1000))
        await both_deliver(processor, at_least=1)
        await until_all_have_come(endpoint, events)
        assert await processor.terminate() == 0
        assert set(map(number, endpoint.requests)) == set(range(events))
        assert in_order_per_key(endpoint)
    assert here.committed() == events


async def test_workers_whose_supervisor_is_killed_finish_and_leave(stage: Build) -> None:
    here, events = stage(partitions=4), 4000
    here.produce(numbered(0, events))
    async with Endpoint(answered_in(0.05)) as endpoint:
        processor = await here.processor(endpoint.url, *TWO, **LIMITS).start()
        await both_deliver(processor)
        await processor.kill()
        await are_gone(*pids(processor).values())
        assert len(endpoint.requests) < events
        async with here.processor(endpoint.url, *TWO, **LIMITS) as processor:
            await until_all_have_come(endpoint, events)
            assert await processor.terminate() == 0
        assert Counter(map(number, endpoint.requests)) == Counter(range(events))
    assert here.committed() == events

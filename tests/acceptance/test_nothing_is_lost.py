"""The command against a real Apache Kafka, killed, stopped, joined by others; a ledger is kept."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

import pytest

from processor.core.progress.offset_codec import decode
from tests.acceptance.conftest import Stage
from tests.acceptance.processor import Processor
from tests.support.endpoint import Arrival, Endpoint, Reply
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.kafka

Build = Callable[..., Stage]
MAX_IN_FLIGHT = 32


def number(arrival: Arrival) -> int:
    """The number of the event in a request."""
    n: int = json.loads(arrival.body)["n"]
    return n


def numbered(first: int, end: int, keys: int = 100) -> Iterator[tuple[bytes, bytes, tuple[()]]]:
    """Events with their numbers, so many keys in turn."""
    return ((str(n % keys).encode(), json.dumps({"n": n}).encode(), ()) for n in range(first, end))


def answered_in(seconds: float) -> Callable[[Arrival], Reply]:
    """An endpoint that takes its time."""
    return lambda _: Reply(200, delay=seconds)


def repeats(endpoint: Endpoint) -> int:
    """How many requests were more than one for their event."""
    return len(endpoint.requests) - len(set(map(number, endpoint.requests)))


async def test_kill_9_ten_times_under_load_loses_nothing_and_repeats_little(stage: Build) -> None:
    here, kills, allowed = stage(partitions=4), 10, 0
    events = 12_000
    here.produce(numbered(0, events))
    settings = {"delivery": {"max_in_flight": MAX_IN_FLIGHT}, "kafka": {"session_timeout": 3}}
    async with Endpoint(answered_in(0.02)) as endpoint:
        for _ in range(kills):
            processor = await here.processor(endpoint.url, **settings).start()
            before = len(endpoint.requests)
            await endpoint.received(before + 700)
            await processor.kill()
            now = asyncio.get_running_loop().time()
            since_last_commit = sum(1 for arrival in endpoint.requests if arrival.time > now - COMMIT_SECONDS)
            allowed += MAX_IN_FLIGHT + since_last_commit
        async with here.processor(endpoint.url, **settings) as processor:
            await until_all_have_come(endpoint, events)
            assert await processor.terminate() == 0
        assert set(map(number, endpoint.requests)) == set(range(events))
        assert repeats(endpoint) <= allowed
        assert here.committed() == events
        assert in_order_per_key(endpoint)


COMMIT_SECONDS = 1.5
"""The commit interval of one second, with the way to the broker and the poll it waits for."""


async def until_all_have_come(endpoint: Endpoint, events: int) -> None:
    """Wait until every event came at least once."""
    come: set[int] = set()
    looked = 0
    async with asyncio.timeout(PATIENCE):
        while len(come) < events:
            await asyncio.sleep(0.2)
            new = endpoint.requests[looked:]
            come.update(map(number, new))
            looked += len(new)


def in_order_per_key(endpoint: Endpoint, keys: int = 100) -> bool:
    """Whether the first deliveries of every key came in the order of its events."""
    last: dict[int, int] = {}
    for n in dict.fromkeys(map(number, endpoint.requests)):
        if n < last.get(n % keys, -1):
            return False
        last[n % keys] = n
    return True


async def test_finished_events_behind_a_slow_one_are_not_repeated_after_a_crash(stage: Build) -> None:
    def script(arrival: Arrival) -> Reply:
        return Reply(200, delay=600 if number(arrival) == 0 else 0)

    here = stage()
    here.produce(numbered(0, 500, keys=500))
    async with Endpoint(script) as endpoint:
        processor = await here.processor(endpoint.url, destination={"request_timeout": 900}).start()
        await endpoint.received(500)
        await processor.until("commit_gap_records", "0", here.topic, at_least=500)
        await processor.until("commits_total", "acknowledged", at_least=1)
        while not decode(*here.broker.committed(here.group, here.topic)[0]):
            await asyncio.sleep(0.1)
        await asyncio.sleep(COMMIT_SECONDS)
        await processor.kill()
        endpoint.script = lambda _: Reply(200)
        async with here.processor(endpoint.url) as processor:
            await endpoint.received(501)
            await processor.until("deliveries_total", "delivered", at_least=1)
            assert await processor.terminate() == 0
        assert [number(arrival) for arrival in endpoint.requests[500:]] == [0]
    assert here.committed() == 500


async def test_sigterm_under_load_repeats_nothing_and_leaves_with_0(stage: Build) -> None:
    here, events = stage(partitions=4), 3000
    here.produce(numbered(0, events))
    async with Endpoint(answered_in(0.1)) as endpoint:
        for _ in range(3):
            processor = await here.processor(endpoint.url).start()
            await endpoint.received(len(endpoint.requests) + 300)
            assert await processor.terminate() == 0
            assert repeats(endpoint) == 0
        async with here.processor(endpoint.url) as processor:
            await until_all_have_come(endpoint, events)
            assert await processor.terminate() == 0
        assert Counter(map(number, endpoint.requests)) == Counter(range(events))
    assert here.committed() == events


async def test_a_second_signal_leaves_at_once(stage: Build) -> None:
    here = stage()
    here.produce(numbered(0, 1))
    async with Endpoint(answered_in(600)) as endpoint:
        processor = await here.processor(endpoint.url, destination={"request_timeout": 900}).start()
        await endpoint.received(1)
        processor.signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            while not any(line["event"] == "stopping" for line in processor.log()):
                await asyncio.sleep(0.05)
        processor.signal(signal.SIGINT)
        assert await processor.wait() == 128 + signal.SIGINT


async def test_a_stop_abandons_a_request_at_the_deadline_and_the_event_is_not_lost(stage: Build) -> None:
    here = stage()
    here.produce(numbered(0, 2))
    delays = iter([600, 0, 0])
    async with Endpoint(lambda _: Reply(200, delay=next(delays))) as endpoint:
        settings = {"destination": {"request_timeout": 900}, "delivery": {"drain_timeout": 1}}
        processor = await here.processor(endpoint.url, **settings).start()
        await endpoint.received(2)
        await processor.until("deliveries_total", "delivered", at_least=1)
        assert await processor.terminate() == 0
        async with here.processor(endpoint.url) as processor:
            await endpoint.received(3)
            await processor.until("deliveries_total", "delivered", at_least=1)
            assert await processor.terminate() == 0
        assert [number(arrival) for arrival in endpoint.requests][2:] == [number(endpoint.requests[0])]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_two_that_join_and_leave_lose_nothing_and_repeat_nothing(stage: Build, protocol: str) -> None:
    here, events = stage(partitions=6), 6000
    kafka = {"group_protocol": protocol}
    here.produce(numbered(0, events))

    async def join(house: AsyncExitStack) -> Processor:
        slow = {"max_in_flight": 16}
        return await house.enter_async_context(here.processor(endpoint.url, kafka=kafka, delivery=slow))

    async with Endpoint(answered_in(0.05)) as endpoint, AsyncExitStack() as house:
        first = await join(house)
        await endpoint.received(300)
        second = await join(house)
        await second.until("deliveries_total", "delivered", at_least=100)
        assert await first.terminate() == 0
        third = await join(house)
        await third.until("assigned_partitions", at_least=1)
        here.produce(numbered(events, events + 1000))  # whatever is left, it has something to do
        await third.until("deliveries_total", "delivered", at_least=100)
        assert await second.terminate() == 0
        await until_all_have_come(endpoint, events + 1000)
        assert await third.terminate() == 0
        assert set(map(number, endpoint.requests)) == set(range(events + 1000))
        assert repeats(endpoint) == 0
        assert in_order_per_key(endpoint)
    assert here.committed() == events + 1000


async def test_a_process_whose_static_name_another_one_takes_ends_and_loses_nothing(stage: Build) -> None:
    here, kafka = stage(), {"group_instance_id": "pod-0"}
    here.produce(numbered(0, 20))
    async with Endpoint() as endpoint:
        async with here.processor(endpoint.url, kafka=kafka) as first:
            await first.until("deliveries_total", "delivered", at_least=20)
            async with here.processor(endpoint.url, kafka=kafka) as second:
                assert await first.wait() == 1
                assert "fenced" in json.dumps(first.log()).lower()
                await asyncio.to_thread(here.produce, numbered(20, 40))
                await until_all_have_come(endpoint, 40)
                assert await second.terminate() == 0
        assert set(map(number, endpoint.requests)) == set(range(40))

"""The peers do what the benchmark takes for granted: deliver all as it is, commit, end when asked."""

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import trustme

from tests.benchmarks import peers
from tests.support.apache_kafka import Broker
from tests.support.endpoint import Arrival, Endpoint, Reply

pytestmark = pytest.mark.kafka

EVENTS, KEYS, PARTITIONS, IN_FLIGHT = 2_000, 50, 4, 16
PATIENCE_SECONDS = 60.0


@pytest.fixture(params=peers.NAMES)
def peer(request: pytest.FixtureRequest) -> str:
    """Each that is built."""
    name = str(request.param)
    if not peers.is_built(name):
        pytest.skip(f"NOT TESTED: {name} is not built (make peers)")
    return name


@pytest.fixture
def topic(apache_kafka: Broker) -> str:
    """A topic without records."""
    name = f"peers-{uuid4().hex}"
    apache_kafka.create_topic(name, PARTITIONS)
    return name


def value(number: int) -> bytes:
    """No two events are alike; one in ten is neither text nor JSON."""
    return b'{"n": %d}' % number if number % 10 else b"\x00\xff%d" % number


def produce(broker: Broker, topic: str, numbers: range) -> None:
    broker.produce(topic, [(b"key-%d" % (number % KEYS), value(number), ()) for number in numbers])


def by_key(values: Iterable[bytes], key_of: Mapping[bytes, int]) -> dict[int, list[bytes]]:
    """The values of each key, in their order."""
    found = defaultdict[int, list[bytes]](list)
    for each in values:
        found[key_of[each]].append(each)
    return dict(found)


def slowly(_: Arrival) -> Reply:
    return Reply(delay=0.01)


@asynccontextmanager
async def running(
    name: str, topic: str, broker: Broker, endpoint: Endpoint, **more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A peer at work. Leaving it asks it to end and waits until it has; a failed test kills it."""
    process = await asyncio.create_subprocess_exec(
        *peers.command(name), env={**os.environ, **told(topic, broker, endpoint), **more}
    )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def told(topic: str, broker: Broker, endpoint: Endpoint) -> Mapping[str, str]:
    """The environment of the contract."""
    return {
        "BOOTSTRAP": broker.bootstrap_servers,
        "TOPIC": topic,
        "GROUP": f"of-{topic}",
        "URL": f"{endpoint.url}/hook",
        "IN_FLIGHT": str(IN_FLIGHT),
        "CA_FILE": "",
        "METHOD": "POST",
    }


async def test_everything_arrives_as_produced_with_so_many_in_flight_as_said(
    peer: str, topic: str, apache_kafka: Broker
) -> None:
    produce(apache_kafka, topic, range(EVENTS))
    async with Endpoint(slowly) as endpoint:
        async with running(peer, topic, apache_kafka, endpoint):
            await endpoint.received(EVENTS, within=PATIENCE_SECONDS)
        assert Counter(each.body for each in endpoint.requests) == Counter(map(value, range(EVENTS)))
        assert {(each.method, each.target) for each in endpoint.requests} == {("POST", "/hook")}
        assert {each.header("content-type") for each in endpoint.requests} == {"application/json"}
        assert endpoint.most_in_flight == IN_FLIGHT
        assert endpoint.connections <= 2 * IN_FLIGHT


async def test_after_sigterm_only_what_was_in_flight_is_delivered_again(
    peer: str, topic: str, apache_kafka: Broker
) -> None:
    produce(apache_kafka, topic, range(EVENTS))
    async with Endpoint() as endpoint:
        async with running(peer, topic, apache_kafka, endpoint) as process:
            await endpoint.received(EVENTS, within=PATIENCE_SECONDS)
        assert process.returncode in (0, 128 + signal.SIGTERM)
        produce(apache_kafka, topic, more := range(EVENTS, EVENTS + 100))
        awaited, all_came = set(map(value, more)), asyncio.Event()

        def count(arrival: Arrival) -> Reply:
            awaited.discard(arrival.body)
            if not awaited:
                all_came.set()
            return Reply()

        endpoint.script = count
        async with running(peer, topic, apache_kafka, endpoint), asyncio.timeout(PATIENCE_SECONDS):
            await all_came.wait()
        assert len(endpoint.requests) <= EVENTS + len(more) + IN_FLIGHT


async def test_an_answer_that_is_no_success_is_asked_for_again(
    peer: str, topic: str, apache_kafka: Broker
) -> None:
    produce(apache_kafka, topic, range(100))
    refused = {value(7), value(40)}

    def first_time_busy(arrival: Arrival) -> Reply:
        if arrival.body in refused:
            refused.discard(arrival.body)
            return Reply(503)
        return Reply()

    async with Endpoint(first_time_busy) as endpoint:
        async with running(peer, topic, apache_kafka, endpoint):
            await endpoint.received(102, within=PATIENCE_SECONDS)
        times = Counter(each.body for each in endpoint.requests)
        assert times == Counter([*map(value, range(100)), value(7), value(40)])


async def test_tls_is_verified_by_the_authorities_of_the_file(
    peer: str, topic: str, apache_kafka: Broker, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    produce(apache_kafka, topic, range(100))
    async with Endpoint(tls=tls) as endpoint:
        async with running(peer, topic, apache_kafka, endpoint, CA_FILE=str(tmp_path / "ca.pem")):
            await endpoint.received(100, within=PATIENCE_SECONDS)
        assert Counter(each.body for each in endpoint.requests) == Counter(map(value, range(100)))


async def test_parallel_consumer_keeps_the_order_of_a_key_and_repeats_nothing(
    topic: str, apache_kafka: Broker
) -> None:
    if not peers.is_built("parallel-consumer"):
        pytest.skip("NOT TESTED: parallel-consumer is not built (make peers)")
    produce(apache_kafka, topic, numbers := range(5 * EVENTS))
    key_of = {value(number): number % KEYS for number in numbers}
    under_way, most = Counter[int](), 0

    async def one_of_a_key(arrival: Arrival) -> Reply:
        nonlocal most
        key = key_of[arrival.body]
        under_way[key] += 1
        most = max(most, under_way[key])
        await asyncio.sleep(0.001)
        under_way[key] -= 1
        return Reply()

    async with Endpoint(one_of_a_key) as endpoint:
        async with running("parallel-consumer", topic, apache_kafka, endpoint):
            await endpoint.received(len(numbers), within=PATIENCE_SECONDS)
        assert most == 1
        written = (record.value() or b"" for record in apache_kafka.read_all(topic))
        assert by_key((each.body for each in endpoint.requests), key_of) == by_key(written, key_of)


def test_benthos_commits_nothing_behind_an_unfinished_record() -> None:
    if shutil.which("go") is None:
        pytest.skip("NOT TESTED: no Go")
    folder = Path(peers.__file__).with_name("benthos")
    tested = subprocess.run(["go", "test", "./..."], cwd=folder, capture_output=True, text=True)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("name", peers.NAMES)
def test_a_peer_says_its_version(name: str) -> None:
    assert any(letter.isdigit() for letter in peers.version(name))

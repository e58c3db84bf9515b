"""The installed command with a log that nobody can write: events pass, pages answer, a stop is a stop."""

import asyncio
import fcntl
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.request import urlopen

import confluent_kafka
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from processor.kafka.embedded import EmbeddedBroker
from tests.support.endpoint import HOST, Arrival, Endpoint, Reply, unused_port
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.slow

EVENTS = 40


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


def gone() -> int:
    """A pipe whose reader is gone."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def full() -> int:
    """A disk that is full."""
    return os.open("/dev/full", os.O_WRONLY)


def unread() -> int:
    """A small pipe that nobody reads, though somebody could."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_inheritable(reading, True)
    return writing


def busy_at_first(seen: dict[bytes, int]) -> Callable[[Arrival], Reply]:
    """503 to the first attempt of each event, so that there is something to log."""

    def script(arrival: Arrival) -> Reply:
        seen[arrival.body] = seen.get(arrival.body, 0) + 1
        return Reply(503 if seen[arrival.body] == 1 else 200)

    return script


def written(folder: Path, broker: EmbeddedBroker, topic: str, url: str, port: int) -> Path:
    broker.create_topic(topic)
    broker.create_topic(f"{topic}.dlq")
    file = folder / "settings.yaml"
    settings = {
        "kafka": {
            "bootstrap_servers": broker.bootstrap_servers,
            "group_id": topic,
            "topics": [topic],
            "group_protocol": "consumer",
        },
        "dead_letter": {"topic": f"{topic}.dlq"},
        "destination": {"url": url},
        "delivery": {"commit_interval": 0.1},
        "retry": {"initial_backoff": 0.05},
        "circuit": {"enabled": False},
        "admin": {"host": HOST, "port": port},
        "log": {"level": "debug"},
    }
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
    for n in range(EVENTS):
        producer.produce(topic, json.dumps({"n": n}))
    assert producer.flush(PATIENCE) == 0
    return file


@asynccontextmanager
async def running(*command: str, stderr: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command with this standard error, killed in the end if it still runs."""
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("WEBHOOK_PROCESSOR")}
    process = await asyncio.create_subprocess_exec(*command, stderr=stderr, env=theirs)
    os.close(stderr)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def page(port: int, path: str) -> str:
    with urlopen(f"http://{HOST}:{port}{path}", timeout=PATIENCE) as answer:
        text: str = answer.read().decode()
        return text


async def metric(port: int, name: str) -> float:
    """The sum of its series."""
    text = await asyncio.to_thread(page, port, "/metrics")
    families = text_string_to_metric_families(text)
    return sum(s.value for f in families for s in f.samples if s.name == f"webhook_processor_{name}")


async def until(port: int, name: str, at_least: float) -> None:
    async with asyncio.timeout(PATIENCE):
        while await metric(port, name) < at_least:
            await asyncio.sleep(0.05)


CLOSED = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
"""Starts a command without standard input, output and error."""


@pytest.mark.parametrize(
    ("stderr", "workers", "through"),
    [
        (full, "1", ()),
        (unread, "1", ()),
        (gone, "2", ()),
        (unread, "2", ()),
        (full, "2", CLOSED),
    ],
)
async def test_a_log_that_fails_stops_no_delivery_no_page_and_no_stop(
    broker: EmbeddedBroker,
    tmp_path: Path,
    stderr: Callable[[], int],
    workers: str,
    through: tuple[str, ...],
) -> None:
    port, seen = unused_port(), dict[bytes, int]()
    async with Endpoint(busy_at_first(seen)) as endpoint:
        file = written(tmp_path, broker, f"events-{port}", endpoint.url, port)
        command = (*through, sys.executable, "-m", "processor", "run", "-c", str(file), "--workers", workers)
        async with running(*command, stderr=stderr()) as process:
            await endpoint.received(2 * EVENTS, within=PATIENCE)
            await until(port, "committed_offset", at_least=EVENTS)
            assert json.loads(await asyncio.to_thread(page, port, "/livez"))["ok"]
            if stderr is not unread and not through:
                assert await metric(port, "log_lines_lost_total") > EVENTS
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE):
                assert await process.wait() == 0
    assert set(seen.values()) == {2}

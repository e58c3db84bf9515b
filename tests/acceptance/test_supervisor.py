"""Several workers as an operator has them: real processes, signalled, killed, stopped, asked."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import aiohttp
import confluent_kafka
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics

from processor.config import loading
from processor.config.settings import Settings
from processor.errors import ConfigError
from processor.kafka.embedded import EmbeddedBroker
from processor.kafka.options import consumer_options
from processor.workers.channel import Page, SupervisorEnd, WorkerEnd
from processor.workers.metrics import WORKERS_FORMAT
from processor.workers.supervisor import Worker
from processor.workers.worker import NUMBER, number_in, settings_of
from tests.acceptance.processor import COMMAND, Processor
from tests.support.endpoint import HOST, Endpoint, Reply
from tests.support.patience import PATIENCE
from tests.unit.admin.test_live_page_stream import message

WORKERS = 2
PARTITIONS = 4


class Crew(Processor):
    """`run --workers 2`, and its workers by their processes."""

    async def workers(self, count: int = WORKERS) -> dict[int, int]:
        """The process of each worker that was started last, as soon as all answer."""
        await self.until("workers", "running", at_least=count)
        return {said["worker"]: said["pid"] for said in self.log() if said["event"] == "worker started"}

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        return self._process.pid

    async def ready(self) -> str:
        """What `/readyz` says as soon as it is green."""
        async with asyncio.timeout(PATIENCE):
            while (page := await self.page("/readyz"))[0] != 200:
                await asyncio.sleep(0.05)
        return page[1]

    async def restarted(self, worker: int, times: int = 1) -> None:
        """Wait until a worker was started again and all answer."""
        await self.until("worker_restarts_total", str(worker), at_least=times)
        await self.until("workers", "running", at_least=WORKERS)


def is_running(pid: int) -> bool:
    """Whether there is such a process, other than a dead one that nobody has taken note of."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def are_gone(*pids: int) -> None:
    """Wait until none of them runs."""
    async with asyncio.timeout(PATIENCE):
        while any(map(is_running, pids)):
            await asyncio.sleep(0.05)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        broker.create_topic("events", PARTITIONS)
        broker.create_topic("events.dlq")
        yield broker


def said(broker: EmbeddedBroker, url: str = f"http://{HOST}:9", **more: dict[str, Any]) -> dict[str, Any]:
    """The settings."""
    kafka = {"bootstrap_servers": broker.bootstrap_servers, "group_id": "g", "topics": ["events"]}
    base: dict[str, dict[str, Any]] = {
        "kafka": kafka | {"session_timeout": 3},
        "dead_letter": {"topic": "events.dlq"},
        "destination": {"name": "crm", "url": url},
        "admin": {"host": HOST, "port": 0},
    }
    return {name: base.get(name, {}) | more.get(name, {}) for name in base | more}


@asynccontextmanager
async def crew(broker: EmbeddedBroker, folder: Path, url: str = f"http://{HOST}:9") -> AsyncIterator[Crew]:
    """Two workers; none is left behind, whatever the test does."""
    async with Crew(folder, said(broker, url), ["--workers", str(WORKERS)]) as running:
        try:
            yield running
        finally:
            if is_running(running.pid):
                running.signal(signal.SIGKILL)
            await are_gone(*(line["pid"] for line in running.log() if line["event"] == "worker started"))


def produce(broker: EmbeddedBroker, events: int) -> None:
    """So many events over all partitions."""
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
    for n in range(events):
        producer.produce("events", b"{}", partition=n % PARTITIONS)
    assert producer.flush(10) == 0


async def test_the_pages_show_all_workers_as_one(broker: EmbeddedBroker, tmp_path: Path) -> None:
    async with crew(broker, tmp_path) as running:
        await running.workers()
        text = await running.ready()
        assert all(f'"worker_{n}.group": "ok"' in text for n in range(WORKERS))
        assert await running.page("/livez") == (
            200,
            '{"ok": true, "checks": {"worker_0": "running", "worker_1": "running"}}',
        )
        metrics = await running.metrics()
        assert sum(metrics["assigned_partitions", str(n)] for n in range(WORKERS)) == PARTITIONS
        assert [metrics["worker_answered", str(n)] for n in range(WORKERS)] == [1, 1]
        assert await running.terminate() == 0


async def test_the_live_page_shows_what_happens_in_all_workers(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    async with Endpoint() as endpoint, crew(broker, tmp_path, endpoint.url) as running:
        await running.workers()
        url = f"{running.admin}/live/events"
        async with aiohttp.ClientSession() as session, session.get(url) as stream, asyncio.timeout(PATIENCE):
            _, about = await message(stream)
            assert (about["workers"], about["endpoint"]) == (WORKERS, endpoint.url)
            await running.ready()
            seen: set[int] = set()
            while seen != set(range(WORKERS)):
                produce(broker, 4 * PARTITIONS)
                what, told = await message(stream)
                entries = [] if what == "letters" else told["entries"]
                assert all(entry["outcome"] == "delivered" for entry in entries)
                seen |= {entry["worker"] for entry in entries}


async def test_the_metrics_are_also_there_as_open_metrics(broker: EmbeddedBroker, tmp_path: Path) -> None:
    async with crew(broker, tmp_path) as running:
        await running.workers()
        asked = Request(running.admin + "/metrics", headers={"Accept": WORKERS_FORMAT})
        with await asyncio.to_thread(urlopen, asked, timeout=PATIENCE) as answer:
            text = answer.read().decode()
        families = {family.name: family for family in open_metrics(text)}  # type: ignore[no-untyped-call]
        samples = families["webhook_processor_retries"].samples
        assert {sample.labels["worker"] for sample in samples} == {"0", "1"}


async def test_log_lines_tell_the_worker(broker: EmbeddedBroker, tmp_path: Path) -> None:
    async with crew(broker, tmp_path) as running:
        for n in range(WORKERS):
            await running.tells("started", worker=n, admin=None)
        assert "worker" not in await running.tells("started", workers=WORKERS)


async def test_a_worker_that_dies_is_started_again_and_said_meanwhile(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    async with crew(broker, tmp_path) as running:
        first = await running.workers()
        os.kill(first[1], signal.SIGKILL)
        line = await running.tells("a worker ended and will be started again", worker=1)
        live, ready = await running.page("/livez"), await running.page("/readyz")
        assert (line["why"], 1 <= line["restart_in"] <= 2) == ("signal SIGKILL", True)
        assert (live[0], '"worker_1": "waiting"' in live[1]) == (200, True)
        assert (ready[0], '"worker_1": "waiting"' in ready[1]) == (503, True)
        await running.restarted(1)
        second = await running.workers()
        assert second[0] == first[0]
        assert second[1] != first[1]
        assert (await running.metrics())["worker_restarts_total", "0"] == 0
        assert await running.terminate() == 0


async def test_a_worker_that_leaves_by_itself_is_started_again_too(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    async with crew(broker, tmp_path) as running:
        os.kill((await running.workers())[0], signal.SIGTERM)
        line = await running.tells("a worker ended and will be started again", worker=0)
        assert line["why"] == "status 0"
        await running.restarted(0)


async def test_a_worker_that_hangs_is_left_out_and_turns_the_probes_red(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    async with crew(broker, tmp_path) as running:
        pids = await running.workers()
        os.kill(pids[1], signal.SIGSTOP)
        try:
            for path in ("/livez", "/readyz"):
                status, text = await running.page(path)
                assert (status, '"worker_1": "no answer"' in text) == (503, True)
            metrics = await running.metrics()
            assert [metrics["worker_answered", str(n)] for n in range(WORKERS)] == [1, 0]
            assert ("ready", "0") in metrics
            assert ("ready", "1") not in metrics
        finally:
            os.kill(pids[1], signal.SIGCONT)
        await running.until("worker_answered", "1", at_least=1)
        assert (await running.page("/livez"))[0] == 200


@pytest.mark.parametrize("to_all", [False, True], ids=["the supervisor", "every process"])
async def test_sigterm_drains_all_workers_also_where_each_gets_it_twice(
    broker: EmbeddedBroker, tmp_path: Path, *, to_all: bool
) -> None:
    produce(broker, PARTITIONS)
    async with (
        Endpoint(lambda _: Reply(200, delay=2)) as endpoint,
        crew(broker, tmp_path, endpoint.url) as running,
    ):
        pids = await running.workers()
        await endpoint.received(1)
        for pid in [*pids.values(), running.pid] if to_all else [running.pid]:
            os.kill(pid, signal.SIGTERM)
        assert await running.wait() == 0
        assert endpoint.in_flight == 0
        assert not any(map(is_running, pids.values()))
        assert sum(line["event"] == "stopped" for line in running.log()) == WORKERS + 1


async def test_ctrl_c_in_a_terminal_is_one_signal(broker: EmbeddedBroker, tmp_path: Path) -> None:
    produce(broker, PARTITIONS)
    async with (
        Endpoint(lambda _: Reply(200, delay=2)) as endpoint,
        crew(broker, tmp_path, endpoint.url) as running,
    ):
        pids = await running.workers()
        await endpoint.received(1)
        assert os.getpgid(running.pid) not in map(os.getpgid, pids.values())
        running.signal(signal.SIGINT)
        assert await running.wait() == 0
        assert endpoint.in_flight == 0


async def test_a_second_signal_ends_all_at_once(broker: EmbeddedBroker, tmp_path: Path) -> None:
    produce(broker, PARTITIONS)
    async with (
        Endpoint(lambda _: Reply(200, delay=600)) as endpoint,
        crew(broker, tmp_path, endpoint.url) as running,
    ):
        pids = await running.workers()
        await endpoint.received(1)
        running.signal(signal.SIGTERM)
        await running.tells("stopping")
        running.signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            assert await running.wait() == 128 + signal.SIGINT
            await are_gone(*pids.values())


async def test_a_stop_before_the_workers_have_started_ends_with_0(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    async with crew(broker, tmp_path) as running:
        assert await running.terminate() == 0


async def test_a_stop_while_a_worker_waits_for_its_restart_ends_with_0(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    async with crew(broker, tmp_path) as running:
        os.kill((await running.workers())[0], signal.SIGKILL)
        await running.tells("a worker ended and will be started again")
        assert await running.terminate() == 0


async def test_no_worker_outlives_a_supervisor_that_was_killed(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    produce(broker, PARTITIONS)
    async with (
        Endpoint(lambda _: Reply(200, delay=2)) as endpoint,
        crew(broker, tmp_path, endpoint.url) as running,
    ):
        pids = await running.workers()
        await endpoint.received(1)
        os.kill(running.pid, signal.SIGKILL)
        await are_gone(*pids.values())
        assert endpoint.in_flight == 0
        await running.wait()
        assert sum(line["event"] == "stopped" for line in running.log()) == WORKERS


async def test_a_configuration_that_becomes_wrong_ends_all_with_2(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    async with crew(broker, tmp_path) as running:
        pids = await running.workers()
        (tmp_path / "settings.yaml").write_text("kafka: wrong", encoding="utf-8")
        os.kill(pids[0], signal.SIGKILL)
        assert await running.wait() == 2
        assert not is_running(pids[1])


async def test_a_port_that_is_taken_is_told_before_any_worker_starts(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    with socket.create_server((HOST, 0)) as taken:
        settings = said(broker, admin={"port": taken.getsockname()[1]})
        running = Crew(tmp_path, settings, ["--workers", "2"])
        with pytest.raises(AssertionError, match=r"admin\.port"):
            await running.start()
        assert await running.wait() == 1
        assert not any(line["event"] == "worker started" for line in running.log())


def configured(**kafka: str) -> Settings:
    """Settings with more of Kafka's."""
    more = {f"WEBHOOK_PROCESSOR__KAFKA__{name.upper()}": text for name, text in kafka.items()}
    said = {
        "KAFKA__BOOTSTRAP_SERVERS": "k:9092",
        "KAFKA__GROUP_ID": "g",
        "KAFKA__TOPICS": "events",
        "DEAD_LETTER__TOPIC": "events.dlq",
        "DESTINATION__URL": "http://h.example",
    }
    return loading.load(None, {f"WEBHOOK_PROCESSOR__{name}": text for name, text in said.items()} | more)


def test_the_group_and_the_brokers_tell_workers_apart() -> None:
    settings = configured(client_id="crm", group_instance_id="pod-0")
    options = [consumer_options(settings_of(settings, n).kafka) for n in (0, 1)]
    assert [each["client.id"] for each in options] == ["crm-0", "crm-1"]
    assert [each["group.instance.id"] for each in options] == ["pod-0-0", "pod-0-1"]
    assert options[0]["group.id"] == options[1]["group.id"] == "g"


def test_a_worker_without_a_static_name_is_given_none() -> None:
    assert "group.instance.id" not in consumer_options(settings_of(configured(), 1).kafka)


@pytest.mark.parametrize(("environ", "number"), [({}, None), ({NUMBER: "3"}, 3)])
def test_a_worker_knows_its_number_from_its_environment(environ: dict[str, str], number: int | None) -> None:
    assert number_in(environ) == number


@pytest.mark.parametrize("number", ["", "x", "-1", "٣", "1.0", " 1", "1" * 5000])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    with pytest.raises(ConfigError, match=NUMBER):
        number_in({NUMBER: number})


async def test_a_worker_without_a_supervisor_says_so(tmp_path: Path, broker: EmbeddedBroker) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(said(broker)), encoding="utf-8")
    alone = await asyncio.create_subprocess_exec(
        COMMAND,
        *("run", "-c", str(file)),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {NUMBER: "0"},
    )
    _, text = await alone.communicate()
    assert alone.returncode == 1
    assert b"no supervisor at the standard input" in text


async def test_a_worker_that_is_stopped_before_it_has_a_process_ends_as_soon_as_it_has_one() -> None:
    worker = Worker(0)
    worker.stop()
    async with asyncio.timeout(PATIENCE):
        assert await worker.run(["sleep", "600"]) == -signal.SIGTERM


async def test_a_worker_that_answers_nonsense_ends_with_its_line() -> None:
    async with asyncio.timeout(PATIENCE):
        assert await Worker(0).run(["sh", "-c", "cat >&0"]) == 0


def open_files() -> int:
    """How many files this process holds open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_worker_that_cannot_be_started_leaves_nothing_open() -> None:
    worker, before = Worker(0), open_files()
    with pytest.raises(OSError, match="no/such/program"):
        await worker.run(["/no/such/program"])
    assert open_files() == before


async def test_a_line_asks_once_however_many_wait_for_the_answer() -> None:
    line, theirs = await SupervisorEnd.pair()
    reader, writer = await asyncio.open_unix_connection(sock=theirs)
    waiting = [asyncio.create_task(line.ask(Page.LIVE)) for _ in range(3)]
    assert await reader.readline() == b"live\n"
    writer.write(b'["live", [true, {}]]\n')
    assert await asyncio.gather(*waiting) == [[True, {}]] * 3
    again = asyncio.create_task(line.ask(Page.LIVE))
    assert await reader.readline() == b"live\n"
    writer.close()
    assert await again is None
    assert await line.ask(Page.LIVE) is None
    await line.close()


async def test_a_line_asks_for_what_is_wanted_of_a_page_and_tells_answers_apart() -> None:
    line, theirs = await SupervisorEnd.pair()
    desk = WorkerEnd(lambda page, wanted: [page, wanted], lambda: None)
    desk._reader, desk._writer = await asyncio.open_unix_connection(sock=theirs)
    serving = asyncio.create_task(desk._serve())
    asked = (line.ask(Page.LOOK, ["a\nb", 1]), line.ask(Page.LOOK, ["c"]), line.ask(Page.LIVE))
    assert [*await asyncio.gather(*asked)] == [["look", ["a\nb", 1]], ["look", ["c"]], ["live", None]]
    await line.close()
    await serving
    desk._writer.close()


async def test_an_answer_that_comes_late_is_that_of_the_next_who_asks() -> None:
    line, theirs = await SupervisorEnd.pair()
    reader, writer = await asyncio.open_unix_connection(sock=theirs)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await line.ask(Page.METRICS)
    waiting = asyncio.create_task(line.ask(Page.METRICS))
    writer.write(b'["metrics", "late"]\n')
    assert await waiting == "late"
    assert await reader.readline() == b"metrics\n"
    await line.close()
    writer.close()


async def test_a_line_that_carries_nonsense_is_given_up() -> None:
    line, theirs = await SupervisorEnd.pair()
    _, writer = await asyncio.open_unix_connection(sock=theirs)
    waiting = asyncio.create_task(line.ask(Page.READY))
    writer.write(b"nonsense\n")
    assert await waiting is None
    await line.close()
    writer.close()

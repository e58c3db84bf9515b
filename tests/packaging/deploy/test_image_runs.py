"""What the Dockerfile builds works: as nobody, read-only, without a shell."""

import asyncio
import json
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.util import cache_from_source
from pathlib import Path
from uuid import uuid4

import confluent_kafka
import pytest

from processor import __version__
from processor.kafka.embedded import EmbeddedBroker
from tests.packaging.deploy.conftest import ROOT
from tests.packaging.deploy.dockerfile import context
from tests.packaging.deploy.rootfs import Rootfs
from tests.support.endpoint import Endpoint, unused_port
from tests.support.patience import PATIENCE

UNCHECKED_HASH = 0b01
"""The flags behind the magic number of a .pyc file: PEP 552."""
PROBE = """
import os
def attempt(path):
    try: open(path, "w")
    except OSError as error: return error.strerror
    return "written"
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
powers = [int(status[name], 16) for name in ("CapPrm", "CapEff", "NoNewPrivs")]
print(os.getuid(), os.getgid(), os.getgroups(), *powers)
print(attempt("/x"), attempt("/tmp/x"), attempt("/opt/webhook-processor/x"), sep=", ")
"""


def finished(image: Rootfs, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command in a container of its own, ended."""
    return subprocess.run(
        image.run_command(words),
        env=image.environment | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@asynccontextmanager
async def running(image: Rootfs, arguments: Sequence[str], said: dict[str, str]) -> AsyncIterator[Process]:
    """The image's command, killed at the end where it has not ended by itself."""
    words = [*image.stage.the("ENTRYPOINT").words, *arguments]
    process = await asyncio.create_subprocess_exec(
        *image.run_command(words), env=image.environment | said, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def log_of(process: Process) -> AsyncIterator[dict[str, object]]:
    """What it says, line by line."""
    assert process.stderr
    async with asyncio.timeout(PATIENCE):
        async for line in process.stderr:
            yield json.loads(line)


def settings(broker: EmbeddedBroker, url: str, port: int) -> dict[str, str]:
    """The least that the image has to be told."""
    return {
        "WEBHOOK_PROCESSOR__KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "WEBHOOK_PROCESSOR__KAFKA__GROUP_ID": f"image-{uuid4()}",
        "WEBHOOK_PROCESSOR__KAFKA__TOPICS": "events",
        "WEBHOOK_PROCESSOR__DEAD_LETTER__TOPIC": "events.dlq",
        "WEBHOOK_PROCESSOR__DESTINATION__URL": url,
        "WEBHOOK_PROCESSOR__ADMIN__PORT": str(port),
    }


def test_it_has_the_version_of_the_project(image: Rootfs) -> None:
    assert finished(image, "webhook-processor", "version").stdout == f"{__version__}\n"


def test_nothing_in_it_can_be_written_and_nobody_has_any_power(image: Rootfs) -> None:
    who, written = finished(image, "python", "-c", PROBE).stdout.splitlines()
    assert who == "10001 10001 [] 0 0 1"
    assert written == ", ".join(["Read-only file system"] * 3)


def test_every_module_has_bytecode_that_no_time_of_a_file_makes_stale(image: Rootfs) -> None:
    packages = image.inside("/opt/webhook-processor/lib")
    compiled = {cache_from_source(str(module)) for module in packages.rglob("*.py")}
    assert len(compiled) > 500
    for file in map(Path, compiled):
        kind = int.from_bytes(file.read_bytes()[4:8], "little")
        assert kind == UNCHECKED_HASH, file


def test_it_holds_every_file_of_the_package(image: Rootfs) -> None:
    (package,) = image.inside("/opt/webhook-processor/lib").glob("*/site-packages/processor")
    for name in (name for name in context(ROOT) if name.startswith("processor/")):
        assert (package.parent / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.parametrize("module", ["pip", "hatchling", "pytest"])
def test_it_holds_no_tool_of_the_builder(image: Rootfs, module: str) -> None:
    assert f"No module named {module}" in finished(image, "python", "-m", module).stderr


def test_there_is_no_shell_that_the_others_could_have_used(image: Rootfs) -> None:
    assert finished(image, "sh", "-c", "true").returncode == 127


@pytest.mark.parametrize("arguments", [[], ["--workers", "2"]], ids=["one", "two"])
async def test_it_delivers_is_healthy_and_ends_on_sigterm(image: Rootfs, arguments: list[str]) -> None:
    health = image.stage.the("HEALTHCHECK").words
    with EmbeddedBroker() as broker:
        broker.create_topic("events", 2)
        broker.create_topic("events.dlq")
        producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
        producer.produce("events", '{"type":"track"}')
        assert producer.flush(10) == 0
        async with Endpoint() as endpoint:
            said = settings(broker, endpoint.url, unused_port())
            async with running(image, [*image.stage.the("CMD").words, *arguments], said) as process:
                (arrival,) = await endpoint.received(1, within=PATIENCE)
                healthy = await asyncio.to_thread(finished, image, *health, **said)
                process.terminate()
                said_last = [line async for line in log_of(process)][-1]
                assert await process.wait() == 0, said_last
    assert arrival.body == b'{"type":"track"}'
    assert healthy.returncode == 0, healthy.stderr
    assert (await asyncio.to_thread(finished, image, *health, **said)).returncode == 1

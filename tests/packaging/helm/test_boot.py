"""The application runs as the chart starts it: its arguments, environment and files, its probes, an event."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import confluent_kafka
import pytest

from processor.kafka.embedded import EmbeddedBroker
from tests.packaging.helm.container import laid_out
from tests.packaging.helm.rendering import Object, cases, layered, rendered, the
from tests.support.endpoint import Endpoint, unused_port
from tests.support.patience import PATIENCE

COMMAND = str(Path(sys.executable).with_name("webhook-processor"))
TOKEN = "a-token-of-the-admin-port"
SECRETS = {("crm", "authorization"): "Bearer hunter2\n", ("admin", "token"): TOKEN}


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """With the topics of the chart's examples and one event."""
    with EmbeddedBroker() as started:
        for topic in ("events", "events.dlq"):
            started.create_topic(topic)
        producer = confluent_kafka.Producer({"bootstrap.servers": started.bootstrap_servers})
        producer.produce("events", '{"type":"track","event":"Order Completed"}')
        assert producer.flush(10) == 0
        yield started


@pytest.mark.parametrize("workers", [1, 2])
async def test_the_rendered_container_is_ready_and_delivers(
    broker: EmbeddedBroker, workers: int, tmp_path: Path
) -> None:
    async with Endpoint() as endpoint:
        objects = rendered(
            layered(cases()["minimal"], _here(broker, endpoint), {"defaults": {"workers": workers}})
        )
        deployment = the(objects, "Deployment")
        container = laid_out(objects, deployment, tmp_path, SECRETS)
        home = tmp_path / "home"
        home.mkdir()
        process = await asyncio.create_subprocess_exec(
            COMMAND, *container.args, cwd=home, env=_plain(home) | container.env
        )
        try:
            (arrival,) = await endpoint.received(1, within=PATIENCE)
            for probe, url in _probes(deployment).items():
                assert await _answer(url) == 200, probe
            metrics = url.rpartition("/")[0] + "/metrics"
            assert await asyncio.to_thread(_status, metrics) == 401
            assert await asyncio.to_thread(_status, metrics, _bearer(objects)) == 200
        finally:
            process.send_signal(signal.SIGTERM)
            status = await process.wait()
    assert status == 0
    assert not list(home.iterdir()), "the root file system is read-only"
    assert json.loads(arrival.body)["event"] == "Order Completed"
    assert arrival.header("Authorization") == "Bearer hunter2"
    assert arrival.target == "/hooks"


async def test_the_test_of_the_chart_passes_and_fails(broker: EmbeddedBroker, tmp_path: Path) -> None:
    async with Endpoint() as endpoint:
        values = layered(cases()["minimal"], _here(broker, endpoint))
        assert await _tested(values, tmp_path / "right") == 0
        values["destinations"]["crm"]["config"]["destination"]["url"] = f"http://127.0.0.1:{unused_port()}"
        assert await _tested(values, tmp_path / "wrong") == 1


async def _tested(values: dict[str, object], folder: Path) -> int:
    """The exit status of the container `check` of `helm test`."""
    objects = rendered(values)
    container = laid_out(objects, the(objects, "Deployment"), folder, SECRETS)
    check, ready = the(objects, "Job")["spec"]["template"]["spec"]["containers"]
    assert (check["env"], check["volumeMounts"]) == _mounted(objects)
    compile(ready["args"][0], "ready", "exec")
    process = await asyncio.create_subprocess_exec(
        COMMAND, *check["args"], env=_plain(folder) | container.env
    )
    async with asyncio.timeout(PATIENCE):
        return await process.wait()


def _mounted(objects: list[Object]) -> tuple[object, object]:
    (container,) = the(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return container["env"], container["volumeMounts"]


def _here(broker: EmbeddedBroker, endpoint: Endpoint) -> dict[str, object]:
    """Values for this machine."""
    kafka = {"bootstrap_servers": broker.bootstrap_servers, "session_timeout": 3}
    config = {"kafka": kafka, "admin": {"port": unused_port()}}
    destination = {"config": {"destination": {"url": f"{endpoint.url}/hooks"}}}
    admin = {"secrets": {"adminToken": {"existingSecret": "admin"}}, "serviceMonitor": {"enabled": True}}
    return {"defaults": {"config": config, **admin}, "destinations": {"crm": destination}}


def _plain(home: Path) -> dict[str, str]:
    """The environment of an image, with `home` as the place where a program would write."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _probes(deployment: Object) -> dict[str, str]:
    """The URL of each probe, on this machine."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    probes = {name: each["httpGet"] for name, each in container.items() if name.endswith("Probe")}
    assert len(probes) == 3
    return {name: f"http://127.0.0.1:{ports[each['port']]}{each['path']}" for name, each in probes.items()}


def _bearer(objects: list[Object]) -> str:
    """What Prometheus sends."""
    (endpoint,) = the(objects, "ServiceMonitor")["spec"]["endpoints"]
    credentials = endpoint["authorization"]["credentials"]
    return f"Bearer {SECRETS[credentials['name'], credentials['key']]}"


async def _answer(url: str) -> int:
    """The status, as soon as it is 200."""
    async with asyncio.timeout(PATIENCE):
        while (status := await asyncio.to_thread(_status, url)) != 200:
            await asyncio.sleep(0.1)
    return status


def _status(url: str, authorization: str = "") -> int:
    try:
        with urlopen(Request(url, headers={"Authorization": authorization}), timeout=5) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code

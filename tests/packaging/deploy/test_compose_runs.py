"""The services of the Compose file, run with its commands, files and environment, do what they are there for.

Kafka is Apache Kafka from its jars, Prometheus is this machine's; what is ours runs in the image. Grafana
is not run.
"""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.deploy import compose
from tests.packaging.deploy.compose import House
from tests.packaging.deploy.network import Network
from tests.packaging.deploy.rootfs import Rootfs
from tests.support import apache_kafka
from tests.support.not_tested import not_tested
from tests.support.patience import PATIENCE

ADMIN, PAGES = "http://processor:8080", ("/livez", "/metrics", "/readyz", "/live", "/live/page.js")
PROMETHEUS = "http://prometheus:9090/api/v1"


class Running:
    """The services of a house in a network of their own."""

    def __init__(self, image: Rootfs, network: Network, folder: Path) -> None:
        self.house = House.read()
        self.network = network
        self._image = image
        self._folder = folder

    def command(self, name: str) -> list[str]:
        """What runs a service of our image; its environment is in `environment`."""
        service = self.house.service(name)
        entrypoint = service.get("entrypoint", self._image.stage.the("ENTRYPOINT").words)
        files = compose.mounts(service) | {"/etc/hosts": self.network.hosts}
        return self.network.within(self._image.run_command([*entrypoint, *service["command"]], files))

    def environment(self, name: str) -> dict[str, str]:
        """What a service of our image is told."""
        said: dict[str, str] = self._image.environment | self.house.service(name)["environment"]
        return said

    def once(self, name: str) -> str:
        """Run a service to its good end; what it says."""
        done = subprocess.run(
            self.command(name),
            env=self.environment(name),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def log(self, name: str) -> str:
        """What a service has said so far."""
        return (self._folder / f"{name}.log").read_text(encoding="utf-8")

    @contextmanager
    def started(self, name: str, command: list[str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """A service that is killed at the end."""
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command or self.command(name),
                env=None if command else self.environment(name),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def kafka(self) -> list[str]:
        """Apache Kafka, told by its environment what the image would be."""
        jars = f"{apache_kafka.JARS}/*"
        node = apache_kafka.Node(1, self._folder, {})
        said = self.house.service("kafka")["environment"]
        lines = [f"{_property(name)}={value}" for name, value in said.items() if name.startswith("KAFKA_")]
        text = "\n".join(lines).replace(said["KAFKA_LOG_DIRS"], str(self._folder / "1"))
        (self._folder / "1.properties").write_text(text, encoding="utf-8")
        (self._folder / "log4j2.properties").write_text(apache_kafka.LOG4J, encoding="utf-8")
        script = node.script(jars).replace(apache_kafka.CLUSTER_ID, said["CLUSTER_ID"])
        return self.network.command(["sh", "-c", script])

    def prometheus(self) -> list[str]:
        """This machine's, with its data in a folder of ours."""
        service = self.house.service("prometheus")
        words = [word.replace("=/prometheus", f"={self._folder}/prometheus") for word in service["command"]]
        return self.network.command(["prometheus", *words], compose.mounts(service))


def _property(name: str) -> str:
    """The property for a variable of the image apache/kafka."""
    return name.removeprefix("KAFKA_").lower().replace("_", ".")


@pytest.fixture
def running(image: Rootfs, tmp_path: Path) -> Iterator[Running]:
    """With Kafka started, and nothing else."""
    if not isinstance(apache_kafka.way(), apache_kafka.Java) or not shutil.which("prometheus"):
        not_tested("the Compose file: install Java 17, Maven and Prometheus")
    with ExitStack() as rooms:
        network = rooms.enter_context(Network(House.read().file["services"], tmp_path))
        running = Running(image, network, tmp_path)
        rooms.enter_context(running.started("kafka", running.kafka()))
        yield running


def until(condition: Callable[[], Any], what: Callable[[], str]) -> Any:
    """Ask until the answer is something; fail with `what` when it never is."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := condition()):
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)
    return answer


def test_events_are_delivered_and_seen_by_prometheus(running: Running) -> None:
    wanted = {*running.house.settings.kafka.topics, running.house.settings.dead_letter.topic}
    for _ in range(2):  # the second `up` finds them there
        assert set(re.findall(r"the topic (\S+) is there", running.once("topics"))) == wanted
    with ExitStack() as rooms:
        for name in ("endpoint", "events"):
            rooms.enter_context(running.started(name))
        rooms.enter_context(running.started("prometheus", running.prometheus()))
        processor = rooms.enter_context(running.started("processor"))
        until(lambda: running.log("endpoint").count("\n200 ") >= 10, lambda: running.log("processor"))
        target = until(lambda: _healthy_target(running.network), lambda: running.log("prometheus"))
        assert target["labels"]["job"] == compose.JOB
        assert {path: running.network.page(ADMIN + path)[0] for path in PAGES} == dict.fromkeys(PAGES, 200)
        groups = running.network.said(f"{PROMETHEUS}/rules")["data"]["groups"]
        assert groups
        assert running.network.page(running.house.service("prometheus")["healthcheck"]["test"][-1])[0] == 200
        assert all(rule["health"] != "err" for group in groups for rule in group["rules"])
        processor.send_signal(signal.SIGTERM)
        assert processor.wait(PATIENCE) == 0, running.log("processor")


def _healthy_target(network: Network) -> Any:
    """The only target of Prometheus, once it was read."""
    said = network.said(f"{PROMETHEUS}/targets")
    targets = said["data"]["activeTargets"] if said else []
    return next((target for target in targets if target["health"] == "up"), None)

"""The Compose file is one, and everything it names exists and agrees."""

import copy
import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.packaging.deploy import compose
from tests.packaging.deploy.compose import House
from tests.support.not_tested import not_tested

COMPOSE_GO = "github.com/compose-spec/compose-go/v2@v2.16.2"
"""The module that Docker Compose reads its files with; it holds the schema of the specification."""
SUM = "h1:pTp1DqQwJzFd85GzlWsSszKA1ABrV/ySqsClujIcWA8="
PAGE = compose.ROOT / "docs" / "kubernetes.md"
DASHBOARD = compose.ROOT / "helm" / "kafka-webhook-processor" / "files" / "dashboard.json"

Plant = Callable[[House], object]


@pytest.fixture
def house() -> House:
    """All that is said, to be changed at will."""
    return copy.deepcopy(House.read())


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    """The Compose specification."""
    if not shutil.which("go"):
        not_tested("the schema of Compose comes as a Go module: install Go")
    command = ["go", "mod", "download", "-json", COMPOSE_GO]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    module = json.loads(done.stdout)
    assert module["Sum"] == SUM
    text = Path(module["Dir"], "schema", "compose-spec.json").read_text(encoding="utf-8")
    return jsonschema.Draft202012Validator(json.loads(text))


def test_it_is_a_compose_file(house: House, schema: jsonschema.Draft202012Validator) -> None:
    assert [error.message for error in schema.iter_errors(house.file)] == []


@pytest.mark.parametrize(
    ("name", "value"), [("stop_grace", "40s"), ("cap_drop", "ALL"), ("ports", {"8080": 8080})]
)
def test_what_is_no_compose_file_is_refused(
    house: House, schema: jsonschema.Draft202012Validator, name: str, value: object
) -> None:
    house.service("processor")[name] = value
    assert not schema.is_valid(house.file)


def test_everything_it_names_exists_and_agrees(house: House) -> None:
    assert compose.problems(house) == []


def edited(service: str, name: str, value: object) -> Plant:
    """A service is given another value."""
    return lambda house: house.service(service).update({name: value})


def told(service: str, **environment: str) -> Plant:
    """A service is told something else."""
    return lambda house: house.service(service)["environment"].update(environment)


def volume(service: str, number: int, value: str) -> Plant:
    """A service mounts something else."""
    return lambda house: house.service(service)["volumes"].__setitem__(number, value)


def scraped(**job: Any) -> Plant:
    """Prometheus is told something else of its only job."""
    return lambda house: house.prometheus["scrape_configs"][0].update(job)


PLANTED: list[tuple[Plant, str]] = [
    (volume("prometheus", 0, "./compose/rules.yaml:/etc/prometheus/prometheus.yml:ro"), "is not there"),
    (volume("processor", 0, "./compose/settings.yaml:/etc/settings.yaml:ro"), "which it does not mount"),
    (volume("grafana", 3, "graphs:/var/lib/grafana"), "graphs, which is not declared"),
    (volume("grafana", 0, "./compose/grafana/datasources.yaml:/etc/grafana/x.yaml:ro"), "no datasources"),
    (edited("events", "depends_on", {"topic": {"condition": "service_started"}}), "which is no service"),
    (edited("kafka", "healthcheck", {}), "which nobody checks"),
    (edited("processor", "depends_on", {"topics": {"condition": "service_started"}}), "service_started"),
    (edited("endpoint", "read_only", False), "endpoint is not read-only"),
    (edited("kafka", "cap_drop", []), "kafka keeps capabilities"),
    (edited("grafana", "security_opt", []), "grafana keeps capabilities"),
    (edited("prometheus", "ports", ["9090:9090"]), "to others"),
    (edited("kafka", "ports", ["127.0.0.1:9094:9092"]), "not the one it advertises"),
    (edited("kafka", "image", "apache/kafka:3.7.0"), "with which it is tested"),
    (told("kafka", KAFKA_ADVERTISED_LISTENERS="INSIDE://a:19092,OUTSIDE://localhost:9092"), "not what Kafka"),
    (told("kafka", KAFKA_LISTENERS="INSIDE://:1,OUTSIDE://:9092,CONTROLLER://:9093"), "and listens on"),
    (told("kafka", KAFKA_LOG_DIRS="/tmp/data"), "in no volume"),
    (edited("processor", "ports", ["127.0.0.1:8080:9000"]), "not the one that is opened"),
    (scraped(static_configs=[{"targets": ["processor:9000"]}]), "Prometheus reads"),
    (scraped(job_name="processor"), "Prometheus reads"),
    (lambda house: house.datasources["datasources"][0].update(url="http://prometheus:1"), "not Prometheus"),
    (lambda house: house.dashboards["providers"][0].update(options={"path": "/x"}), "looks for dashboards"),
    (lambda house: house.prometheus.update(rule_files=["/etc/prometheus/rules.yaml"]), "Prometheus has no"),
    (lambda house: house.file["services"].pop("endpoint"), "is not the endpoint"),
    (edited("processor", "stop_grace_period", "60s"), "to stop"),
]  # fmt: skip


@pytest.mark.parametrize(("plant", "found"), PLANTED, ids=[found for _, found in PLANTED])
def test_what_does_not_agree_is_found(house: House, plant: Plant, found: str) -> None:
    plant(house)
    assert found in "\n".join(compose.problems(house))


def test_every_check_has_found_something_that_was_planted(house: House) -> None:
    blind = set(compose.CHECKS)
    for plant, _ in PLANTED:
        changed = copy.deepcopy(house)
        plant(changed)
        blind -= {check for check in blind if list(check(changed))}
    assert not blind


def test_the_parts_of_the_playground_are_those_that_are_run(house: House) -> None:
    parts = runpy.run_path(str(compose.FILE.parent / "compose" / "playground.py"))["PARTS"]
    services = [name for name in house.file["services"] if "entrypoint" in house.service(name)]
    assert {name: house.service(name)["command"] for name in services} == {name: [name] for name in parts}


def test_prometheus_can_read_its_configuration(tmp_path: Path, house: House) -> None:
    if not shutil.which("promtool"):
        not_tested("Prometheus's configuration: install promtool (Debian: prometheus)")
    files = compose.mounts(house.service("prometheus"))
    (given,) = (path for path in files if f"--config.file={path}" in house.service("prometheus")["command"])
    text = files[given].read_text(encoding="utf-8")
    for path, file in files.items():
        text = text.replace(path, str(file))
    for name, said in (("right.yml", text), ("wrong.yml", text.replace("targets", "target"))):
        (tmp_path / name).write_text(said, encoding="utf-8")
        done = subprocess.run(
            ["promtool", "check", "config", name], cwd=tmp_path, capture_output=True, text=True
        )
        assert (done.returncode == 0) == (name == "right.yml"), done.stdout + done.stderr


def test_the_dashboard_asks_the_datasource_that_grafana_is_given(house: House) -> None:
    text = DASHBOARD.read_text(encoding="utf-8")
    uids = set(re.findall(r'"datasource":\s*\{[^}]*"uid":\s*"([^"]+)"', text))
    (datasource,) = house.datasources["datasources"]
    assert datasource["isDefault"]
    assert {uid for uid in uids if not uid.startswith(("$", "-- "))} <= {datasource["uid"]}


def test_the_page_says_what_to_open(house: House) -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Compose")[2].partition("\n## ")[0]
    assert f"docker compose -f {compose.FILE.relative_to(compose.ROOT)} up --build" in section
    said = set(re.findall(r"localhost:(\d+)", section))
    opened = {
        str(port).split(":")[1]
        for service in house.file["services"]
        for port in house.service(service).get("ports", ())
    }
    assert said == opened

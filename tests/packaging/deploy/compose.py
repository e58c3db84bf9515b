"""The Compose file and the files it mounts, and whether they agree with each other and with the code."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import yaml

from processor.config import loading
from processor.config.settings import Settings
from tests.support.apache_kafka import IMAGE
from tests.support.stopping import longest_stop

ROOT = Path(__file__).parents[3]
FILE = ROOT / "deploy" / "docker-compose.yml"
CONFIG = "WEBHOOK_PROCESSOR_CONFIG"
JOB = "kafka-webhook-processor"
WRITABLE = {"kafka"}
"""Services whose image cannot do without a root that can be written."""


@dataclass
class House:
    """All that is said, as read from the files."""

    file: dict[str, Any]
    settings: Settings
    prometheus: dict[str, Any]
    datasources: dict[str, Any]
    dashboards: dict[str, Any]

    @classmethod
    def read(cls) -> Self:
        """From the tree."""
        file = _yaml(FILE)
        processor, grafana = file["services"]["processor"], mounts(file["services"]["grafana"])
        settings = loading.load(mounts(processor)[processor["environment"][CONFIG]], {})
        (prometheus,) = (
            path for path in mounts(file["services"]["prometheus"]).values() if path.suffix == ".yml"
        )
        provisioned = {path.stem: _yaml(path) for path in grafana.values() if path.suffix == ".yaml"}
        return cls(file, settings, _yaml(prometheus), provisioned["datasources"], provisioned["dashboards"])

    def service(self, name: str) -> dict[str, Any]:
        """One service."""
        said: dict[str, Any] = self.file["services"][name]
        return said


def mounts(service: Mapping[str, Any]) -> dict[str, Path]:
    """The files a service mounts, by their paths in the container."""
    triples = [str(volume).split(":") for volume in service.get("volumes", ())]
    return {path: (FILE.parent / source).resolve() for source, path, *_ in triples if source.startswith(".")}


def volumes(service: Mapping[str, Any]) -> set[str]:
    """The volumes that have a name."""
    sources = {str(volume).partition(":")[0] for volume in service.get("volumes", ())}
    return {source for source in sources if not source.startswith(".")}


def problems(house: House) -> list[str]:
    """What does not agree, each in a sentence."""
    return [problem for check in CHECKS for problem in check(house)]


def _services(house: House) -> Iterator[tuple[str, dict[str, Any]]]:
    return iter(house.file["services"].items())


def _mounted_files(house: House) -> Iterator[str]:
    for name, service in _services(house):
        for file in mounts(service).values():
            if not file.is_file():
                yield f"{name} mounts {file}, which is not there"
        for path in _paths(service):
            if path not in mounts(service):
                yield f"{name} names {path}, which it does not mount"
        for volume in volumes(service) - set(house.file["volumes"]):
            yield f"{name} mounts {volume}, which is not declared"


def _paths(service: Mapping[str, Any]) -> set[str]:
    """The paths of files of ours that its command and environment name."""
    words = [
        *service.get("entrypoint", ()),
        *service.get("command", ()),
        *service.get("environment", {}).values(),
    ]
    return {path for word in words for path in re.findall(r"/etc/[\w./-]+", str(word))}


def _order(house: House) -> Iterator[str]:
    for name, service in _services(house):
        for other, said in service.get("depends_on", {}).items():
            awaited = house.file["services"].get(other)
            if awaited is None:
                yield f"{name} waits for {other}, which is no service"
            elif said["condition"] == "service_healthy" and "test" not in awaited.get("healthcheck", {}):
                yield f"{name} waits for {other} to be healthy, which nobody checks"
            elif (said["condition"] == "service_completed_successfully") != (other == "topics"):
                yield f"{name} waits for {other} until {said['condition']}"


def _hardening(house: House) -> Iterator[str]:
    for name, service in _services(house):
        if not service.get("read_only") and name not in WRITABLE:
            yield f"{name} is not read-only"
        if service.get("cap_drop") != ["ALL"] or "no-new-privileges:true" not in service.get(
            "security_opt", ()
        ):
            yield f"{name} keeps capabilities, or may get some"
        for port in service.get("ports", ()):
            if not str(port).startswith("127.0.0.1:"):
                yield f"{name} opens {port} to others"


def _brokers(house: House) -> Iterator[str]:
    kafka = house.service("kafka")
    said = kafka["environment"]
    advertised = {each.partition("://")[2] for each in said["KAFKA_ADVERTISED_LISTENERS"].split(",")}
    if not set(house.settings.kafka.bootstrap_servers.split(",")) <= advertised - {"localhost"}:
        yield f"{house.settings.kafka.bootstrap_servers} is not what Kafka advertises: {sorted(advertised)}"
    ports = {
        name: each.rpartition(":")[2] for each in said["KAFKA_LISTENERS"].split(",") for name in [_name(each)]
    }
    for each in said["KAFKA_ADVERTISED_LISTENERS"].split(","):
        if ports.get(_name(each)) != each.rpartition(":")[2]:
            yield f"Kafka advertises {each} and listens on {said['KAFKA_LISTENERS']}"
    if not any(each == f"127.0.0.1:{ports['OUTSIDE']}:{ports['OUTSIDE']}" for each in kafka["ports"]):
        yield "Kafka's port for this machine is not the one it advertises"
    if kafka["image"] != IMAGE:
        yield f"{kafka['image']} is not {IMAGE}, with which it is tested"
    if not set(said["KAFKA_LOG_DIRS"].split(",")) <= {volume.split(":")[1] for volume in kafka["volumes"]}:
        yield "Kafka keeps its records in no volume"


def _name(listener: str) -> str:
    return listener.partition("://")[0]


def _addresses(house: House) -> Iterator[str]:
    admin, url = house.settings.admin.port, urlsplit(house.settings.destination.url)
    (job,) = house.prometheus["scrape_configs"]
    (datasource,) = house.datasources["datasources"]
    if url.hostname != "endpoint" or "endpoint" not in house.file["services"]:
        yield f"{house.settings.destination.url} is not the endpoint"
    if job["job_name"] != JOB or job["static_configs"] != [{"targets": [f"processor:{admin}"]}]:
        yield f"Prometheus reads {job}, not the processor's port {admin}"
    if (
        datasource["url"] != f"http://prometheus:{_inner(house, 'prometheus')}"
        or datasource["type"] != "prometheus"
    ):
        yield f"Grafana asks {datasource['url']}, not Prometheus"
    if _inner(house, "processor") != str(admin):
        yield f"the processor's port {admin} is not the one that is opened"


def _inner(house: House, service: str) -> str:
    (port,) = house.service(service)["ports"]
    return str(port).rpartition(":")[2]


def _stop(house: House) -> Iterator[str]:
    grace = float(house.service("processor")["stop_grace_period"].removesuffix("s"))
    needed = longest_stop(house.settings.delivery.drain_timeout)
    if grace <= needed:
        yield f"the processor is given {grace} s to stop, and may take {needed} s"


def _watching(house: House) -> Iterator[str]:
    grafana, prometheus = house.service("grafana"), mounts(house.service("prometheus"))
    (provider,) = house.dashboards["providers"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    if Path(home).parent.as_posix() != provider["options"]["path"]:
        yield f"Grafana looks for dashboards in {provider['options']['path']}, and {home} is its first"
    for kind in ("datasources", "dashboards"):
        if f"/etc/grafana/provisioning/{kind}/{kind}.yaml" not in mounts(grafana):
            yield f"Grafana is given no {kind}"
    if not set(house.prometheus["rule_files"]) <= set(prometheus):
        yield f"Prometheus has no {house.prometheus['rule_files']}"


CHECKS: tuple[Callable[[House], Iterator[str]], ...] = (
    _mounted_files,
    _order,
    _hardening,
    _brokers,
    _addresses,
    _stop,
    _watching,
)


def _yaml(file: Path) -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return said

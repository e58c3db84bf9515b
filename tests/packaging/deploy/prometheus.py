"""A real Prometheus on a loopback port, which scrapes twice a second and forgets everything at its end."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from tests.packaging.deploy.scene import JOB
from tests.support.endpoint import HOST, unused_port
from tests.support.patience import PATIENCE

_SHORTER = {"m": "s", "h": "m"}


def hastened(rules: str) -> str:
    """The rules with times 60 times as short: a minute is a second, an hour a minute, a day 24 of them."""
    rules = re.sub(r"\b(\d+)d\b", lambda found: f"{int(found[1]) * 24}h", rules)
    return re.sub(r"\b(\d+)([mh])\b", lambda found: found[1] + _SHORTER[found[2]], rules)


class Prometheus:
    """Scrapes `targets`, pairs of an address and further labels, and evaluates `rules`, from `with` on."""

    def __init__(self, folder: Path, targets: Sequence[tuple[str, Mapping[str, str]]], rules: str) -> None:
        (folder / "rules.yaml").write_text(rules, encoding="utf-8")
        statics = [{"targets": [address], "labels": dict(labels)} for address, labels in targets]
        config = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": JOB, "static_configs": statics}],
        }
        self._folder = folder
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        self._url = f"http://{HOST}:{unused_port()}"

    def __enter__(self) -> Self:
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={self._folder / 'prometheus.yaml'}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address={self._url.removeprefix('http://')}",
                    "--log.level=warn",
                ],
                stderr=log,
                stdout=log,
            )
        self.until(self._answers, "Prometheus answers")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(30)

    def ask(self, path: str, **parameters: str) -> Any:
        """What its API answers; AssertionError with its words if it refuses."""
        url = f"{self._url}/api/v1/{path}"
        try:
            with urlopen(f"{url}?{urlencode(parameters)}" if parameters else url, timeout=20) as answer:
                return json.load(answer)["data"]
        except HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def series(self, query: str, since: float) -> list[tuple[dict[str, str], list[float]]]:
        """Labels and values, no number left out, of every series of a query between then and now."""
        end, step = time.time(), "0.25"
        found = self.ask("query_range", query=query, start=f"{since}", end=f"{end}", step=step)["result"]
        rows = ((each["metric"], [float(value) for _, value in each["values"]]) for each in found)
        return [(labels, kept) for labels, values in rows if (kept := [v for v in values if v == v])]

    def firing(self) -> set[tuple[str, str]]:
        """Names and destinations of the alerts that fire."""
        return {
            (each["labels"]["alertname"], each["labels"].get("destination", ""))
            for each in self.ask("alerts")["alerts"]
            if each["state"] == "firing"
        }

    def until(self, is_so: Callable[[], object], what: str) -> None:
        """Wait until it is so."""
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < deadline, f"not in time: {what}"
            time.sleep(0.1)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "prometheus.log").read_text(encoding="utf-8")
        try:
            return bool(self.ask("status/runtimeinfo"))
        except (URLError, OSError, AssertionError):
            return False

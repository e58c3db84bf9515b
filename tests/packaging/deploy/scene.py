"""Histories of metrics, minute by minute, and what promtool says the alerts make of them.

A scene says what differs from processes that work well, and every alert that fires at a moment: one
that fires and is not named fails the scene as one that is named and does not fire.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from processor.telemetry.definitions import NAMESPACE, TABLE
from tests.support.not_tested import not_tested

ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "helm" / "kafka-webhook-processor" / "files" / "alerts.yaml"
JOB = "kafka-webhook-processor"
PREFIX = "WebhookProcessor"
SERIES = {series: row for row in TABLE for series in row.series()}
"""What a query may ask for, with the metric that it is of."""
TOLD = ("alertname", "severity", "destination", "instance", "worker", "partition", "topic", "burn")
"""The labels that tell one alert from another."""

LEAN = {"GOMAXPROCS": "1", "GOGC": "800"}
"""Promtool spends a third less processor time with so much less collecting of garbage."""

Values = Callable[[int], float | None]
"""A series by the minute; None: there is no sample."""


def const(value: float) -> Values:
    """Always the same."""
    return lambda _: value


def rising(per_minute: float, start: float = 0.0) -> Values:
    """A counter, or a gauge that grows."""
    return lambda minute: start + per_minute * minute


def steps(*parts: tuple[int, Values | float]) -> Values:
    """From each minute on another course, which counts its own minutes."""

    def at(minute: int) -> float | None:
        since, course = max((part for part in parts if part[0] <= minute), key=lambda part: part[0])
        return course(minute - since) if callable(course) else course

    return at


@dataclass(frozen=True)
class Process:
    """One process that works well, but for `but`: other courses by series, None for none.

    It is there from minute `born` to before `gone`, and the counts of its series begin when it does.
    """

    destination: str = "crm"
    instance: str = "pod-0:8080"
    worker: str = ""
    but: Mapping[str, Values | float | None] = field(default_factory=dict)
    born: int = 0
    gone: int = 1_000_000

    def series(self) -> dict[str, Values]:
        """All its series by their full names."""
        courses: dict[str, Values | float | None] = {**WELL, **self.but}
        return {self._named(short): self._lived(c) for short, c in courses.items() if c is not None}

    def _named(self, short: str) -> str:
        name, _, labels = short.rstrip("}").partition("{")
        is_ours = not name.startswith(("up", "process_"))
        own = {"namespace": "shop", "job": JOB, "instance": self.instance}
        own |= {"destination": self.destination} if is_ours else {}
        own |= {"worker": self.worker} if self.worker and name != "up" else {}
        text = ",".join([f'{key}="{value}"' for key, value in own.items()] + ([labels] if labels else []))
        full = f"{NAMESPACE}_{name}" if is_ours else name
        assert full in SERIES or not is_ours, f"nobody exposes {full}"
        return f"{full}{{{text}}}"

    def _lived(self, course: Values | float) -> Values:
        def at(minute: int) -> float | None:
            if not self.born <= minute < self.gone:
                return None
            return course(minute - self.born) if callable(course) else course

        return at


WELL: Mapping[str, Values | float] = {
    "up": 1,
    'build_info{version="1"}': 1,
    "ready": 1,
    "member": 1,
    "assigned_partitions": 1,
    'circuit_state{state="closed"}': 1,
    'circuit_state{state="open"}': 0,
    'circuit_state{state="half_open"}': 0,
    "dead_letters_blocked": 0,
    "delivery_reports_blocked": 0,
    'delivery_reports_total{result="written"}': 0,
    'delivery_reports_total{result="failed"}': 0,
    'delivery_reports_total{result="dropped"}': 0,
    "letters_open": 0,
    "in_flight": 3,
    "max_in_flight": 64,
    "process_cpu_seconds_total": rising(6),
    'deliveries_total{outcome="delivered"}': rising(100),
    'deliveries_total{outcome="skipped"}': 0,
    'deliveries_total{outcome="dead_lettered"}': 0,
    'end_to_end_latency_seconds_bucket{le="300.0"}': rising(100),
    'end_to_end_latency_seconds_bucket{le="+Inf"}': rising(100),
    'end_to_end_latency_unknown_total{reason="missing"}': 0,
    'commits_total{result="acknowledged"}': rising(60),
    'commits_total{result="failed"}': 0,
    'commits_total{result="unanswered"}': 0,
    'rebalances_total{kind="assigned"}': 1,
    'rebalances_total{kind="revoked"}': 0,
    'rebalances_total{kind="lost"}': 0,
    'lag_records{topic="events",partition="0"}': 4,
    'lag_seconds{topic="events",partition="0"}': 1,
    'committed_offset{topic="events",partition="0"}': rising(100),
    'partition_unreadable{topic="events",partition="0"}': 0,
    'withheld_records{reason="invalid_event"}': 0,
    'withheld_records{reason="refused"}': 0,
    'last_stable_offset_still_seconds{topic="events",partition="0"}': 2,
    'paused_partitions{reason="preparation"}': 0,
    'schema_registry_requests_total{result="found"}': 3,
    'schema_registry_requests_total{result="unreachable"}': 0,
    'credential_fetches_total{outcome="granted"}': 1,
    'credential_fetches_total{outcome="refused"}': 0,
    "credential_reload_failures_total": 0,
    'certificate_expires_at_seconds{which="client"}': 1_000_000_000,
    'certificate_valid_from_seconds{which="client"}': 0,
}
"""100 events a minute from one partition, delivered at once."""

DELIVERED = 'deliveries_total{outcome="delivered"}'
DEAD_LETTERED = 'deliveries_total{outcome="dead_lettered"}'
ON_TIME = 'end_to_end_latency_seconds_bucket{le="300.0"}'
UNREADABLE = 'partition_unreadable{topic="events",partition="0"}'
WITHHELD = 'withheld_records{reason="refused"}'
UNUSABLE = 'withheld_records{reason="invalid_event"}'
OPEN_SINCE = 'last_stable_offset_still_seconds{topic="events",partition="0"}'
UNDECODED = 'paused_partitions{reason="preparation"}'
NO_REGISTRY = 'schema_registry_requests_total{result="unreachable"}'
TIMELESS = 'end_to_end_latency_unknown_total{reason="missing"}'
LAG = 'lag_records{topic="events",partition="0"}'
LATE = 'lag_seconds{topic="events",partition="0"}'
COMMITTED = 'committed_offset{topic="events",partition="0"}'
CLOSED = 'circuit_state{state="closed"}'
OPEN = 'circuit_state{state="open"}'
STRANGER = "credentials_refused"
NOT_GRANTED = 'credential_fetches_total{outcome="refused"}'
GRANTED = 'credential_fetches_total{outcome="granted"}'
NOT_RELOADED = "credential_reload_failures_total"
OLDEST_LETTER = "letters_oldest_age_seconds"
EXPIRES_AT = 'certificate_expires_at_seconds{which="client"}'
VALID_FROM = 'certificate_valid_from_seconds{which="client"}'
HALF_OPEN = 'circuit_state{state="half_open"}'

REST: Mapping[str, Values | float] = {
    DELIVERED: 5000,
    ON_TIME: 5000,
    'commits_total{result="acknowledged"}': rising(5),
    LAG: 0,
    LATE: 0,
    COMMITTED: 5000,
}
"""Nothing comes: the same positions are committed now and then."""

STALLED: Mapping[str, Values | float] = {**REST, LAG: rising(100), LATE: rising(60)}
"""Events come and none is settled."""


def alert(name: str, severity: str, **labels: str) -> dict[str, str]:
    """One alert that fires."""
    return {"alertname": PREFIX + name, "severity": severity, **labels}


@dataclass(frozen=True)
class Scene:
    """A history, and what fires at its minutes."""

    name: str
    processes: Sequence[Process]
    fires: Mapping[int, Sequence[Mapping[str, str]]]
    says: Sequence[str] = ()
    """Alerts of which the words are checked as well, at the last minute."""

    def of(self, alert: str) -> "Scene":
        """The same history, in which nothing is asked but when that alert fires."""
        fires = {
            minute: [each for each in fired if each["alertname"] == alert]
            for minute, fired in self.fires.items()
        }
        return replace(self, fires=fires, says=())

    def alerts(self) -> set[str]:
        """What fires at some minute."""
        return {each["alertname"] for fired in self.fires.values() for each in fired}

    def case(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """As promtool reads it; `words`: what each alert says."""
        last = max(self.fires)
        courses = {name: course for each in self.processes for name, course in each.series().items()}
        return {
            "interval": "1m",
            "input_series": [
                {"series": name, "values": _written([course(minute) for minute in range(last + 1)])}
                for name, course in courses.items()
            ],
            "promql_expr_test": [_fired(minute, fired) for minute, fired in self.fires.items()],
            "alert_rule_test": [
                {
                    "eval_time": f"{last}m",
                    "alertname": PREFIX + name,
                    "exp_alerts": [_said(name, one) for one in words.get(name, [])],
                }
                for name in self.says
            ],
        }


def _fired(minute: int, fired: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    return {
        "expr": f'count by ({", ".join(TOLD)}) (ALERTS{{alertstate="firing"}})',
        "eval_time": f"{minute}m",
        "exp_samples": [
            {"labels": "{" + ",".join(f'{k}="{v}"' for k, v in each.items()) + "}", "value": 1}
            for each in fired
        ],
    }


def _said(name: str, words: Mapping[str, Any]) -> dict[str, Any]:
    anchor = {"runbook": (PREFIX + name).lower()}
    return {
        "exp_labels": words["labels"],
        "exp_annotations": {key: words[key] for key in ("summary", "description")} | anchor,
    }


def _written(values: Sequence[float | None]) -> str:
    """In promtool's notation; a series that ends is marked as stale, as a target that is gone is."""
    words = []
    for before, value in zip([None, *values], values, strict=False):
        words.append(f"{value:g}" if value is not None else "_" if before is None else "stale")
    return " ".join(words)


def judged(folder: Path, rules: Path, scenes: Sequence[Scene], words: Mapping[str, Any]) -> str:
    """What promtool finds wrong with the scenes under these rules; empty: nothing."""
    need("promtool")
    suite = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [scene.case(words) for scene in scenes],
    }
    file = folder / "scenes.yaml"
    file.write_text(yaml.safe_dump(suite, width=1_000_000), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", str(file)], capture_output=True, text=True, env={**os.environ, **LEAN}
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def need(command: str) -> None:
    """Skip where there is no such command; with CI=true, fail."""
    if shutil.which(command) is None:
        not_tested(f"no {command} on this machine; install Debian's prometheus")

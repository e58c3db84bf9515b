"""Grafana's JSON of the panels; `make docs` writes it where the chart and Compose take it from."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.dashboard.panels import ROWS, WHERE, Panel, Row
from processor.telemetry.definitions import BUILD_INFO, NAMESPACE

FILE = Path(__file__).parents[2] / "helm" / "kafka-webhook-processor" / "files" / "dashboard.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SCHEMA = 42
COLUMNS = 24


def written() -> str:
    """The file."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


def dashboard() -> dict[str, Any]:
    """The whole of it."""
    return {
        "uid": "kafka-webhook-processor",
        "title": "Webhook processor",
        "description": "Kafka events delivered as webhooks: what is delivered, what waits and why.",
        "tags": ["kafka", "webhook"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": list(_variables())},
        "panels": list(_placed()),
    }


def expression(short: str) -> str:
    """A query as Prometheus takes it, but for the variables."""
    return re.sub(r"@(\w+)(?:\{([^}]*)\})?", _selected, short)


def _selected(found: re.Match[str]) -> str:
    name, labels = found.groups()
    is_ours = not name.startswith("process_")
    chosen = [f'{each}=~"${each}"' for each in (*WHERE, *(["destination"] if is_ours else []))]
    full = f"{NAMESPACE}_{name}" if is_ours else name
    return f"{full}{{{', '.join([*chosen, *([labels] if labels else [])])}}}"


def _variables() -> Iterator[dict[str, Any]]:
    yield {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "hide": 0,
        "regex": "",
    }
    before: list[str] = []
    for name in (*WHERE, "destination"):
        chosen = ", ".join(f'{each}=~"${each}"' for each in before)
        query = f"label_values({BUILD_INFO.full_name}{{{chosen}}}, {name})"
        yield _variable(name, query)
        before.append(name)


def _variable(name: str, query: str) -> dict[str, Any]:
    """Many may be chosen; all of them means also series without the label."""
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "regex": "",
    }


def _placed() -> Iterator[dict[str, Any]]:
    """Rows from above, their panels from the left."""
    number, y = 0, 0
    for row in ROWS:
        number += 1
        yield _heading(row, number, y)
        x, y, height = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y = 0, y + height
            number += 1
            yield _panel(panel, number, {"x": x, "y": y, "w": panel.width, "h": panel.height})
            x, height = x + panel.width, panel.height
        y += height


def _heading(row: Row, number: int, y: int) -> dict[str, Any]:
    place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "gridPos": place,
        "panels": [],
    }


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, **_LOOKS.get(panel.kind, {}), **panel.field},
            "overrides": [],
        },
        "options": _OPTIONS[panel.kind]
        | ({"yAxis": {"unit": panel.unit}} if panel.kind == "heatmap" else {}),
        "targets": [_target(panel, *query, ref) for query, ref in zip(panel.queries, "ABC", strict=False)],
    }


def _target(panel: Panel, query: str, legend: str, ref: str) -> dict[str, Any]:
    return {
        "refId": ref,
        "datasource": SOURCE,
        "expr": expression(query),
        "legendFormat": legend,
        "format": "heatmap" if panel.kind == "heatmap" else "time_series",
        "instant": False,
        "range": True,
    }


_LOOKS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "min": 0,
        "custom": {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never"},
    },
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "textMode": "auto",
    },
    "heatmap": {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Spectral", "steps": 64},
    },
}

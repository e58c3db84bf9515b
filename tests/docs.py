"""What is made of the code: README tables, the dashboard, the chart's README and schema. See `make docs`."""

import re
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from processor.config import loading
from processor.telemetry.metrics import Telemetry
from processor.workers.metrics import CrewTelemetry, Together
from tests.packaging.deploy import dashboard, scene
from tests.packaging.helm import made as chart
from tests.support.builders import snapshot

README = Path(__file__).parents[1] / "README.md"


def tables() -> dict[str, str]:
    """The tables by the names of their places."""
    return {"settings": settings_table(), "metrics": metrics_table(), "alerts": alerts_table()}


def settings_table() -> str:
    """Every setting with its default."""
    lines = [f"| `{name}` | {_default(field)} | {field.description} |" for name, field in loading.fields()]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *lines])


def metrics_table() -> str:
    """Every metric with its labels; all have the label `destination`."""
    lines = [f"| `{name}` | {labels} | {text} |" for name, labels, text in metrics()]
    return "\n".join(["| metric | labels | meaning |", "|---|---|---|", *lines])


def alerts_table() -> str:
    """Every alert with how bad it is, the gravest first where it has several, and its summary."""
    groups = yaml.safe_load(scene.ALERTS.read_text(encoding="utf-8"))["groups"]
    rules = {rule["alert"]: rule for rule in reversed(groups[0]["rules"]) if "alert" in rule}
    rows = [
        f"| `{name}` | {rule['labels']['severity']} | {_plain(rule['annotations']['summary'])} |"
        for name, rule in reversed(rules.items())
    ]
    return "\n".join(["| alert | severity | says |", "|---|---|---|", *rows])


def metrics() -> list[tuple[str, str, str]]:
    """Name, labels beside `destination` and meaning of every metric of our own."""
    telemetry = Telemetry("docs")
    telemetry.watch(snapshot)
    supervisor = CrewTelemetry("docs", list)
    found = []
    for collector in (
        *telemetry.registry._collector_to_names,
        *supervisor.registry._collector_to_names,
        Together("docs", {}),
    ):
        labels = getattr(collector, "_labelnames", None)
        for family in collector.collect():
            if family.name.startswith("webhook_processor"):
                named: tuple[str, ...] = labels or getattr(family, "_labelnames")  # noqa: B009
                names = [name for name in named if name != "destination"]
                suffix = "_total" if family.type == "counter" else ""
                text = ", ".join(f"`{name}`" for name in names)
                found.append((family.name + suffix, text, family.documentation))
    return found


def written(text: str) -> str:
    """The README with its tables made anew."""
    for name, table in tables().items():
        text = re.sub(
            f"<!-- {name} -->.*<!-- /{name} -->",
            lambda _, n=name, t=table: f"<!-- {n} -->\n{t}\n<!-- /{n} -->",  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
    return text


def _plain(template: str) -> str:
    """What an alert says, with names in place of labels."""
    text = re.sub(r"\{\{ with \$labels\.(\w+) \}\}(.*?)\{\{ else \}\}.*?\{\{ end \}\}", r"\2", template)
    return re.sub(r"\{\{ (?:\$labels\.(\w+)|\.) \}\}", lambda found: f"*{found[1] or 'destination'}*", text)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    extra = field.json_schema_extra
    value: Any = extra["default"] if isinstance(extra, dict) else field.get_default(call_default_factory=True)
    if value in (None, {}, []):
        return ""
    return f"`{value.value if isinstance(value, Enum) else value}`".replace("'", "")


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
    for file, content in chart.files().items():
        file.write_text(content, encoding="utf-8")
    dashboard.FILE.write_text(dashboard.written(), encoding="utf-8")

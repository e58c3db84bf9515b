"""What is made of the code: tables of `docs/`, the dashboard, the chart's README and schema: `make docs`."""

import re
from pathlib import Path

import yaml
from pydantic.fields import FieldInfo

from deploy.dashboard import grafana
from processor.config import loading
from processor.config.scaffold import default_of
from processor.telemetry import definitions
from tests.packaging.deploy import scene
from tests.packaging.helm import made as chart

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FOLDER = ROOT / "docs"
MADE = {"settings": "configuration.md", "metrics": "metrics.md", "alerts": "alerts.md"}
"""The page that a table stands on."""


def pages() -> list[Path]:
    """What is there to be read: the README, then all of `docs/`."""
    return [README, *sorted(FOLDER.glob("*.md"))]


def tables() -> dict[str, str]:
    """The tables by the names of their places."""
    return {"settings": settings_table(), "metrics": metrics_table(), "alerts": alerts_table()}


def settings_table() -> str:
    """Every setting with its default."""
    lines = [f"| `{name}` | {_default(field)} | {field.description} |" for name, field in loading.fields()]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *lines])


def metrics_table() -> str:
    """Every metric with its labels; all have the label `destination`."""
    lines = [
        f"| `{row.full_name}` | {', '.join(f'`{label}`' for label in row.labels)} | {row.help} |"
        for row in definitions.TABLE
    ]
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


def written() -> dict[Path, str]:
    """The pages with a table that is made, with it made anew."""
    found = {}
    for name, table in tables().items():
        page = FOLDER / MADE[name]
        before, begin, rest = page.read_text(encoding="utf-8").partition(f"<!-- {name} -->")
        _, end, behind = rest.partition(f"<!-- /{name} -->")
        if not end:
            raise LookupError(f"{page.name} has no place for the {name}")
        found[page] = f"{before}{begin}\n{table}\n{end}{behind}"
    return found


def _plain(template: str) -> str:
    """What an alert says, with names in place of labels."""
    text = re.sub(r"\{\{ with \$labels\.(\w+) \}\}(.*?)\{\{ else \}\}.*?\{\{ end \}\}", r"\2", template)
    return re.sub(r"\{\{ (?:\$labels\.(\w+)|\.) \}\}", lambda found: f"*{found[1] or 'destination'}*", text)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    value = default_of(field)
    if value in (None, {}, []):
        return ""
    return f"`{value}`".replace("'", "")


if __name__ == "__main__":
    for file, content in {**written(), **chart.files()}.items():
        file.write_text(content, encoding="utf-8")
    grafana.FILE.write_text(grafana.written(), encoding="utf-8")

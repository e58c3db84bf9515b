"""What the comments of the chart's `values.yaml` say: `# -- text` above a key is its meaning.

The table of the chart's README is made of them.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.packaging.helm.rendering import CHART

VALUES = CHART / "values.yaml"
_COMMENT = re.compile(r"^\s*# -- (.*)$")


def entries(node: yaml.Node | None = None, path: str = "") -> Iterator[tuple[str, int, Any]]:
    """Every key with its line and value, those of mappings before what is in them."""
    node = node or yaml.compose(VALUES.read_text(encoding="utf-8"))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = f"{path}.{key.value}".lstrip(".")
            yield name, key.start_mark.line, yaml.safe_load(yaml.serialize(value))
            yield from entries(value, name)


def meanings() -> dict[str, str]:
    """The meaning of each key that has one."""
    lines = VALUES.read_text(encoding="utf-8").splitlines()
    found = ((path, _COMMENT.match(lines[line - 1])) for path, line, _ in entries() if line)
    return {path: comment[1] for path, comment in found if comment}


def undocumented() -> list[str]:
    """Keys that hold a value and have no meaning, nor have those that they are in."""
    said = meanings()
    return [
        path
        for path, _, value in entries()
        if not (isinstance(value, dict) and value) and not any(above in said for above in _and_above(path))
    ]


def table() -> str:
    """The table of the chart's README."""
    values = {path: value for path, _, value in entries()}
    lines = [f"| `{path}` | {_shown(values[path])} | {text} |" for path, text in meanings().items()]
    return "\n".join(["| value | default | meaning |", "|---|---|---|", *lines])


def _and_above(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition(".")[0]


def _shown(value: Any) -> str:
    return "" if value in ("", None, {}, []) else f"`{json.dumps(value, ensure_ascii=False)}`"

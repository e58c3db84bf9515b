"""The schema that Kubernetes publishes of its objects, as definitions of another schema."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]

from tests.packaging.helm.special import Schema, kubernetes

DEFINITIONS = Path(kubernetes_validate.__file__).parent.joinpath(
    "kubernetes-json-schema", f"v{kubernetes_validate.latest_version()}-local-strict", "_definitions.json"
)


@cache
def published() -> Schema:
    """The definitions of Kubernetes, without prose."""
    said = json.loads(DEFINITIONS.read_text(encoding="utf-8"))["$defs"]
    return {name: _bare(each) for name, each in said.items()}


def _bare(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$ref"), str):
        return kubernetes(schema["$ref"].rpartition("/")[2])
    return {
        name: _bare(each)
        for name, each in schema.items()
        if not (name == "description" and isinstance(each, str)) and not name.startswith("x-kubernetes")
    }


def needed(schema: Any) -> Schema:
    """The definitions of Kubernetes that `schema` needs, directly or not, by name."""
    all_of_them = published()
    found: Schema = {}
    waiting = list(_references(schema))
    while waiting:
        name = waiting.pop()
        if name in all_of_them and name not in found:
            found[name] = all_of_them[name]
            waiting += _references(found[name])
    return dict(sorted(found.items()))


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].rpartition("/")[2]
        for each in schema.values():
            yield from _references(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _references(each)

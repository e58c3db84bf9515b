"""The chart's `values.schema.json`: what may stand in values, and that nothing else may.

Names and types come from `values.yaml`, the settings file's part from `Settings`, and what is handed on to
Kubernetes from its own published schema; said here is only what none of them can tell.
"""

import json
from collections.abc import Mapping
from typing import Any

from processor.config.schema import of_values
from tests.packaging.helm.comments import meanings
from tests.packaging.helm.published import needed
from tests.packaging.helm.rendering import CHART, defaults
from tests.packaging.helm.special import REFERENCE, SPECIAL, Schema, strict

OF_SETTINGS: Mapping[str, Schema] = {
    "AdminSettings.port": {"minimum": 1, "pattern": "^[1-9][0-9]*$"},
    "DestinationSettings.headers": {"additionalProperties": REFERENCE},
}
"""Where the chart takes less than the schema of the settings says."""

_UNSAID = {"title", "default", "required", "format", "writeOnly"}


def schema() -> Schema:
    """All of it."""
    values = defaults()
    root: Schema = {"$schema": "http://json-schema.org/draft-07/schema#", "title": CHART.name}
    root |= _of(values, "", meanings())
    said = root["properties"]["defaults"]
    root["properties"]["defaults"] = {"$ref": "#/definitions/destination"}
    settings = _settings()
    return root | {"definitions": {"destination": said, **settings, **needed(said)}}


def text() -> str:
    """As it stands in the file."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _of(value: Any, path: str, texts: Mapping[str, str]) -> Schema:
    """The schema of the value at `path`."""
    described = {"description": texts[path]} if path in texts else {}
    if path in SPECIAL:
        return _described(SPECIAL[path], described)
    if isinstance(value, dict) and value:
        members = {name: _of(each, f"{path}.{name}".lstrip("."), texts) for name, each in value.items()}
        return strict(**members) | described
    kinds: dict[type, str] = {bool: "boolean", int: "integer", str: "string"}
    return {"type": kinds[type(value)], **described}


def _described(schema: Schema, described: Schema) -> Schema:
    """With a description, which must not stand beside a reference."""
    return {"allOf": [schema], **described} if "$ref" in schema and described else {**schema, **described}


def _settings() -> Schema:
    """The definitions of the settings file, without what is required: it may be said in two places."""
    said = of_values("#/definitions/{model}")
    sections = said.pop("$defs") | {"Settings": said}
    for place, more in OF_SETTINGS.items():
        section, _, name = place.partition(".")
        sections[section]["properties"][name] |= more
    kept: Schema = _without(sections)
    return kept


def _without(schema: Any) -> Any:
    """The schema without what means nothing here."""
    if isinstance(schema, list):
        return [_without(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept: Schema = {}
    for name, each in schema.items():
        if name == "properties":
            kept[name] = {setting: _without(of) for setting, of in each.items()}
        elif name not in _UNSAID:
            kept[name] = _without(each)
    return kept

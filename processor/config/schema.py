"""JSON Schema of the settings file, for editors, and of the part of it that stands in the chart's values.

Promise: the schema takes whatever `check` takes. To us every scalar of the file is the text that stands
there, so where an editor sees a number, a switch or a list of one it may be any of them:
`max_in_flight: "64"`, `group_id: 83`, `topics: events`. Of a text it judges the form, not the range.

A chart's values are read by Helm before they become a settings file, which then holds `1.1` for `1.10`:
there a text has to be one, a number as text is plain digits, and mappings and sections are what they are.
"""

from collections.abc import Mapping
from typing import Any

from processor.config.settings import Settings

Schema = dict[str, Any]

_PLAIN_KEYWORDS = ("default", "required", "type", "enum")
_SCALARS = ["string", "number", "boolean"]
_INTEGER = r"^\s*[+-]?[0-9]+(_[0-9]+)*(\.0*)?\s*$"
_NUMBER = r"^\s*([+-]_?)?([0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+)([eE][+-]?[0-9_]+)?\s*$"
_SWITCHES = ("true", "false", "yes", "no", "on", "off", "t", "f", "y", "n", "1", "0")
_SWITCH = "^({})$".format(
    "|".join("".join(f"[{c.upper()}{c}]" if c.isalpha() else c for c in word) for word in _SWITCHES)
)
_PLAIN_LIST = r"^(\^[^,]+|[^\^\[]+)$"
"""Items with commas between, or one pattern without any: what a template can take apart."""


_IN_A_FILE: Mapping[str, Schema] = {
    "integer": {"type": ["integer", "string"], "pattern": _INTEGER},
    "number": {"type": ["number", "string"], "pattern": _NUMBER},
    "boolean": {"type": ["boolean", "string", "integer"], "pattern": _SWITCH, "minimum": 0, "maximum": 1},
    "string": {"type": _SCALARS},
    "array": {"type": ["array", "null", *_SCALARS]},
    "mapping": {"type": ["object", "null", "string"]},
    "section": {"type": ["object", "null"]},
}
_IN_VALUES: Mapping[str, Schema] = {
    "integer": {"type": ["integer", "string"], "pattern": "^[0-9]+$"},
    "number": {"type": ["number", "string"], "pattern": r"^[0-9]+(\.[0-9]+)?$"},
    "boolean": {"type": ["boolean", "string"], "pattern": "^(true|false)$"},
    "array": {"type": ["array", "string"], "pattern": _PLAIN_LIST},
}


def of_file() -> Schema:
    """What a settings file may hold; required is what has to be said somewhere, and has no default."""
    found: Schema = _widened(Settings.model_json_schema(), _IN_A_FILE)
    return found


def of_values(ref_template: str) -> Schema:
    """The same where Helm reads it first."""
    found: Schema = _widened(Settings.model_json_schema(ref_template=ref_template), _IN_VALUES)
    return found


def _widened(schema: Any, more: Mapping[str, Schema], *, are_names: bool = False) -> Any:
    """The schema with every part of it made wider, from within; `are_names`: its keys are no keywords."""
    if isinstance(schema, list):
        return [_widened(each, more) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        name: each
        if name in _PLAIN_KEYWORDS and not are_names
        else _widened(each, more, are_names=name in ("properties", "$defs") and not are_names)
        for name, each in schema.items()
        if are_names or name != "uniqueItems"
    }
    return found if are_names else _or_null_as_text(found | more.get(_kind(schema), {}))


def _kind(schema: Schema) -> str:
    """What it describes; nothing, where it names all that there is."""
    kind = schema.get("type", "")
    if "enum" in schema or not isinstance(kind, str):
        return ""
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return "mapping"
    return "section" if kind == "object" and "title" in schema else kind


def _or_null_as_text(schema: Schema) -> Schema:
    """What may be null, and is no text, may also be the text `null`, as variables have to say it."""
    kinds = schema.get("anyOf", [])
    is_text = any(kind.get("type") in ("string", _SCALARS) for kind in kinds)
    if is_text or {"type": "null"} not in kinds:
        return schema
    return schema | {"anyOf": [*kinds, {"const": "null"}]}

"""Problems: what a library says of a setting, in words for who wrote it.

Promise: each names the place, what is wrong and what to write instead. No value is repeated, since it may be
a secret that stands in the wrong place.
"""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from processor.config.settings import PREFIX, Settings
from processor.config.values.types import Section
from processor.core.progress.start import UNKNOWN
from processor.errors import Problem

NAMELESS = "holds a name without a value that is no setting"
QUOTE = "put a value that holds a comma into quotes"
_ALL = "take it out; docs/configuration.md lists all settings, and `check --schema` prints them"
_LEAVE_OUT = "give a value, or leave the setting out"
_LONGEST_PATH = 200
_LONGEST_MESSAGE = 800
_PATTERNS = {
    "destination.name": "must be 1 to 64 letters, digits, dots, - and _",
    "kafka.auto_offset_reset": UNKNOWN,
}
"""What the patterns of settings mean."""
_KINDS = {
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "string": "must be text",
    "path": "must be text: the path of a file",
    "list": "must be a list",
    "dict": "must be a mapping: names with values",
    "model": "must be a mapping: names of settings with their values",
}
"""By how pydantic's type of the error begins."""
_WORDS = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}
_OUT_OF_RANGE = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")


@cache  # they are asked for several times whenever settings are read
def fields() -> tuple[tuple[str, FieldInfo], ...]:
    """Every setting by its dotted name, sections left out, in the order of the reference."""
    return tuple(_within(Settings, ""))


def _within(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for attribute, field in section.model_fields.items():
        name, kind = field.alias or attribute, field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from _within(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


@cache
def variable(name: str) -> str:
    """The environment variable of a dotted setting."""
    return PREFIX + name.replace(".", "__").upper()


def names() -> list[str]:
    """The dotted names of all settings and of their sections."""
    found = [name for name, _ in fields()]
    return found + sorted({name.rpartition(".")[0] for name in found} - {""})


def problem_of(details: ErrorDetails) -> Problem:
    """What pydantic found, in our words."""
    path = ".".join(map(str, details["loc"])) or "settings"
    match details["type"]:
        case "extra_forbidden":
            return _no_setting(path, details["input"])
        case "missing":
            return _missing(path)
        case "value_error":
            return Problem(path, _cut(details["msg"].removeprefix("Value error, ")))
    return _of_value(path, details)


def _no_setting(path: str, value: Any) -> Problem:
    remedy = nearest(path, names())
    # `{sasl_password: a,b}` gives a key `b}` without a value: half of a secret, which may not be told.
    if value is None and not remedy:
        return Problem(path.rpartition(".")[0] or "settings", NAMELESS, QUOTE)
    return Problem(_shown(path), "is no setting", remedy or _ALL)


def _missing(path: str) -> Problem:
    needed = [name for name, field in fields() if f"{name}.".startswith(f"{path}.") and field.is_required()]
    return Problem(path, "is missing", "set " + ", ".join(f"{name} or {variable(name)}" for name in needed))


def _of_value(path: str, details: ErrorDetails) -> Problem:
    kind, value = details["type"], details["input"]
    if value is None:
        return Problem(path, "is empty", _LEAVE_OUT)
    if kind in ("string_too_short", "too_short"):
        return Problem(path, "is empty", "it has to be given")
    if kind == "string_pattern_mismatch":
        return Problem(path, _PATTERNS.get(path, "is not written as it has to be"))
    if kind in ("enum", "literal_error"):
        return _no_choice(path, details["ctx"]["expected"], value)
    return _of_wrong_kind(path, kind)


def nearest(name: str, names: Iterable[str]) -> str:
    """A remedy that names the setting meant: one beside it, one of this name elsewhere, or a near one."""
    candidates = list(names)
    parent, _, leaf = name.rpartition(".")
    beside = {each.rpartition(".")[2]: each for each in candidates if each.rpartition(".")[0] == parent}
    match = [beside[near] for near in get_close_matches(leaf, beside, n=1)]
    match = match or [each for each in candidates if each.rpartition(".")[2] == leaf]
    match = match or get_close_matches(name, candidates, n=1)
    return f"did you mean {match[0]}?" if match else ""


def _no_choice(path: str, expected: str, value: Any) -> Problem:
    choices = re.findall("'([^']*)'", expected)
    match = get_close_matches(str(value).lower(), [choice.lower() for choice in choices], n=1)
    meant = next((choice for choice in choices if match and choice.lower() == match[0]), None)
    return Problem(path, f"must be one of {', '.join(choices)}", f"did you mean {meant}?" if meant else "")


def _of_wrong_kind(path: str, kind: str) -> Problem:
    """For what is no number, switch, text, list or mapping, or out of its range."""
    field = dict(fields()).get(path)
    noun = "int" if field is not None and _holds(field, int) else "float"
    begins = noun if kind in _OUT_OF_RANGE else kind.partition("_")[0]
    message = _KINDS.get(begins, "cannot be read")
    if begins not in ("int", "float") or field is None:
        return Problem(path, message)
    bounds = "".join(f" {word} {bound}" for word, bound in _bounds(field))
    null = ", or null" if _holds(field, type(None)) else ""
    unit = "times are seconds and sizes bytes, without a unit" if kind.endswith("_parsing") else ""
    return Problem(path, message + bounds + null, unit)


def _holds(field: FieldInfo, kind: type) -> bool:
    return field.annotation is kind or kind in getattr(field.annotation, "__args__", ())


def _bounds(field: FieldInfo) -> Iterator[tuple[str, float]]:
    """Where its numbers begin and end."""
    rules = [*field.metadata, *_inner(field)]
    found = {
        name: bound for rule in rules for name in _WORDS if (bound := getattr(rule, name, None)) is not None
    }
    if "gt" in found and "le" in found:
        yield from (("above", found["gt"]), ("and up to", found["le"]))
    else:
        yield from ((_WORDS[name], bound) for name, bound in found.items())


def _inner(field: FieldInfo) -> Iterator[Any]:
    """The rules of a number that may also be null."""
    for part in getattr(field.annotation, "__args__", ()):
        for rule in getattr(part, "__metadata__", ()):
            yield from getattr(rule, "metadata", ()) or (rule,)


def _cut(message: str) -> str:
    """Without the middle of a value that is a mistake as a whole; the remedy stands at the end."""
    half = _LONGEST_MESSAGE // 2
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:half]}…{message[-half:]}"


def _shown(path: str) -> str:
    """A name that nobody knows, short and on one line."""
    return "".join(c if c.isprintable() else "\ufffd" for c in path[:_LONGEST_PATH])

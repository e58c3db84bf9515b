"""Paths: which bytes of a record a template such as `{{ event.properties.id }}` stands for.

Promise: what is found are the bytes of the member, so that numbers of any size and precision stay as they
were written. Only the objects and lists on the way are taken apart.

Two filters keep that: `optional` (where nothing is found, or null, the member that it is for is left out)
and `without_nulls` (members that are null are left out at any depth; in lists nulls stay).
"""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from processor.core.request.events import Json, decode, is_object, json_text
from processor.core.request.templates.scope import ALL, Scope, Steps
from processor.errors import EventError

_STEP = r"""\.[A-Za-z_][A-Za-z0-9_]*|\[(?:-?[0-9]{1,9}|"[^"\\]*"|'[^'\\]*')\]"""
_STEPS = re.compile(_STEP)
PATH = re.compile(rf"\s*(event|record)((?:{_STEP})*)\s*((?:\|\s*(?:optional|without_nulls)\s*)*)")
_NULL = msgspec.Raw(b"null")
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Path:
    """A path as it is written, its steps, each behind those before it, and whether it may lead nowhere."""

    text: str
    is_event: bool
    steps: Steps
    behind: tuple[tuple[Steps, str | int], ...]
    is_optional: bool
    is_without_nulls: bool

    @property
    def name(self) -> str:
        """What it begins with: `event`, `record`, or `record.key`, whichever way that is written."""
        if self.is_event:
            return "event"
        return ".".join(map(str, ("record", *self.steps[:1])))

    def find(self, scope: Scope, place: str) -> msgspec.Raw | None:
        """The bytes that it leads to; None: to be left out. Raises EventError where there is nothing."""
        raw = self._found(scope)
        if raw is None and not self.is_optional:
            raise EventError("invalid_event", f"{place}: `{self.text}` is not there")
        if raw is None or (self.is_optional and raw == _NULL):
            return None
        return msgspec.Raw(json_text(_cleared(decode(raw))).encode()) if self.is_without_nulls else raw

    def _found(self, scope: Scope) -> msgspec.Raw | None:
        if not self.is_event:
            return _within(scope.described([str(self.steps[0])] if self.steps else ALL), self.steps)
        if not self.steps:
            return None if scope.event is None else msgspec.Raw(scope.event.value.strip())
        behind, members = self.behind, scope.members()
        if members or (raw := scope.whole()) is None:
            raw, behind = members.get(str(self.steps[0])), behind[1:]
        for before, step in behind:
            if raw is None:
                break
            if isinstance(step, int):
                raw = _item(raw, step)
            else:
                raw = scope.within(before, raw).get(step) if is_object(raw) else None
        return raw


def path_of(expression: str) -> Path | None:
    """The path that an expression is; None: it is another one."""
    found = PATH.fullmatch(expression)
    if not found:
        return None
    root, text, filters = found.groups()
    steps = tuple(_step(each) for each in _STEPS.findall(text))
    return Path(
        root + text,
        root == "event",
        steps,
        tuple((steps[:at], step) for at, step in enumerate(steps)),
        "optional" in filters,
        "without_nulls" in filters,
    )


def without_nulls(value: Any) -> Any:
    """The same for values of other expressions."""
    return _cleared(value)


def _step(text: str) -> str | int:
    if text[0] == ".":
        return text[1:]
    return text[2:-2] if text[1] in "\"'" else int(text[1:-1])


def _item(raw: msgspec.Raw, step: int) -> msgspec.Raw | None:
    if bytes(raw)[:1] != b"[":
        return None
    try:
        items = _LIST.decode(raw)
    except msgspec.DecodeError:  # half a surrogate
        items = [msgspec.Raw(json_text(item).encode()) for item in decode(raw)]
    return items[step] if -len(items) <= step < len(items) else None


def _within(value: Any, steps: Steps) -> msgspec.Raw | None:
    for step in steps:
        if not isinstance(value, dict) or step not in value:
            return None
        value = value[step]
    return msgspec.Raw(msgspec.json.encode(value))


def _cleared(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _cleared(item) for name, item in value.items() if item is not None}
    return [_cleared(item) for item in value] if isinstance(value, list) else value

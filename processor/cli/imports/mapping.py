"""Mappings of RudderStack's HTTP destination, from and to paths, as templates in the shape of a body.

Promise: a path or a constant is carried over as what it means there; an expression is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from processor.core.request.templates.paths import path_of

_PATH = re.compile(r"\$?((?:\.[A-Za-z_][A-Za-z0-9_]*|\.?'[^']*'|\[(?:-?\d+|\*|'[^']*'|\"[^\"]*\")\])*)")
_STEP = re.compile(r"\.?'([^']*)'|\.([A-Za-z_][A-Za-z0-9_]*)|\[(-?\d+|\*)\]|\[['\"]([^'\"]*)['\"]\]")
_EXPRESSION = re.compile(r"\$|\?\?|\|\||=>|[{}]|\.\w+\(|\b(?:process|require)\b")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class MappingError(ValueError):
    """A part that cannot be carried over."""


class _Each(dict[str, str]):
    """Members of the objects of a list, by their paths below an item of the list at `source`."""

    source = ""


def place(shape: dict[str, Any], to: str, source: str) -> None:
    """Put a mapping where it is to stand."""
    steps = _steps(to if to.startswith("$") else f"$.{to}" if to[:1] not in "['" else f"${to}")
    if "*" in steps:
        _place_each(shape, steps, source)
        return
    _into(shape, steps or [""], text(source))


def _place_each(shape: dict[str, Any], steps: list[str | int], source: str) -> None:
    at, found = steps.index("*"), _steps(source) if source.startswith("$") else []
    if at == 0 or "*" not in found or found.count("*") > 1 or steps.count("*") > 1:
        raise MappingError("a target with [*] wants a source with one")
    cut = found.index("*")
    outer, inner = _at(found[:cut]), ".".join(map(str, found[cut + 1 :]))
    place: Any = shape
    for step in steps[: at - 1]:
        place = place.setdefault(step, {})
        if not isinstance(place, dict):
            raise MappingError("one target stands inside another")
    each = place.setdefault(steps[at - 1], _Each())
    if not isinstance(each, _Each) or each.source not in ("", outer):
        raise MappingError("one list of two sources is not offered")
    each.source = outer
    each[".".join(map(str, steps[at + 1 :]))] = inner


def _into(shape: dict[Any, Any], steps: list[str | int], leaf: str) -> None:
    for step in steps[:-1]:
        shape = shape.setdefault(step, {})
        if not isinstance(shape, dict):
            raise MappingError("one target stands inside another")
    if steps[-1] in shape:
        raise MappingError("one target stands inside another, or is given twice")
    shape[steps[-1]] = leaf


def folded(shape: Any) -> Any:
    """The shape with lists of objects as expressions."""
    if isinstance(shape, _Each):
        return f"{{{{ {shape.source} | each({_literal(dict(shape))}) }}}}"
    if not isinstance(shape, dict):
        return shape
    if shape and all(isinstance(name, int) for name in shape):
        return [folded(shape[at]) for at in sorted(shape)]
    return {str(name): folded(each) for name, each in shape.items()}


def expression(shape: Any) -> str:
    """The shape as one expression, for a filter that wants a value."""
    if isinstance(shape, list):
        return "[" + ", ".join(map(expression, shape)) + "]"
    if isinstance(shape, dict):
        return "{" + ", ".join(f"{quoted(name)}: {expression(each)}" for name, each in shape.items()) + "}"
    if found := re.fullmatch(r"\{\{ (.*) \}\}", shape):
        path = path_of(found[1])
        return f"({_at(path.steps)} | optional | without_nulls)" if path else f"({found[1]})"
    return quoted(shape)


def text(source: str) -> str:
    """A source as a template: a path, or a constant."""
    if not source.startswith("$"):
        if source != unquoted(source) or not _EXPRESSION.search(source):
            return constant(unquoted(source))
        raise MappingError("an expression is not offered")
    steps = _steps(source)
    if "*" in steps:
        cut = steps.index("*")
        if steps.count("*") > 1 or any(isinstance(step, int) for step in steps[cut + 1 :]):
            raise MappingError("a source with more than one [*] is not offered")
        inner = ".".join(map(str, steps[cut + 1 :]))
        outer = _at(steps[:cut])
        return f"{{{{ {outer} | each({quoted(inner)}) or omit }}}}"
    return f"{{{{ {_dotted(steps)} | optional | without_nulls }}}}"


def flat(source: str) -> str:
    """The same where nothing is inside of a value."""
    return text(source).replace(" | optional | without_nulls }}", " | optional }}")


def segment(source: str) -> str:
    """A source as a segment of a path; of several hits the first."""
    if not source.startswith("$"):
        if "/" in unquoted(source):
            raise MappingError("a constant holds a slash")
        return constant(unquoted(source))
    steps = _steps(source)
    return f"{{{{ {_dotted([0 if step == '*' else step for step in steps])} }}}}"


def _steps(path: str) -> list[str | int]:
    if not _PATH.fullmatch(path):
        raise MappingError("an expression is not offered")
    found = [next(filter(None, each), "") for each in _STEP.findall(path)]
    return [int(each) if re.fullmatch(r"-?\d+", each) else each for each in found]


def _dotted(steps: list[str | int]) -> str:
    parts = [
        f".{step}" if isinstance(step, str) and _NAME.fullmatch(step)
        else f"[{step}]" if isinstance(step, int)
        else f"[{quoted(step)}]"
        for step in steps
    ]  # fmt: skip
    return "event" + "".join(parts)


def _at(steps: Iterable[str | int]) -> str:
    """A path that may lead nowhere, for filters behind it."""
    listed = ", ".join(str(step) if isinstance(step, int) else quoted(step) for step in steps)
    return f"event | at([{listed}])"


def constant(text: str) -> str:
    """A text in which nothing is filled in."""
    return text if not re.search(r"\{\{|\{%|\{#", text) else f"{{{{ {quoted(text)} }}}}"


def name_of(to: str) -> str:
    """A target of a header or a parameter is its name."""
    return re.sub(r"^\$\.?|^\[?['\"]|['\"]\]?$", "", re.sub(r"^\$\.?", "", to))


def unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def quoted(text: Any) -> str:
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _literal(members: dict[str, str]) -> str:
    return "{" + ", ".join(f"{quoted(name)}: {quoted(path)}" for name, path in members.items()) + "}"

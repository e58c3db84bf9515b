"""A body in its shape: lists and mappings of texts, each of them filled in from the event.

Promise: what comes of it is always valid JSON, whatever an event holds. A lone path copies the bytes of its
member; a lone expression keeps the type of its value; a text with expressions in it is a text.
"""

import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from processor.core.request.events import decode, is_object, json_text, split
from processor.core.request.templates.engine import UnusableTemplateError
from processor.core.request.templates.objects import Omitted
from processor.core.request.templates.paths import Path
from processor.core.request.templates.scope import Scope
from processor.core.request.templates.texts import (
    Compiler,
    Text,
    Value,
    is_lone,
    is_template,
    json_of,
    lone_path,
)
from processor.errors import EventError

_HALF, _REPLACEMENT = re.compile("[\ud800-\udfff]"), "\ufffd"
"""Half of a surrogate, which no text in UTF-8 holds, and what stands for it."""
LARGEST = 16 * 1024 * 1024
"""Bytes of a body that is made of templates."""
DEEPEST_SHAPE = 64
"""How deep the shape of a body may be nested."""


class Node(Protocol):
    """A part of a body."""

    def write(self, scope: Scope) -> bytes | None:
        """Its JSON; None: it is left out. Raises EventError."""
        ...


def shaped(shape: Any, compiler: Compiler, place: str, faults: list[str], depth: int = 0) -> Node:
    """A body of this shape; what is wrong with its templates goes to `faults`, each with its place."""
    if depth > DEEPEST_SHAPE:
        faults.append(f"{place} is nested deeper than {DEEPEST_SHAPE} levels")
        return _Constant(b"null")
    if isinstance(shape, dict):
        named = {
            str(name): shaped(each, compiler, f"{place}.{name}", faults, depth + 1)
            for name, each in shape.items()
        }
        return _folded(_Object({json_of(name): node for name, node in named.items()}))
    if isinstance(shape, list):
        nodes = [shaped(each, compiler, f"{place}[{at}]", faults, depth + 1) for at, each in enumerate(shape)]
        return _folded(_List(nodes))
    if not isinstance(shape, str) or not is_template(shape):
        return _Constant(json_of(shape))
    try:
        return _leaf(shape, compiler, place)
    except UnusableTemplateError as fault:
        faults.append(f"{place}: {fault}")
        return _Constant(b"null")


def form(body: bytes) -> bytes:
    """The members of an object as a form: text as it is, all else as its JSON text. Raises EventError."""
    raw = msgspec.Raw(body.strip())
    if not is_object(raw):
        raise EventError("invalid_event", "its body is no object, which a form wants")
    pairs = [
        f"{quote(_HALF.sub(_REPLACEMENT, name), safe='')}={quote(_form_text(each), safe='')}"
        for name, each in split(raw).items()
    ]
    return "&".join(pairs).encode()


def checked(body: bytes) -> bytes:
    """The body, if it is not too large. Raises EventError."""
    if len(body) > LARGEST:
        raise EventError("invalid_event", f"its body would have more than {LARGEST} bytes")
    return body


def _form_text(raw: msgspec.Raw) -> str:
    return str(decode(raw)) if bytes(raw)[:1] == b'"' else json_text(decode(raw))


def _leaf(text: str, compiler: Compiler, place: str) -> Node:
    if path := lone_path(text):
        compiler.text(text)
        return _Copied(path, place)
    return _Computed(compiler.value(text), place) if is_lone(text) else _Filled(compiler.text(text), place)


class _Constant:
    def __init__(self, json: bytes) -> None:
        self._json = json

    def write(self, scope: Scope) -> bytes:  # noqa: ARG002 - Node
        return self._json


class _Copied:
    def __init__(self, path: Path, place: str) -> None:
        self._path = path
        self._place = place

    def write(self, scope: Scope) -> bytes | None:
        raw = self._path.find(scope, self._place)
        return None if raw is None else bytes(raw)


class _Computed:
    def __init__(self, value: Value, place: str) -> None:
        self._value = value
        self._place = place

    def write(self, scope: Scope) -> bytes | None:
        value = self._value.of(scope, self._place)
        if isinstance(value, Omitted):
            return None
        try:
            return json_of(value)
        except EventError as error:
            raise EventError(error.code, f"{self._place}: {error.message}") from None


class _Filled:
    def __init__(self, text: Text, place: str) -> None:
        self._text = text
        self._place = place

    def write(self, scope: Scope) -> bytes:
        return json_of(self._text.fill(scope, self._place))


class _Object:
    def __init__(self, nodes: Mapping[bytes, Node]) -> None:
        self.nodes = list(nodes.values())
        self._named = [(name + b":", node) for name, node in nodes.items()]

    def write(self, scope: Scope) -> bytes:
        return b"{%b}" % b",".join(
            [name + json for name, node in self._named if (json := node.write(scope)) is not None]
        )


class _List:
    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes

    def write(self, scope: Scope) -> bytes:
        return b"[%b]" % b",".join([json for node in self.nodes if (json := node.write(scope)) is not None])


_NOTHING: Any = None


def _folded(node: "_Object | _List") -> Node:
    """Written once, where nothing in it is filled in."""
    if all(isinstance(each, _Constant) for each in node.nodes):
        return _Constant(node.write(_NOTHING))
    return node

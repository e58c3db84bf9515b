"""Texts with `{{ … }}` in them, and what is written for a value by the place where the text stands.

Promise: a value stays a value: in XML it opens no element, in CSV no column, in a URL no segment or
parameter, in JSON it is one value. Texts of paths alone are filled in without the template engine, numbers as
they were written; all else by the engine, whose numbers are 64-bit floats and integers.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from math import isfinite
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from processor.core.request.events import decode, json_text, text_of
from processor.core.request.templates.engine import Engine, Template
from processor.core.request.templates.objects import Omitted, xml_text
from processor.core.request.templates.paths import Path, path_of
from processor.core.request.templates.scope import Scope, Vocabulary
from processor.errors import EventError

_OPENS = re.compile(r"\{\{|\{%|\{#")
_PIECE = re.compile(r"\{\{(?P<path>[^{}]*)\}\}|(?P<text>(?:(?!\{\{|\{%|\{#).)+)", re.DOTALL)
_LONE = re.compile(r"\s*\{\{-?(.*?)-?\}\}\s*", re.DOTALL)
_IN_QUOTES = re.compile(r'[",\r\n]')


class Place(StrEnum):
    """Where a text stands."""

    PLAIN = "plain"
    URL = "url"
    """A segment of a path: neither null nor an object nor a list can stand there."""
    FORM = "form"
    XML = "xml"
    CSV = "csv"
    JSON = "json"


_OF_MARKUP = (Place.XML, Place.JSON)
"""Where what filters made for it stands as they made it (`xml`, `tojson`); elsewhere it is text as any."""


class Text(Protocol):
    """A text that is filled in."""

    def fill(self, scope: Scope, place: str) -> str | None:
        """The text for a record; None: what it stands for is left out. Raises EventError."""
        ...


def is_template(text: str) -> bool:
    """Whether something is to be filled in."""
    return _OPENS.search(text) is not None


class Compiler:
    """Compiles texts for their places. Raises UnusableTemplateError where the library is not installed."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._engines: dict[Place, Engine] = {}
        self._values = _Values(vocabulary)

    def text(self, source: str, place: Place = Place.PLAIN) -> Text:
        """A text; a lone expression that comes to nothing by `omit` or `optional` leaves it out."""
        engine = self._engine(place)
        pieces = _pieces(source)
        if pieces is not None:
            engine.compiled(source, is_plain=True)
            engine.refuse_foreign([each.name for each in pieces if isinstance(each, Path)])
            return _Pieces(pieces, _WRITERS[place])
        if place is Place.PLAIN and is_lone(source):
            return _LoneText(self.value(source))
        return engine.compiled(source)

    def value(self, source: str) -> "Value":
        """A lone expression, whose value keeps its type."""
        return Value(self._values.engine().compiled(source), self._values)

    def _engine(self, place: Place) -> Engine:
        if place not in self._engines:
            write = _WRITERS[place]
            self._engines[place] = Engine(
                self._vocabulary,
                (lambda value: value if _is_safe(value) else write(value)) if place in _OF_MARKUP else write,
            )
        return self._engines[place]


class Value:
    """What a lone expression comes to."""

    def __init__(self, template: Template, values: "_Values") -> None:
        self._template = template
        self._values = values

    def of(self, scope: Scope, place: str) -> Any:
        """The value for one record, not yet a text. Raises EventError."""
        self._values.last = None
        self._template.fill(scope, place)
        return self._values.last


class _Values:
    """The engine of lone expressions: it keeps the value that it is told."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.last: Any = None
        self._vocabulary = vocabulary
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        if self._engine is None:
            self._engine = Engine(self._vocabulary, self._keep)
        return self._engine

    def _keep(self, value: Any) -> str:
        self.last = value
        return ""


class _Pieces:
    """Texts and paths in turn."""

    def __init__(self, pieces: list[str | Path], write: Callable[[Any], str]) -> None:
        self._pieces = pieces
        self._write = write

    def fill(self, scope: Scope, place: str) -> str | None:
        filled = [self._filled(piece, scope, place) for piece in self._pieces]
        if filled == [None]:
            return None
        return "".join([text or "" for text in filled])

    def _filled(self, piece: str | Path, scope: Scope, place: str) -> str | None:
        if isinstance(piece, str):
            return piece
        raw = piece.find(scope, place)
        if raw is None:
            return None
        try:
            return self._write(_written_as(raw))
        except EventError as error:
            raise EventError(error.code, f"{place}: `{piece.text}` {error.message}") from None


class _LoneText:
    def __init__(self, value: Value) -> None:
        self._value = value

    def fill(self, scope: Scope, place: str) -> str | None:
        value = self._value.of(scope, place)
        try:
            return None if isinstance(value, Omitted) else plain_text(value)
        except EventError as error:
            raise EventError(error.code, f"{place}: {error.message}") from None


def plain_text(value: Any) -> str:
    """Text as it is, all else as its JSON text; what is left out is nothing."""
    if isinstance(value, str):
        return str(value)
    return "" if isinstance(value, Omitted) else json_of(value).decode()


def json_of(value: Any) -> bytes:
    """The value as JSON. Raises EventError where it is none, as what is no number of 64 bits any more."""
    if isinstance(value, msgspec.Raw):
        return bytes(value)
    try:
        json = _ENCODER.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        json = b""
    if not json or (isinstance(value, float) and not isfinite(value)):
        raise EventError("invalid_event", "comes to what is no JSON")
    return json


def _as_known(value: Any) -> Any:
    """What the engine makes of texts and lists that are marked or lazy."""
    return str(value) if isinstance(value, str) else list(value)


_ENCODER = msgspec.json.Encoder(enc_hook=_as_known)


def is_lone(source: str) -> bool:
    """Whether a text is one expression and nothing around it."""
    found = _LONE.fullmatch(source)
    return found is not None and not re.search(r"\{\{|\}\}|\{%|\{#", found[1])


def lone_path(source: str) -> Path | None:
    """The path that a text is and nothing else."""
    pieces = _pieces(source.strip())
    return pieces[0] if pieces and len(pieces) == 1 and isinstance(pieces[0], Path) else None


def _pieces(source: str) -> list[str | Path] | None:
    """Texts and paths; None: there is more in it."""
    pieces: list[str | Path] = []
    at = 0
    while at < len(source):
        found = _PIECE.match(source, at)
        path = found and found["path"] is not None and path_of(found["path"])
        if not found or path is None:
            return None
        pieces.append(path or found["text"])
        at = found.end()
    return pieces


def _written_as(raw: msgspec.Raw) -> Any:
    """Text as text, numbers as they were written, objects and lists without white space."""
    if (text := text_of(raw)) is not None:
        return text
    first = bytes(raw)[:1]
    return msgspec.Raw(json_text(decode(raw)).encode()) if first in (b"{", b"[") else raw


def _is_safe(value: Any) -> bool:
    return hasattr(value, "__html__")


def _segment(value: Any) -> str:
    if value is None or isinstance(value, dict | list | Omitted) or _is_no_segment(value):
        raise EventError("invalid_url", "is no part of a path: it is null, an object or a list")
    return quote(plain_text(value), safe="")


def _is_no_segment(value: Any) -> bool:
    return isinstance(value, msgspec.Raw) and (bytes(value)[:1] in (b"{", b"[") or bytes(value) == b"null")


def _cell(value: Any) -> str:
    text = plain_text(value)
    return '"' + text.replace('"', '""') + '"' if _IN_QUOTES.search(text) else text


def _json(value: Any) -> str:
    return "null" if isinstance(value, Omitted) else json_of(value).decode()


_WRITERS: dict[Place, Callable[[Any], str]] = {
    Place.PLAIN: plain_text,
    Place.URL: _segment,
    Place.FORM: lambda value: quote(plain_text(value), safe=""),
    Place.XML: lambda value: xml_text(plain_text(value)),
    Place.CSV: _cell,
    Place.JSON: _json,
}

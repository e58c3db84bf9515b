"""Avro schemas: their text as types that refer to each other.

Promise: any text gives types of which a value can be decoded, or EventError `invalid_schema`; time and depth
are bounded by `MOST_TYPES` and `DEEPEST`. We refuse what cannot be decoded, and no more: defaults, aliases
and docs are for other readers, and what a logical type gets wrong leaves the type below it, as Avro says.

https://avro.apache.org/docs/1.12.0/specification/
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from processor.errors import EventError

__all__ = ["Array", "Enum", "Fixed", "Map", "Primitive", "Record", "Schema", "Type", "Union", "parse"]

MOST_TYPES = 10_000
"""Types, fields and symbols of one schema with all that it refers to."""
MOST_BYTES = 1024 * 1024
"""Of the texts."""
DEEPEST = 100
"""Types within types."""
LARGEST_SCALE = 1_000
"""Digits behind the point; each zero of them is written."""
LONGEST_NAME = 1_000
LARGEST_FIXED = 16 * 1024 * 1024

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
_LOGICAL = {
    "int": ("date", "time-millis"),
    "long": (
        *("time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos"),
        *("local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos"),
    ),
    "bytes": ("decimal",),
    "fixed": ("decimal", "duration", "uuid"),
}
_SIZES = {"duration": 12, "uuid": 16}


@dataclass(frozen=True, slots=True)
class Primitive:
    """One of `PRIMITIVES`."""

    name: str
    logical: str = ""
    scale: int = 0


@dataclass(frozen=True, slots=True)
class Fixed:
    """So many bytes."""

    name: str
    size: int
    logical: str = ""
    scale: int = 0


@dataclass(frozen=True, slots=True)
class Enum:
    """One of some names."""

    name: str
    symbols: tuple[str, ...]
    longest: int
    """Characters of a symbol."""


@dataclass(frozen=True, slots=True)
class Array:
    """Items of one type."""

    items: "Type"
    name: str = "array"


@dataclass(frozen=True, slots=True)
class Map:
    """Values of one type by their names."""

    values: "Type"
    name: str = "map"


@dataclass(frozen=True, slots=True)
class Union:
    """One of some types."""

    branches: "tuple[Type, ...]"
    name: str = "union"


@dataclass(slots=True, eq=False, repr=False)
class Record:
    """Fields by their names; it may be a type of its own fields. `uses` counts who refers to it."""

    name: str
    fields: "list[tuple[str, Type]]" = field(default_factory=list)
    uses: int = 0


Type = Primitive | Fixed | Enum | Array | Map | Union | Record


@dataclass(frozen=True, slots=True)
class Schema:
    """The type of a value, and the records in it and in what it refers to."""

    root: Type
    records: tuple[Record, ...]


def parse(text: str, references: Sequence[str] = (), *, name: str = "the schema") -> Schema:
    """The schema in `text`, which `name` names in errors; `references` stand in the order of their use."""
    if sum(map(len, (text, *references))) > MOST_BYTES:
        raise _invalid(f"is longer than {MOST_BYTES} bytes", name)
    parser = _Parser()
    try:
        for reference in references:
            parser.type_of(_json(reference), "", 0)
        root = parser.type_of(_json(text), "", 0)
    except _InvalidError as error:
        raise _invalid(str(error), name) from None
    return Schema(root, tuple(each for each in parser.named.values() if isinstance(each, Record)))


class _InvalidError(Exception):
    """What is wrong with it."""


def _invalid(what: str, name: str) -> EventError:
    return EventError("invalid_schema", f"{name} {what}")


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise _InvalidError("is not JSON") from None
    except RecursionError:
        raise _InvalidError("is nested too deeply") from None


class _Parser:
    """The types that have names, and how many there are of all."""

    def __init__(self) -> None:
        self.named: dict[str, Record | Enum | Fixed] = {}
        self.count = 0

    def type_of(self, spec: Any, namespace: str, depth: int) -> Type:
        """The type that `spec` writes, within `namespace`."""
        self._counts(1)
        if depth > DEEPEST:
            raise _InvalidError(f"has more than {DEEPEST} types within each other")
        if isinstance(spec, str):
            return self._by_name(spec, namespace)
        if isinstance(spec, list):
            return self._union(spec, namespace, depth)
        if not isinstance(spec, dict):
            raise _InvalidError("has a type that is neither a name nor an object nor an array")
        return self._written(spec, namespace, depth)

    def _written(self, spec: dict[str, Any], namespace: str, depth: int) -> Type:
        """The type that an object writes."""
        match spec.get("type"):
            case "record" | "error":
                return self._record(spec, namespace, depth)
            case "enum":
                return self._enum(spec, namespace)
            case "fixed":
                return self._fixed(spec, namespace)
            case "array":
                return Array(self.type_of(_member(spec, "items"), namespace, depth + 1))
            case "map":
                return Map(self.type_of(_member(spec, "values"), namespace, depth + 1))
            case str() as name if name in PRIMITIVES:
                return Primitive(name, *_logical(spec, name))
            case inner:
                return self.type_of(inner, namespace, depth + 1)

    def _counts(self, more: int) -> None:
        self.count += more
        if self.count > MOST_TYPES:
            raise _InvalidError(f"has more than {MOST_TYPES} types, fields and symbols")

    def _by_name(self, name: str, namespace: str) -> Type:
        if name in PRIMITIVES:
            return Primitive(name)
        within = name if "." in name or not namespace else f"{namespace}.{name}"
        known = self.named.get(within) or self.named.get(name)
        if known is None:
            raise _InvalidError(f"refers to a type that is not known: {name[:LONGEST_NAME]}")
        if isinstance(known, Record):
            known.uses += 1
        return known

    def _union(self, specs: list[Any], namespace: str, depth: int) -> Union:
        if not specs:
            raise _InvalidError("has a union of nothing")
        return Union(tuple(self.type_of(each, namespace, depth + 1) for each in specs))

    def _record(self, spec: dict[str, Any], namespace: str, depth: int) -> Record:
        name = _full_name(spec, namespace)
        record = Record(name, uses=1)
        self._add(name, record)
        fields = _member(spec, "fields")
        if not isinstance(fields, list) or not all(isinstance(each, dict) for each in fields):
            raise _InvalidError(f"has a record whose fields are no array of objects: {name}")
        self._counts(len(fields))
        seen = set()
        for each in fields:
            member = _text(_member(each, "name"))
            if member in seen:
                raise _InvalidError(f"has a record with two fields of one name: {name}")
            seen.add(member)
            inner = self.type_of(_member(each, "type"), name.rpartition(".")[0], depth + 1)
            record.fields.append((member, inner))
        return record

    def _enum(self, spec: dict[str, Any], namespace: str) -> Enum:
        name, symbols = _full_name(spec, namespace), _member(spec, "symbols")
        if not isinstance(symbols, list):
            raise _InvalidError(f"has an enum whose symbols are no array: {name}")
        self._counts(len(symbols))
        enum = Enum(name, tuple(map(_text, symbols)), max(map(len, symbols), default=0))
        self._add(name, enum)
        return enum

    def _fixed(self, spec: dict[str, Any], namespace: str) -> Fixed:
        name, size = _full_name(spec, namespace), _member(spec, "size")
        if type(size) is not int or not 0 <= size <= LARGEST_FIXED:
            raise _InvalidError(f"has a fixed whose size is no number up to {LARGEST_FIXED}: {name}")
        logical, scale = _logical(spec, "fixed")
        fixed = Fixed(name, size, logical if _SIZES.get(logical, size) == size else "", scale)
        self._add(name, fixed)
        return fixed

    def _add(self, name: str, named: Record | Enum | Fixed) -> None:
        if name in self.named or name in PRIMITIVES:
            raise _InvalidError(f"defines a type twice: {name}")
        self.named[name] = named


def _logical(spec: dict[str, Any], name: str) -> tuple[str, int]:
    """The logical type and its scale; of one that is wrong or unknown, nothing."""
    logical, scale = spec.get("logicalType"), spec.get("scale", 0)
    if not isinstance(logical, str) or logical not in _LOGICAL.get(name, ()):
        return "", 0
    if logical != "decimal":
        return logical, 0
    return (logical, scale) if type(scale) is int and 0 <= scale <= LARGEST_SCALE else ("", 0)


def _full_name(spec: dict[str, Any], namespace: str) -> str:
    name = _text(_member(spec, "name"))
    if "." in name:
        return name
    within = _text(spec["namespace"]) if spec.get("namespace") is not None else namespace
    return f"{within}.{name}" if within else name


def _member(spec: dict[str, Any], name: str) -> Any:
    if name not in spec:
        raise _InvalidError(f"has a type or field without {name}")
    return spec[name]


def _text(name: Any) -> str:
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise _InvalidError(f"has a name that is no text of {LONGEST_NAME} characters at most")
    return name

"""Avro schemas and values of them, as Hypothesis finds them and as fastavro writes them."""

import io
import json
import string
from base64 import b64encode
from datetime import UTC, date, datetime, time
from decimal import Decimal
from struct import pack
from typing import Any
from uuid import UUID

import fastavro
from hypothesis import strategies as st

NAMES = st.text(string.ascii_letters, min_size=1, max_size=6)
TICKS = {"milliseconds": 1000, "microseconds": 1}
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28))
PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32),
    "double": st.floats(),
    "bytes": st.binary(max_size=80),
    "string": st.text(max_size=80),
}
LOGICAL: list[tuple[dict[str, Any], st.SearchStrategy[Any]]] = [
    ({"type": "int", "logicalType": "date"}, st.dates()),
    ({"type": "int", "logicalType": "time-millis"}, st.times().map(lambda t: cut(t, 1000))),
    ({"type": "long", "logicalType": "time-micros"}, st.times()),
    ({"type": "long", "logicalType": "timestamp-millis"}, MOMENTS.map(lambda m: cut(m, 1000, UTC))),
    ({"type": "long", "logicalType": "timestamp-micros"}, MOMENTS.map(lambda m: cut(m, 1, UTC))),
    ({"type": "long", "logicalType": "local-timestamp-millis"}, MOMENTS.map(lambda m: cut(m, 1000))),
    ({"type": "long", "logicalType": "local-timestamp-micros"}, MOMENTS),
    ({"type": "string", "logicalType": "uuid"}, st.uuids()),
    (
        {"type": "bytes", "logicalType": "decimal", "precision": 200, "scale": 3},
        st.integers(-(10**30), 10**30).map(lambda n: Decimal(n).scaleb(-3)),
    ),
]
LOGICALS: st.SearchStrategy[tuple[Any, st.SearchStrategy[Any]]] = st.sampled_from(LOGICAL)
Drawn = tuple[Any, st.SearchStrategy[Any]]
"""A schema, and what it can write, in the spelling of fastavro."""


def cut(moment: Any, micros: int, zone: Any = None) -> Any:
    """With no more than so many microseconds in its last digit."""
    return moment.replace(microsecond=moment.microsecond // micros * micros, tzinfo=zone)


@st.composite
def kinds(draw: st.DrawFn, names: list[str], depth: int = 3) -> Drawn:
    """A type; `names` has those that are taken."""
    choices = [
        *("plain", "plain", "logical", "named"),
        *["within", "within", "record", "union"] * (depth > 0),
    ]
    match draw(st.sampled_from(choices)):
        case "plain":
            name = draw(st.sampled_from(sorted(PLAIN)))
            return name, PLAIN[name]
        case "logical":
            return draw(LOGICALS)
        case "named":
            return draw(fixed(names) | enums(names))
        case "within":
            inner, values = draw(kinds(names, depth - 1))
            if draw(st.booleans()):
                return {"type": "array", "items": inner}, st.lists(values, max_size=4)
            return {"type": "map", "values": inner}, st.dictionaries(st.text(max_size=5), values, max_size=3)
        case "record":
            return draw(records(names, depth))
    return draw(unions(names, depth))


@st.composite
def fixed(draw: st.DrawFn, names: list[str]) -> Drawn:
    """So many bytes."""
    size = draw(st.integers(0, 70))
    return {"type": "fixed", "name": named(names), "size": size}, st.binary(min_size=size, max_size=size)


@st.composite
def enums(draw: st.DrawFn, names: list[str]) -> Drawn:
    """One of some symbols."""
    symbols = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    return {"type": "enum", "name": named(names), "symbols": symbols}, st.sampled_from(symbols)


@st.composite
def unions(draw: st.DrawFn, names: list[str], depth: int) -> Drawn:
    """One of some types."""
    branches = [draw(kinds(names, depth - 1)) for _ in range(draw(st.integers(1, 12)))]
    unique = {branch_name(each): (each, values) for each, values in branches if not isinstance(each, list)}
    if not unique:
        return "null", st.none()
    tagged = [st.tuples(st.just(name), values) for name, (_, values) in unique.items()]
    return [each for each, _ in unique.values()], st.one_of(tagged)


@st.composite
def records(draw: st.DrawFn, names: list[str], depth: int) -> Drawn:
    """A record, which sometimes has itself in a field."""
    name = named(names)
    fields = draw(st.lists(NAMES, max_size=4, unique=True))
    inner = {each: draw(kinds(names, depth - 1)) for each in fields}
    schema = {
        "type": "record",
        "name": name,
        "fields": [{"name": n, "type": kind} for n, (kind, _) in inner.items()],
    }
    values = st.fixed_dictionaries({each: values for each, (_, values) in inner.items()})
    if not draw(st.booleans()):
        return schema, values
    schema["fields"].append({"name": "again_", "type": ["null", name]})  # type: ignore[attr-defined]
    leaves = values.map(lambda value: {**value, "again_": None})
    return schema, st.recursive(
        leaves,
        lambda deeper: st.tuples(values, deeper).map(lambda two: {**two[0], "again_": (name, two[1])}),
        max_leaves=3,
    )


def named(names: list[str]) -> str:
    """A name that is not taken."""
    names.append(f"N{len(names)}")
    return names[-1]


def branch_name(kind: Any) -> str:
    """What a union knows it by."""
    if isinstance(kind, dict):
        return str(kind.get("name", kind["type"]))
    return str(kind)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, bytes]:
    """A schema, and a value as fastavro writes it."""
    schema, values = draw(kinds([]))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(json.dumps(schema))), draw(values))
    return json.dumps(schema), out.getvalue()


def oracle(schema: str, value: bytes) -> Any:
    """What fastavro reads."""
    return fastavro.schemaless_reader(io.BytesIO(value), fastavro.parse_schema(json.loads(schema)), None)


def are_same(ours: Any, theirs: Any) -> bool:
    """Whether JSON says what fastavro reads."""
    match theirs:
        case dict():
            return list(ours) == list(theirs) and all(are_same(ours[name], theirs[name]) for name in theirs)
        case list():
            return len(ours) == len(theirs) and all(map(are_same, ours, theirs))
        case float():
            return is_same_number(ours, theirs)
        case datetime() | date() | time():
            return is_same_time(ours, theirs)
        case UUID():
            return UUID(ours) == theirs
    plain = theirs
    if isinstance(theirs, bytes):
        plain = b64encode(theirs).decode()
    elif isinstance(theirs, Decimal):
        plain = format(theirs, "f")
    return type(ours) is type(plain) and bool(ours == plain)


def is_same_time(ours: Any, theirs: datetime | date | time) -> bool:
    """fastavro makes a time of day of some numbers below 0."""
    if isinstance(ours, int):
        return isinstance(theirs, time) and ours < 0
    return bool(type(theirs).fromisoformat(ours) == theirs)


def is_same_number(ours: Any, theirs: float) -> bool:
    """A float of 32 bits is another text than one of 64."""
    if theirs - theirs != 0:
        return ours is None
    return bool(ours == theirs) or pack("<f", ours) == pack("<f", theirs)

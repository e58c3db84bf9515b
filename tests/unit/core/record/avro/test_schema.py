"""A schema is what its values can be decoded by; what is none is refused in words, in little time."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.record.avro.decoder import Decoder
from processor.core.record.avro.schema import MOST_BYTES, Enum, Fixed, Primitive, Record, Union, parse
from processor.errors import EventError

INT = {"name": "f", "type": "int"}


def refused(schema: Any, *references: Any) -> str:
    """What the error says."""
    with pytest.raises(EventError) as error:
        Decoder(json.dumps(schema), [json.dumps(each) for each in references], name="schema 7")
    assert error.value.code == "invalid_schema"
    assert error.value.message.startswith("schema 7 ")
    return error.value.message


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "record"}, "without name"),
        ({"type": "record", "name": "R"}, "without fields"),
        ({"type": "record", "name": "R", "fields": {}}, "no array of objects"),
        ({"type": "record", "name": "R", "fields": ["int"]}, "no array of objects"),
        ({"type": "record", "name": "R", "fields": [{"type": "int"}]}, "without name"),
        ({"type": "record", "name": "R", "fields": [{"name": "f"}]}, "without type"),
        ({"type": "record", "name": "R", "fields": [INT, INT]}, "two fields of one name"),
        ({"type": "record", "name": "int", "fields": []}, "twice: int"),
        ({"type": "record", "name": 7, "fields": []}, "no text"),
        ({"type": "record", "name": "n" * 1001, "fields": []}, "no text"),
        ({"type": "enum", "name": "E"}, "without symbols"),
        ({"type": "enum", "name": "E", "symbols": "A"}, "no array"),
        ({"type": "enum", "name": "E", "symbols": [1]}, "no text"),
        ({"type": "fixed", "name": "F", "size": -1}, "size"),
        ({"type": "fixed", "name": "F", "size": True}, "size"),
        ({"type": "fixed", "name": "F", "size": 2**40}, "size"),
        ({"type": "array"}, "without items"),
        ({"type": "map"}, "without values"),
        ({}, "neither a name"),
        (None, "neither a name"),
        ([], "union of nothing"),
        ("acme.Missing", "not known: acme.Missing"),
        ([{"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 2}], "twice: F"),
        ({"type": "record", "name": "R", "fields": [{"name": "f", "type": "R"}]}, "no value that ends"),
        ({"type": "enum", "name": "E", "symbols": ["s"] * 10_001}, "more than 10000"),
        (
            {"type": "record", "name": "R", "fields": [INT | {"name": f"f{n}"} for n in range(5001)]},
            "more than 10000",
        ),
    ],
)
def test_what_is_no_schema_is_refused_in_words(schema: Any, says: str) -> None:
    assert says in refused(schema)


@pytest.mark.parametrize("text", ["", "{", "int", "[" * 100_000, '{"type":' * 100_000, '"\ud800"'])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(EventError, match=r"schema is not JSON|schema is nested too deeply"):
        parse(text)


def test_types_too_deep_within_each_other_and_too_long_a_text_are_refused() -> None:
    schema: Any = "int"
    for _ in range(101):
        schema = {"type": "array", "items": schema}
    assert "more than 100 types within each other" in refused(schema)
    parse(json.dumps(schema["items"]))
    assert "longer than" in refused({"type": "int", "doc": "d" * MOST_BYTES})


def test_what_doubles_with_each_level_is_refused_before_it_is_made() -> None:
    references: list[Any] = [{"type": "record", "name": "R0", "fields": [{"name": "f", "type": "null"}]}]
    for number in range(1, 60):
        fields = [{"name": name, "type": f"R{number - 1}"} for name in "ab"]
        references.append({"type": "record", "name": f"R{number}", "fields": fields})
    assert "none that is small enough" in refused("R59", *references)


def test_a_name_is_looked_for_in_its_namespace_and_then_by_itself() -> None:
    inner = {"type": "enum", "name": "E", "symbols": ["A"]}
    outer = {
        "type": "record",
        "name": "R",
        "namespace": "acme",
        "fields": [
            {"name": "a", "type": inner},
            {"name": "b", "type": "E"},
            {"name": "c", "type": {"type": "acme.E"}},
            {"name": "d", "type": "Outside"},
            {"name": "e", "type": {"type": "fixed", "name": "other.F", "size": 1}},
            {"name": "f", "type": {"type": "fixed", "name": "G", "namespace": "", "size": 1}},
        ],
    }
    outside = {"type": "fixed", "name": "Outside", "size": 2}
    root = parse(json.dumps(outer), [json.dumps(outside)]).root
    assert isinstance(root, Record)
    assert root.name == "acme.R"
    kinds = dict(root.fields)
    assert kinds["a"] == kinds["b"] == kinds["c"] == Enum("acme.E", ("A",), 1)
    assert kinds["d"] == Fixed("Outside", 2)
    assert [kinds["e"].name, kinds["f"].name] == ["other.F", "G"]


@pytest.mark.parametrize(
    ("spec", "logical"),
    [
        ({"type": "bytes", "logicalType": "decimal", "scale": 2}, "decimal"),
        ({"type": "bytes", "logicalType": "decimal"}, "decimal"),
        ({"type": "bytes", "logicalType": "decimal", "scale": -1}, ""),
        ({"type": "bytes", "logicalType": "decimal", "scale": "2"}, ""),
        ({"type": "bytes", "logicalType": "decimal", "scale": 2**40}, ""),
        ({"type": "long", "logicalType": "date"}, ""),
        ({"type": "int", "logicalType": ["date"]}, ""),
        ({"type": "fixed", "name": "F", "size": 12, "logicalType": "duration"}, "duration"),
        ({"type": "fixed", "name": "F", "size": 13, "logicalType": "duration"}, ""),
        ({"type": "fixed", "name": "F", "size": 16, "logicalType": "uuid"}, "uuid"),
    ],
)
def test_a_logical_type_that_is_wrong_leaves_the_type_below_it(spec: dict[str, Any], logical: str) -> None:
    root = parse(json.dumps(spec)).root
    assert isinstance(root, Primitive | Fixed)
    assert root.logical == logical


def test_what_only_matters_to_other_readers_is_not_looked_at() -> None:
    field = INT | {"default": "no int", "aliases": 7, "order": []}
    root = parse(json.dumps({"type": "error", "name": "R", "fields": [field], "doc": 1})).root
    assert isinstance(root, Record)
    assert isinstance(parse('[["null"], "int"]').root, Union)


WORDS = st.sampled_from(
    ["record", "enum", "fixed", "array", "map", "int", "null", "R", "S", "a.R", "decimal", "bytes", ""]
)
SCHEMAS = st.recursive(
    WORDS | st.integers(-1, 3) | st.none(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "name",
                    "fields",
                    "symbols",
                    "items",
                    "values",
                    "size",
                    "logicalType",
                    "scale",
                    "namespace",
                ]
            ),
            inner | WORDS,
        )
        | st.builds(
            lambda name, kinds: {
                "type": "record",
                "name": name,
                "fields": [{"name": f"f{n}", "type": kind} for n, kind in enumerate(kinds)],
            },
            WORDS,
            st.lists(inner | WORDS, max_size=3),
        )
    ),
)


@given(SCHEMAS, st.binary(max_size=30))
def test_any_json_is_a_schema_that_decodes_or_is_refused(schema: Any, value: bytes) -> None:
    try:
        decoder = Decoder(json.dumps(schema))
    except EventError as error:
        assert error.code == "invalid_schema"  # noqa: PT017
        return
    try:
        json.loads(decoder.decode(value))
    except EventError as error:
        assert error.code == "invalid_event"  # noqa: PT017

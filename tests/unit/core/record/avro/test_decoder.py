"""Avro becomes JSON as fastavro reads it, where fastavro is right; hostile bytes become an error."""

import io
import json
import tracemalloc
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.core.record.avro.decoder import Decoder
from processor.core.record.avro.room import PER_BYTE
from processor.core.record.format import AvroPolicy
from processor.errors import EventError
from tests.support.examples import examples
from tests.unit.core.record.avro.schemas import are_same, oracle, written

LIST = {"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]}
TREE = {
    "type": "record",
    "name": "T",
    "fields": [{"name": "children", "type": {"type": "array", "items": "T"}}],
}


def record(**fields: Any) -> str:
    """A record `R` of such fields."""
    members = [{"name": name, "type": kind} for name, kind in fields.items()]
    return json.dumps({"type": "record", "name": "R", "namespace": "acme", "fields": members})


def array(items: Any) -> str:
    return json.dumps({"type": "array", "items": items})


def varint(number: int) -> bytes:
    """A number as Avro writes it."""
    number = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def refused(schema: str, value: bytes, **options: Any) -> str:
    """What the error says."""
    with pytest.raises(EventError) as error:
        Decoder(schema, **options).decode(value)
    assert error.value.code == "invalid_event"
    return error.value.message


@given(written())
def test_what_fastavro_writes_is_the_json_of_what_it_reads(case: tuple[str, bytes]) -> None:
    schema, value = case
    assert are_same(json.loads(Decoder(schema).decode(value)), oracle(schema, value))


@given(written(), st.data())
def test_what_is_mutated_is_json_or_refused_and_both_who_read_it_read_the_same(
    case: tuple[str, bytes], data: st.DataObject
) -> None:
    schema, value = case
    at, length = data.draw(st.integers(0, len(value))), data.draw(st.integers(0, 3))
    mutated = value[:at] + data.draw(st.binary(max_size=6)) + value[at + length :]
    try:
        ours = json.loads(Decoder(schema).decode(mutated))
    except EventError:
        return
    try:
        theirs = oracle(schema, mutated)
    except (ValueError, OverflowError, EOFError, IndexError):
        return
    assert are_same(ours, theirs)


@settings(max_examples=examples(40))
@given(written().filter(lambda case: len(case[1]) > 1), st.data())
def test_a_value_that_is_cut_or_has_more_behind_it_is_refused_and_the_next_is_read(
    case: tuple[str, bytes], data: st.DataObject
) -> None:
    schema, value = case
    decoder = Decoder(schema)
    before = decoder.decode(value)
    for other in (value[: data.draw(st.integers(0, len(value) - 1))], value + b"\x02"):
        with pytest.raises(EventError, match=r"end|left over"):
            decoder.decode(other)
    assert decoder.decode(value) == before


@given(st.binary(max_size=300))
def test_random_bytes_are_json_or_refused(value: bytes) -> None:
    for schema in (json.dumps(LIST), json.dumps(TREE), array("long"), record(a="float", b=["null", "bytes"])):
        try:
            json.loads(Decoder(schema).decode(value))
        except EventError as error:
            assert error.code == "invalid_event"  # noqa: PT017


def test_what_crashes_fastavro_is_refused_at_any_depth() -> None:
    for levels in (5_000, 1_000_000):
        assert "nested deeper than 200 levels: next" in refused(json.dumps(LIST), b"\x02" * levels + b"\0")
        assert "nested deeper" in refused(json.dumps(TREE), b"\x02" * levels + b"\0")


def test_levels_that_are_allowed_are_read() -> None:
    assert Decoder(json.dumps(LIST)).decode(b"\x02" * 200 + b"\0") == b'{"next":' * 201 + b"null" + b"}" * 201
    tagged = Decoder(json.dumps(LIST), policy=AvroPolicy(unions_tagged=True))
    assert tagged.decode(b"\x02" * 100 + b"\0").count(b'{"L":') == 100
    with pytest.raises(EventError, match="nested deeper"):
        tagged.decode(b"\x02" * 200 + b"\0")


def test_a_decimal_that_fastavro_rounds_keeps_its_digits() -> None:
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}
    schema, value = record(f=decimal), b"\x06\x01\xe2\x40"
    assert oracle(schema, value) == {"f": Decimal(1235)}
    assert Decoder(schema).decode(value) == b'{"f":"1234.56"}'
    assert Decoder(schema, policy=AvroPolicy(decimals_as_numbers=True)).decode(value) == b'{"f":1234.56}'
    assert "a decimal of more than 1000 bytes: f" in refused(schema, varint(1001) + bytes(1001))


@pytest.mark.parametrize(
    "items",
    [
        "null",
        {"type": "record", "name": "Empty", "fields": []},
        {"type": "record", "name": "Nulls", "fields": [{"name": f"f{n}", "type": "null"} for n in range(9)]},
        {"type": "fixed", "name": "Nothing", "size": 0},
    ],
)
def test_items_of_no_bytes_are_paid_for_before_they_are_made(items: Any) -> None:
    for count in (2**40, -(2**40), 2**63 - 1, -(2**63)):
        message = refused(array(items), varint(count) + (varint(0) if count < 0 else b"") + b"\0")
        assert "more items than" in message


HOSTILE: list[tuple[Any, bytes]] = [
    ("null", b""),
    ("boolean", b"\1"),
    ("double", b"\1" * 8),
    ({"type": "map", "values": "null"}, b"\0"),
    ({"type": "array", "items": "null"}, b"\0"),
    ({"type": "record", "name": "Empty", "fields": []}, b""),
    ({"type": "record", "name": "R", "fields": [{"name": "n" * 900, "type": "null"}]}, b""),
    ({"type": "enum", "name": "E", "symbols": ["s" * 900]}, b"\0"),
    ({"type": "bytes", "logicalType": "decimal", "precision": 1000, "scale": 1000}, b"\0"),
    (["null", {"type": "enum", "name": "E", "symbols": ["s" * 900]}], b"\2\0"),
    (["null", {"type": "record", "name": "R", "fields": [{"name": "n" * 900, "type": "null"}]}], b"\2"),
    (
        [
            *("null", "int", "long", "float", "double", "string", "bytes", "boolean"),
            {"type": "enum", "name": "E", "symbols": ["s" * 900]},
        ],
        b"\x10\0",
    ),
]


@pytest.mark.parametrize("kind", ["float", "double", "int", "string", "boolean", ["null", "int"]])
def test_what_stands_behind_a_text_of_any_length_is_not_there(kind: Any) -> None:
    for length in (100, 2**31, 2**62):
        assert refused(record(a="string", b=kind), varint(length) + b"x") in (
            "the value ends before b, at byte " + str(len(varint(length)) + length + more) for more in (0, 1)
        )


def test_items_that_are_cut_off_are_refused_at_the_first_and_not_after_a_million() -> None:
    for items in ({"size": 12, "logicalType": "duration"}, {"size": 1}):
        fixed = {"type": "fixed", "name": "F", **items}
        for kind in (fixed, json.loads(record(f=fixed))):
            assert "the value ends before []" in refused(array(kind), varint(200_000) + bytes(12))


@pytest.mark.parametrize(("items", "item"), HOSTILE)
def test_what_a_value_takes_is_bounded_by_its_length_and_what_it_may(items: Any, item: bytes) -> None:
    most, number = 500_000, 15_000
    decoder = Decoder(array(items), most=most)
    for count in (number, number // 10, number // 100):
        value = varint(count) + item * count + b"\0"
        tracemalloc.start()
        try:
            length = len(decoder.decode(value))
        except EventError as error:
            length = 0
            assert "more items than" in error.message  # noqa: PT017
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        may = most + PER_BYTE * len(value)
        assert length <= may + 6 * len(value)
        assert peak <= 4 * may


def test_blocks_that_say_their_length_in_bytes_are_read() -> None:
    value = varint(-2) + varint(2) + varint(7) + varint(-8) + varint(1) + varint(9) + b"\0"
    assert Decoder(array("int")).decode(value) == b"[7,-8,9]"


def test_numbers_may_be_written_longer_than_they_need_be() -> None:
    assert Decoder(array(["null", "int"])).decode(b"\x82\0\x82\0\x8e\0\x80\0") == b"[7]"
    assert Decoder('"string"').decode(b"\x82\x80\0a") == b'"a"'


@pytest.mark.parametrize(
    ("schema", "value", "says"),
    [
        ('"long"', b"\xff" * 10 + b"\0", "more than 64 bits"),
        ('"long"', b"\xff" * 9 + b"\x02", "more than 64 bits"),
        ('"string"', b"\x01", "negative length"),
        ('"bytes"', b"\xff\x01", "negative length"),
        ('"string"', b"\x04\xc3(", "not UTF-8"),
        ('"string"', b"\x08a", "ends 3 bytes too early"),
        ('"boolean"', b"\x02", "boolean"),
        ('["null", "int"]', b"\x04\x02", "branch"),
        ('["null", "int"]', b"\x01\x02", "branch"),
        ('{"type": "enum", "name": "E", "symbols": ["A"]}', b"\x02", "symbol"),
        ('{"type": "enum", "name": "E", "symbols": ["A"]}', b"\x01", "symbol"),
        ('"int"', b"", "ends before its beginning"),
    ],
)
def test_what_is_no_value_is_refused_in_words(schema: str, value: bytes, says: str) -> None:
    assert says in refused(schema, value)


def test_an_error_names_the_place_and_the_byte() -> None:
    inner = json.loads(record(price=["null", "double"]))
    schema = record(
        id="string", lines={"type": "map", "values": {"type": "array", "items": inner | {"name": "L"}}}
    )
    start = b"\x02a" + b"\x02\x02k" + b"\x04" + b"\0"
    assert refused(schema, start + b"\x08") == (
        "the value has a union branch that is none: lines[][].price, at byte 8"
    )
    assert refused(schema, start) == "the value ends before lines[][].price, at byte 7"
    deep = refused(json.dumps(LIST), b"\x02" * 9_000)
    assert "…" in deep
    assert len(deep) < 300


def test_unions_of_many_branches_are_read_and_tagged() -> None:
    schema = json.dumps(["null", *({"type": "fixed", "name": f"F{n}", "size": 1} for n in range(12)), "int"])
    decoder, tagged = Decoder(schema), Decoder(schema, policy=AvroPolicy(unions_tagged=True))
    assert [decoder.decode(each) for each in (b"\0", b"\x02a", b"\x1a\x0e")] == [b"null", b'"YQ=="', b"7"]
    assert [tagged.decode(each) for each in (b"\0", b"\x02a", b"\x1a\x0e")] == [
        b"null",
        b'{"F0":"YQ=="}',
        b'{"int":7}',
    ]
    for number in (b"\x1c\x0e", b"\x01\x0e"):
        assert "branch" in refused(schema, number)


def test_names_and_texts_of_all_scripts_are_written_as_utf_8() -> None:
    schema = record(größe={"type": "enum", "name": "E", "symbols": ["klein", "groß"]}, λ="string")
    value = b"\x02" + varint(len("日本😀".encode())) + "日本😀".encode()
    assert Decoder(schema).decode(value) == '{"größe":"groß","λ":"日本😀"}'.encode()


def test_nothing_of_a_schema_is_code() -> None:
    evil = "'\"\\\n\0}; import os; {__import__('os')}"
    kind = {"type": "enum", "name": evil, "symbols": [evil]}
    for policy in (AvroPolicy(), AvroPolicy(unions_tagged=True)):
        decoder = Decoder(record(**{evil: ["null", kind]}), policy=policy)
        found = json.loads(decoder.decode(b"\x02\0"))[evil]
        assert found == ({f"acme.{evil}": evil} if policy.unions_tagged else evil)


def test_a_schema_that_refers_to_others_is_read_with_them() -> None:
    money = json.dumps({"type": "record", "name": "shop.Money", "fields": [{"name": "units", "type": "int"}]})
    assert Decoder(record(a="shop.Money", b="shop.Money"), [money]).decode(b"\x02\x04") == (
        b'{"a":{"units":1},"b":{"units":2}}'
    )


@pytest.mark.parametrize("levels", [5, 40, 90])
def test_types_within_each_other_are_read(levels: int) -> None:
    nested: Any = "int"
    for number in range(levels):
        nested = [
            {"type": "array", "items": nested},
            {"type": "map", "values": nested},
            {"type": "record", "name": f"R{number}", "fields": [{"name": "f", "type": nested}]},
            ["null", nested],
        ][number % 4 if number % 4 != 3 or not isinstance(nested, list) else 0]
    schema = json.dumps(nested)
    datum: Any = 7
    for number in range(levels):
        datum = [[datum], {"k": datum}, {"f": datum}, datum][number % 4]
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(schema)), datum)
    assert json.loads(Decoder(schema).decode(out.getvalue())) == datum

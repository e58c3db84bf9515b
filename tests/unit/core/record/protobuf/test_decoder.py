"""A message becomes the JSON that Protobuf's own mapping makes of it; hostile bytes become an error."""

import json
from typing import Any

import pytest
from google.protobuf import json_format, message_factory
from hypothesis import given
from hypothesis import strategies as st

from processor.core.record.format import ProtobufPolicy
from processor.core.record.protobuf.decoder import ProtobufDecoder
from processor.core.record.protobuf.descriptors import files_in
from processor.errors import EventError
from processor.formats.protoc import compiled

TEXT = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/any.proto";
message Ping { string id = 1; }
message Order {
  message Line { string sku = 1; int32 quantity = 2; Order again = 3; }
  enum Status { UNKNOWN = 0; PAID = 1; }
  map<string, string> tags = 1; map<int64, Line> lines_by_number = 2; map<bool, float> flags = 3;
  string order_id = 4; int64 number = 5; uint64 big = 6; Status status = 7; repeated Line lines = 8;
  google.protobuf.Timestamp placed_at = 9; bytes token = 10; optional bool gift = 11; double ratio = 12;
  oneof pay { string card = 13; string iban = 14; } float share = 15; repeated sint64 longs = 16;
  repeated Status history = 17; google.protobuf.Struct more = 18; google.protobuf.Int64Value wrapped = 19;
  repeated fixed32 plain = 20; repeated bytes blobs = 21; google.protobuf.NullValue nothing = 22;
  google.protobuf.Any any = 23; map<string, int32> counts = 24; map<int32, Line> lines_by_place = 25;
  message Inner { bool here = 1; }
}
"""
PROTO2 = """
syntax = "proto2";
message Old {
  optional string text = 1; required int32 needed = 2;
  optional group Nested = 3 { optional int32 a = 1; }
  extensions 100 to 200;
}
extend Old { optional int32 added = 100; }
"""


def files(text: str) -> list[bytes]:
    """The files of a text, each behind what it imports."""
    return files_in(compiled(text, {}))


FILES = files(TEXT)
ORDERS, DECLARED = (
    ProtobufDecoder(FILES),
    ProtobufDecoder(FILES, policy=ProtobufPolicy(names_as_declared=True)),
)
WHOLE = ProtobufDecoder(FILES, policy=ProtobufPolicy(with_defaults=True))
ORDER = message_factory.GetMessageClass(ORDERS._file.message_types_by_name["Order"])
INTS, LONGS = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(max_size=10)
LINES = st.fixed_dictionaries({}, optional={"sku": TEXTS, "quantity": INTS})
ORDER_VALUES = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.dictionaries(TEXTS, TEXTS, max_size=3),
        "lines_by_number": st.dictionaries(LONGS, LINES, max_size=3),
        "counts": st.dictionaries(TEXTS, INTS, max_size=2),
        "lines_by_place": st.dictionaries(INTS, LINES, max_size=2),
        "order_id": TEXTS,
        "number": LONGS,
        "big": st.integers(0, 2**64 - 1),
        "status": INTS,
        "lines": st.lists(LINES | st.builds(lambda line: {"again": {"lines": [line]}}, LINES), max_size=3),
        "token": st.binary(max_size=9),
        "gift": st.booleans(),
        "ratio": st.floats(),
        "share": st.floats(width=32),
        "longs": st.lists(LONGS, max_size=3),
        "history": st.lists(st.integers(0, 3), max_size=3),
        "blobs": st.lists(st.binary(max_size=3), max_size=3),
        "plain": st.lists(st.integers(0, 2**32 - 1), max_size=3),
        "placed_at": st.fixed_dictionaries(
            {"seconds": st.integers(-62_135_596_800, 253_402_300_799), "nanos": st.integers(0, 999_999_999)}
        ),
        "wrapped": st.fixed_dictionaries({"value": LONGS}),
        "nothing": st.integers(0, 2),
    },
)


@given(ORDER_VALUES, st.dictionaries(st.booleans(), st.floats(width=32)))
def test_a_message_is_the_json_that_protobuf_makes_of_it(members: dict[str, Any], flags: Any) -> None:
    order = ORDER(**members, flags=flags)
    value = order.SerializeToString()
    for decoder, options in (
        (ORDERS, {}),
        (DECLARED, {"preserving_proto_field_name": True}),
        (WHOLE, {"always_print_fields_with_no_presence": True}),
    ):
        assert json.loads(decoder.decode(value, (1,))) == json_format.MessageToDict(order, **options)


@given(ORDER_VALUES, st.data())
def test_random_and_mutated_bytes_are_json_or_refused(members: dict[str, Any], data: st.DataObject) -> None:
    value = ORDER(**members).SerializeToString()
    at, length = data.draw(st.integers(0, len(value))), data.draw(st.integers(0, 3))
    mutated = value[:at] + data.draw(st.binary(max_size=20)) + value[at + length :]
    try:
        json.loads(ORDERS.decode(mutated, (1,)))
    except EventError as error:
        assert error.code == "invalid_event"  # noqa: PT017


def test_a_message_is_found_by_its_indexes_and_those_of_maps_are_not_counted() -> None:
    assert ORDERS.decode(b"\n\1p", (0,)) == b'{"id":"p"}'
    assert ORDERS.decode(b"\n\1S", (1, 0)) == b'{"sku":"S"}'
    assert ORDERS.decode(b"\x08\1", (1, 1)) == b'{"here":true}'
    assert ORDERS.decode(b"", (0,)) == b"{}"
    for indexes in ((2,), (1, 2), (0, 0), ()):
        with pytest.raises(EventError, match="no message"):
            ORDERS.decode(b"", indexes)


@pytest.mark.parametrize(
    ("nanos", "digits"),
    [(0, ""), (5_000_000, ".005"), (5_000, ".000005"), (5, ".000000005"), (999_999_999, ".999999999")],
)
def test_a_moment_has_as_many_digits_as_it_needs(nanos: int, digits: str) -> None:
    order = ORDER(placed_at={"seconds": 59, "nanos": nanos})
    written = ORDERS.decode(order.SerializeToString(), (1,)).decode()
    assert written == f'{{"placedAt":"1970-01-01T00:00:59{digits}Z"}}'


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"\x22\5ab", "no shop.Order"),
        (b"\x22\1\xff", "no shop.Order"),
        (b"\x42\x02\x1a\x00" * 1, ""),
        (b"\x4a\x0b\x10" + b"\xff" * 9 + b"\1", "no text for"),
        (b"\xba\x01\x05\x0a\x03a/b", "no text for"),
    ],
)
def test_what_is_no_message_or_has_no_json_is_refused(value: bytes, says: str) -> None:
    if not says:
        assert ORDERS.decode(value, (1,)) == b'{"lines":[{"again":{}}]}'
        return
    with pytest.raises(EventError, match=says):
        ORDERS.decode(value, (1,))


def test_messages_within_messages_end_where_the_parser_ends() -> None:
    value = b""
    for _ in range(300):
        inner = b"\x1a" + _varint(len(value)) + value
        value = b"\x42" + _varint(len(inner)) + inner
    with pytest.raises(EventError, match=r"no shop\.Order"):
        ORDERS.decode(value, (1,))


@pytest.mark.parametrize("levels", [51, 3_000])
def test_anything_within_anything_is_refused_before_much_is_read_again_and_again(levels: int) -> None:
    value = b""
    for _ in range(levels):
        value = anything("google.protobuf.Any", value)
    with pytest.raises(EventError, match="no text for"):
        ORDERS.decode(b"\xba\x01" + _varint(len(value)) + value, (1,))


@given(LONGS, TEXTS)
def test_anything_is_what_protobuf_makes_of_its_type(number: int, text: str) -> None:
    for inner, members in (("shop.Order", {"number": number}), ("shop.Ping", {"id": text})):
        kind = message_factory.GetMessageClass(ORDERS._pool.FindMessageTypeByName(inner))
        order = ORDER(
            any={"type_url": f"type.googleapis.com/{inner}", "value": kind(**members).SerializeToString()}
        )
        wanted = json_format.MessageToDict(order, descriptor_pool=ORDERS._pool)
        assert json.loads(ORDERS.decode(order.SerializeToString(), (1,))) == wanted
    wrapped = anything("google.protobuf.Int64Value", b"\x08\5")
    assert json.loads(ORDERS.decode(b"\xba\x01" + _varint(len(wrapped)) + wrapped, (1,))) == {
        "any": {"@type": "type.googleapis.com/google.protobuf.Int64Value", "value": "5"}
    }
    assert ORDERS.decode(b"\xba\x01\0", (1,)) == b'{"any":{}}'


def anything(name: str, value: bytes) -> bytes:
    url = b"type.googleapis.com/" + name.encode()
    return b"\x0a" + _varint(len(url)) + url + b"\x12" + _varint(len(value)) + value


LONG = "x" * 1_000
GREEDY = f"""
syntax = "proto3";
enum Size {{ {LONG} = 0; }}
message Item {{ {" ".join(f"string {LONG}{n} = {n};" for n in range(1, 100))} }}
message Basket {{ repeated Item items = 1; repeated Size sizes = 2; map<int32, Size> by_number = 3; }}
"""


@pytest.mark.parametrize(
    "value", [b"\x0a\0" * 50_000, b"\x12\xa0\x8d\6" + bytes(100_000), b"\x0a\3\x0a\1a" * 50_000]
)
def test_few_bytes_do_not_become_many_by_long_names_and_defaults(value: bytes) -> None:
    greedy = ProtobufDecoder(files(GREEDY), policy=ProtobufPolicy(with_defaults=True))
    with pytest.raises(EventError, match="comes to more than its length has room for"):
        greedy.decode(value, (1,))


def test_what_is_called_like_a_well_known_type_and_is_another_is_refused() -> None:
    text = 'syntax = "proto3"; package google.protobuf; message Timestamp { string x = 1; }'
    text += "message Any { int32 y = 1; }"
    foreign = ProtobufDecoder(files(text))
    for indexes, value in (((0,), b"\x0a\1a"), ((1,), b"\x08\1")):
        with pytest.raises(EventError, match="no text for"):
            foreign.decode(value, indexes)


def test_messages_are_known_by_their_names() -> None:
    assert ORDERS.messages() == {
        "shop.Ping": (0,),
        "shop.Order": (1,),
        "shop.Order.Line": (1, 0),
        "shop.Order.Inner": (1, 1),
    }


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def test_proto2_has_groups_and_extensions_and_its_texts_are_utf_8_too() -> None:
    old = ProtobufDecoder(files(PROTO2))
    assert old.decode(b"\x1b\x08\x05\x1c", (0,)) == b'{"nested":{"a":5}}'
    assert old.decode(b"\xa0\x06\x07", (0,)) == b'{"[added]":7}'
    assert old.decode(b"", (0,)) == b"{}", "who read it before took a required field that is missing for none"
    assert old.decode("\n\2ü".encode(), (0,)) == '{"text":"ü"}'.encode()
    with pytest.raises(EventError, match="no text for"):
        old.decode(b"\n\1\xff", (0,))


def test_who_does_not_say_which_message_it_is_means_the_only_one() -> None:
    assert ProtobufDecoder(files(PROTO2)).only_message() == (0,)
    with pytest.raises(EventError, match="does not say which message"):
        ORDERS.only_message()


@pytest.mark.parametrize("name", [b"order_id", b"orderId", b"UNKNOWN", b"Ping", b"shop", b"Line"])
def test_a_descriptor_with_a_name_that_is_not_utf_8_is_refused_before_it_is_used(name: bytes) -> None:
    broken = FILES[-1].replace(name, b"\xd6" * len(name))
    assert broken != FILES[-1]
    with pytest.raises(EventError, match="no file of messages") as error:
        ProtobufDecoder([*FILES[:-1], broken])
    assert error.value.code == "invalid_schema"


@pytest.mark.parametrize("wrong", [[], [b"\xff"], [FILES[-1]], [b""]])
def test_files_that_are_none_or_lack_what_they_import_are_refused(wrong: list[bytes]) -> None:
    with pytest.raises(EventError, match=r"schema 7 (is no file of|has no) messages"):
        ProtobufDecoder(wrong, name="schema 7")

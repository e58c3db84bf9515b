"""A schema file becomes what decodes values, or a fault of the configuration with its remedy."""

import sys
from pathlib import Path
from typing import Literal

import pytest

from processor.core.record.format import AvroPolicy, FormatPolicy, ProtobufPolicy, SchemaFilePolicy
from processor.core.record.protobuf.descriptors import files_in
from processor.errors import ConfigError, EventError
from processor.formats.protoc import compiled
from processor.formats.schema_file import MOST_BYTES, Decode, decode_by

MONEY = 'syntax = "proto3"; package common; message Money { int64 units = 1; }'
ORDER = """
syntax = "proto3";
package shop;
import public "common/money.proto"; import 'google/protobuf/timestamp.proto';
message Ping {}
message Order {
  message Line { int32 count = 1; }
  common.Money price = 1; string order_id = 2; Line line = 3;
}
"""
VALUE = b"\x0a\2\x08\5\x12\1x"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of schemas."""
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "money.proto").write_text(MONEY, encoding="utf-8")
    (tmp_path / "order.proto").write_text(ORDER, encoding="utf-8")
    (tmp_path / "order.desc").write_bytes(compiled(ORDER, {"common/money.proto": MONEY}, file="shop/o.proto"))
    (tmp_path / "one.proto").write_text(MONEY, encoding="utf-8")
    (tmp_path / "einzel satz.proto").write_text(MONEY, encoding="utf-8-sig")
    (tmp_path / "price.avsc").write_text('["null", "float"]', encoding="utf-8-sig")
    return tmp_path


def decode(
    file: Path,
    form: Literal["avro", "protobuf"] = "protobuf",
    message: str | None = None,
    policy: FormatPolicy = FormatPolicy(),  # noqa: B008
) -> Decode:
    made = decode_by(SchemaFilePolicy(form, str(file), message, policy))
    assert made
    return made


def test_where_values_are_json_nobody_decodes() -> None:
    assert decode_by(None) is None


def test_avro_is_decoded_by_its_schema_and_written_as_is_wanted(folder: Path) -> None:
    file = folder / "price.avsc"
    assert decode(file, "avro")(b"\2\xcd\xcc\x8c\x3f") == b"1.1"
    tagged = FormatPolicy(AvroPolicy(unions_tagged=True))
    assert decode(file, "avro", policy=tagged)(b"\2\xcd\xcc\x8c\x3f") == b'{"float":1.1}'


@pytest.mark.parametrize("name", ["order.proto", "order.desc"])
def test_a_message_is_decoded_by_its_name(folder: Path, name: str) -> None:
    assert decode(folder / name, message="shop.Order")(VALUE) == b'{"price":{"units":"5"},"orderId":"x"}'
    assert decode(folder / name, message="shop.Order.Line")(b"\x08\7") == b'{"count":7}'
    declared = FormatPolicy(protobuf=ProtobufPolicy(names_as_declared=True, with_defaults=True))
    assert decode(folder / name, message="shop.Order", policy=declared)(b"") == b'{"order_id":""}'


def test_of_a_descriptor_set_any_file_may_have_the_message(folder: Path) -> None:
    assert decode(folder / "order.desc", message="common.Money")(b"\x08\5") == b'{"units":"5"}'


@pytest.mark.parametrize("name", ["one.proto", "einzel satz.proto"])
def test_the_only_message_needs_no_name(folder: Path, name: str) -> None:
    assert decode(folder / name)(b"") == b"{}"


def test_a_value_that_is_none_is_refused_as_an_event(folder: Path) -> None:
    with pytest.raises(EventError, match=r"no common\.Money") as error:
        decode(folder / "one.proto")(b"\xff")
    assert error.value.code == "invalid_event"


@pytest.mark.parametrize(
    ("form", "name", "message", "told"),
    [
        ("avro", "order.proto", None, "record.schema_file: order.proto is not JSON"),
        ("avro", "order.desc", None, "record.schema_file: order.desc is not UTF-8 text"),
        ("avro", ".", None, "cannot be read: Is a directory"),
        ("protobuf", "price.avsc", None, "record.schema_file: price.avsc does not compile: price.avsc:1:1"),
        ("protobuf", "order.proto", None, "record.message: is needed: order.proto has several"),
        ("protobuf", "order.desc", None, "write one of shop.Ping, shop.Order, shop.Order.Line"),
        ("protobuf", "order.proto", "shop.Ordr", "record.message: is no message of order.proto: shop.Ordr"),
        ("protobuf", "order.proto", "common.Money", "write one of shop.Ping, shop.Order, shop.Order.Line"),
        ("protobuf", "junk", None, "junk is neither a text nor a FileDescriptorSet (give a .proto or what"),
        ("protobuf", "empty.desc", None, "empty.desc is neither a text nor a FileDescriptorSet"),
        ("protobuf", "alone.desc", "shop.Order", "alone.desc does not compile: "),
        ("protobuf", "alone.proto", None, "common/nowhere.proto"),
        ("avro", "huge.avsc", None, f"has more than {MOST_BYTES} bytes"),
    ],
)
def test_what_cannot_be_used_is_told_with_place_and_remedy(
    folder: Path,
    form: Literal["avro", "protobuf"],
    name: str,
    message: str | None,
    told: str,
) -> None:
    (folder / "junk").write_bytes(b"\0\xff\1")
    (folder / "empty.desc").write_bytes(b"\x12\0")
    (folder / "alone.desc").write_bytes(b"".join(b"\x0a" + length(each) + each for each in alone()))
    (folder / "alone.proto").write_text('syntax = "proto3"; import "common/nowhere.proto";', encoding="utf-8")
    with (folder / "huge.avsc").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ConfigError) as error:
        decode(folder / name, form, message)
    (problem,) = error.value.problems
    assert told in str(problem)
    assert "/proc/" not in str(problem)


def alone() -> list[bytes]:
    """A file without what it imports."""
    return files_in(compiled(ORDER, {"common/money.proto": MONEY}))[-1:]


def length(content: bytes) -> bytes:
    number = len(content)
    return bytes((number,)) if number < 128 else bytes((number & 127 | 128, number >> 7))


def test_files_that_import_each_other_are_read_once(folder: Path) -> None:
    (folder / "a.proto").write_text('syntax = "proto3"; import "b.proto";', encoding="utf-8")
    (folder / "b.proto").write_text('syntax = "proto3"; import "a.proto";', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"a\.proto"):
        decode(folder / "a.proto")


@pytest.mark.parametrize("library", ["google", "google.protobuf", "google.type", "grpc_tools"])
def test_without_the_libraries_protobuf_is_refused_and_avro_is_decoded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=r"install kafka-webhook-processor\[formats\]"):
        decode(folder / "one.proto")
    assert decode(folder / "price.avsc", "avro")(b"\0") == b"null"

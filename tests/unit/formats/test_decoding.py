"""A schema, as a registry or a file says it, becomes what decodes its values."""

from base64 import b64encode

import pytest

from processor.core.record.protobuf.descriptors import files_in
from processor.errors import EventError
from processor.formats.decoding import MOST_CHARACTERS, Reference, Schema, SchemaType, decoder
from processor.formats.protoc import MOST_FILES, compiled

MONEY = 'syntax = "proto3"; package common; message Money { int64 units = 1; }'
ORDER = (
    'syntax = "proto3"; import "common/money.proto"; import "google/protobuf/timestamp.proto";'
    "message Order { common.Money price = 1; google.protobuf.Timestamp at = 2; }"
)
VALUE, JSON = b"\x0a\2\x08\5\x12\0", b'{"price":{"units":"5"},"at":"1970-01-01T00:00:00Z"}'
POINT = '{"type": "record", "name": "Point", "namespace": "geo", "fields": [{"name": "x", "type": "int"}]}'


def stored(text: str, imports: dict[str, str]) -> str:
    """What some registries answer in place of a text."""
    return b64encode(files_in(compiled(text, imports))[-1]).decode()


def test_avro_is_decoded_with_the_types_that_it_refers_to() -> None:
    schema = Schema('{"type": "array", "items": "geo.Point"}', references=[Reference("points", POINT)])
    assert decoder(schema, name="schema 7").decode(b"\2\6\0") == b'[{"x":3}]'


def test_what_has_a_json_schema_is_json() -> None:
    assert decoder(Schema("{}", SchemaType.JSON), name="schema 7").decode(b"[1.10]") == b"[1.10]"


@pytest.mark.parametrize("money", [MONEY, stored(MONEY, {})])
@pytest.mark.parametrize("order", [ORDER, stored(ORDER, {"common/money.proto": MONEY})])
def test_protobuf_is_decoded_whether_text_or_descriptors_come(order: str, money: str) -> None:
    made = decoder(
        Schema(order, SchemaType.PROTOBUF, [Reference("common/money.proto", money)]), name="schema 7"
    )
    assert made.decode(b"\0" + VALUE) == JSON
    assert made.decode(VALUE, b"\2\0") == JSON
    assert made.decode(VALUE, b"") == JSON


def test_a_reference_may_be_called_as_we_call_the_schema() -> None:
    text = 'syntax = "proto3"; import "schema.proto"; message A { common.Money b = 1; }'
    made = decoder(Schema(text, SchemaType.PROTOBUF, [Reference("schema.proto", MONEY)]), name="schema 7")
    assert made.decode(b"\0\x0a\2\x08\5") == b'{"b":{"units":"5"}}'


def test_what_others_ship_is_imported_without_a_reference() -> None:
    text = (
        'syntax = "proto3"; import "google/type/money.proto"; import "confluent/types/decimal.proto";'
        'import "confluent/meta.proto"; import "confluent/type/variant.proto";'
        'message A { google.type.Money a = 1 [(confluent.field_meta).doc = "x"]; '
        "confluent.type.Decimal b = 2; }"
    )
    made = decoder(Schema(text, SchemaType.PROTOBUF), name="schema 7")
    assert made.decode(b"\0\x12\5\x0a\1\5\x18\2") == b'{"b":{"value":"BQ==","scale":2}}'


def test_a_value_says_which_of_several_messages_it_is_and_no_more() -> None:
    made = decoder(
        Schema('syntax = "proto3"; message A {} message B {}', SchemaType.PROTOBUF), name="schema 7"
    )
    with pytest.raises(EventError, match="does not say which message") as error:
        made.decode(b"", b"")
    assert error.value.code == "invalid_event"
    with pytest.raises(EventError, match="behind its message indexes"):
        made.decode(b"", b"\2\2\1")


@pytest.mark.parametrize(
    "schema",
    [
        Schema("{"),
        Schema("message", SchemaType.PROTOBUF),
        Schema(ORDER, SchemaType.PROTOBUF),
        Schema(ORDER, SchemaType.PROTOBUF, [Reference("a:b=/etc", MONEY)]),
        Schema(ORDER, SchemaType.PROTOBUF, [Reference("../money.proto", MONEY)]),
        Schema(ORDER, SchemaType.PROTOBUF, [Reference("-I", MONEY)]),
        Schema(ORDER, SchemaType.PROTOBUF, [Reference(f"{n}.proto", "") for n in range(MOST_FILES + 1)]),
        Schema('syntax = "proto3"; enum A { B = 0; }', SchemaType.PROTOBUF),
        Schema("A" * (MOST_CHARACTERS + 1), SchemaType.JSON),
    ],
)
def test_a_schema_that_is_none_is_refused_by_its_name(schema: Schema) -> None:
    with pytest.raises(EventError, match="schema 7") as error:
        decoder(schema, name="schema 7")
    assert error.value.code == "invalid_schema"

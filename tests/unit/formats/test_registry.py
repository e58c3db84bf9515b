"""What decodes the frames that name a schema of a registry."""

import pytest

from processor.core.record.format import AvroPolicy, FormatPolicy
from processor.core.record.frame import Frame, Schema
from processor.core.record.registry.references import Whole
from processor.errors import EventError
from processor.formats.registry import made

SEVEN = Schema("id", 7)


def test_a_schema_with_what_it_refers_to_decodes_frames_by_the_operators_choice() -> None:
    text = '{"type":"record","name":"R","fields":[{"name":"u","type":["null","a.B"]}]}'
    refers = {"a.B": '{"type":"enum","name":"B","namespace":"a","symbols":["X","Y"]}'}
    policy = FormatPolicy(avro=AvroPolicy(unions_tagged=True))
    whole = Whole("schema 7", text, "AVRO", refers)
    assert made(policy, whole)(Frame(SEVEN, b"\2\2")) == b'{"u":{"a.B":"Y"}}'


def test_indexes_of_a_protobuf_message_stand_in_the_value_or_in_the_header() -> None:
    text = 'syntax = "proto3"; message A { string a = 1; } message B { string b = 1; }'
    decode = made(FormatPolicy(), Whole("schema 7", text, "PROTOBUF"))
    assert decode(Frame(SEVEN, b"\2\2\n\1x")) == b'{"b":"x"}'
    assert decode(Frame(SEVEN, b"\n\1x", b"\0")) == b'{"a":"x"}'


def test_a_value_by_a_json_schema_is_passed_on_where_it_is_an_object() -> None:
    decode = made(FormatPolicy(), Whole("schema 7", "{}", "JSON"))
    assert decode(Frame(SEVEN, b' {"a": 1.10}')) == b' {"a": 1.10}'
    with pytest.raises(EventError, match="no JSON object"):
        decode(Frame(SEVEN, b"[1]"))


def test_a_schema_of_another_kind_is_refused_by_its_name() -> None:
    with pytest.raises(EventError, match="schema 7 is written in XML, not in AVRO, PROTOBUF, JSON") as error:
        made(FormatPolicy(), Whole("schema 7", "<x/>", "XML"))
    assert error.value.code == "invalid_schema"

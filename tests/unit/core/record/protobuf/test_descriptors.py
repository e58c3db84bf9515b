"""Files of Protobuf are handed on as bytes, one by one and as a set."""

from base64 import b64encode
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from processor.core.record.protobuf.descriptors import as_set, descriptor_in, fault_of, files_in, of_message
from processor.formats.protoc import compiled

TEXT = 'syntax = "proto3"; import "google/protobuf/timestamp.proto"; message A { string b = 1; }'
FILES = files_in(compiled(TEXT, {}))


def test_a_descriptor_in_base64_is_told_from_a_text() -> None:
    assert descriptor_in(b64encode(FILES[-1]).decode()) == FILES[-1]
    for text in (TEXT, "", "AAAA", "message", "Cgd4"):
        assert descriptor_in(text) is None


def test_files_have_the_names_that_they_are_imported_by() -> None:
    (file,) = files_in(as_set({"a/b.proto": FILES[-1]}))
    assert b"\n\x09a/b.proto" in file
    assert len(FILES) == 2


def test_what_is_no_set_of_files_is_told() -> None:
    with pytest.raises(ValueError, match="no FileDescriptorSet"):
        files_in(b"\xff")


def test_the_file_of_a_message_is_found_by_the_name_that_the_message_has_in_its_package() -> None:
    stored = compiled(
        'syntax = "proto3"; package a.b; message C { message D {} } message E {}', {}, file="c.proto"
    )
    stored += compiled('syntax = "proto3"; message A { message E {} }', {}, file="a.proto")
    for name, file in (
        ("a.b.C", "c.proto"),
        ("a.b.C.D", "c.proto"),
        ("a.b.E", "c.proto"),
        ("A.E", "a.proto"),
    ):
        assert of_message(stored, name) == file
    for other in (None, "E", "a.b", "a.b.CD", "C"):
        assert of_message(stored, other) == "a.proto"


@pytest.mark.parametrize("stored", [b"", b"\xff", b"\x12\0"])
def test_without_files_there_is_none(stored: bytes) -> None:
    with pytest.raises(ValueError, match="neither a text nor a FileDescriptorSet"):
        of_message(stored, None)


@pytest.mark.parametrize("kind", ["message", "enum", "inner"])
def test_ranges_that_are_compared_with_each_other_for_long_are_a_fault(kind: str) -> None:
    file = descriptor_pb2.FileDescriptorProto(name="a.proto", syntax="proto3")
    outer = file.message_type.add(name="M")
    of: dict[str, Any] = {
        "message": outer.nested_type.add(name="N"),
        "enum": file.enum_type.add(name="E"),
        "inner": outer.enum_type.add(name="F"),
    }
    assert fault_of(file.SerializeToString()) is None
    for number in range(8_000):
        of[kind].reserved_range.add(start=2 * number, end=2 * number + 1)
    assert "too many reserved or extension ranges" in str(fault_of(file.SerializeToString()))


def test_options_that_are_text_are_a_fault_and_the_bytes_of_their_number_are_none() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="a.proto", syntax="proto3")
    field = file.message_type.add(name="\u00ba>").field.add(name="f", number=1)
    file.options.java_package = "x"
    assert fault_of(file.SerializeToString()) is None
    field.options.uninterpreted_option.add(aggregate_value="x {}")
    assert fault_of(file.SerializeToString()) == "is a descriptor whose options are not compiled"

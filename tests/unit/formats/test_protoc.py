"""A .proto is compiled without a file, and what is wrong with it is told with its own names."""

from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from processor.errors import EventError
from processor.formats.protoc import MOST_BLOCKS, MOST_BYTES, compiled

MONEY = 'syntax = "proto3"; package common; message Money { int64 units = 1; }'
ORDER = (
    'syntax = "proto3"; import "common/money.proto"; import "google/protobuf/timestamp.proto";'
    "message Order { common.Money price = 1; google.protobuf.Timestamp at = 2; }"
)


def test_a_text_is_compiled_with_what_it_imports() -> None:
    found = descriptor_pb2.FileDescriptorSet.FromString(compiled(ORDER, {"common/money.proto": MONEY}))
    assert [each.name for each in found.file] == [
        "common/money.proto",
        "google/protobuf/timestamp.proto",
        "schema.proto",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("message", r"schema 7 does not compile: schema\.proto:1:8"),
        (ORDER, r"common/money\.proto"),
        ('syntax = "proto3";' + "message A {" * 100 + "}" * 100, "recursion limit for nested messages"),
        ("{" * (MOST_BLOCKS + 1), "more than"),
        ("/" * (MOST_BYTES + 1), "more than"),
    ],
)
def test_what_does_not_compile_is_refused_and_nothing_is_said_or_left_open(
    text: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(EventError, match=says) as error:
        compiled(text, {}, name="schema 7")
    assert error.value.code == "invalid_schema"
    assert "/proc/" not in error.value.message
    assert capfd.readouterr() == ("", "")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.slow
def test_groups_as_deep_as_blocks_may_be_are_refused_in_words() -> None:
    deep = "optional group A = 1 {" * (MOST_BLOCKS - 1) + "}" * (MOST_BLOCKS - 1)
    with pytest.raises(EventError, match="recursion limit"):
        compiled(f'syntax = "proto2"; message A {{ {deep} }}', {})

"""What is nested so deep that the compiler ends the process is refused before, and nothing else is."""

from base64 import b64encode

import pytest
from google.protobuf import descriptor_pb2

from processor.core.record.format import ProtobufPolicy
from processor.errors import EventError
from processor.formats.protobuf import FramedDecoder
from processor.formats.protoc import compiled

OPTION = """syntax = "proto2"; import "google/protobuf/descriptor.proto";
message X { optional X x = 1; repeated X many = 2; optional int32 i = 3; optional string s = 4; }
extend google.protobuf.FileOptions { optional X of = 50000; } // "{ { {
option (of)%s;
message A { map<string, int32> m = 1; optional double d = 2 [default = 0.5, deprecated = true]; }"""


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (" = {" + "x: <" * 110 + ">" * 110 + "}", "more than 48 brackets"),
        (" = {" + "x {" * 3000 + "}" * 3000 + "}", "more than 48 brackets"),
        (" = {" + "many: [{" * 60 + "}]" * 60 + "}", "more than 48 brackets"),
        (".x" * 110 + ".i = 1", "more than 40 parts"),
        (".x" * 38 + ".x = {" + "x {" * 50 + "}" * 50 + "}", "more than 48 brackets"),
        (' = {s: "' + "}" * 60 + '"' + "x {" * 60 + "}" * 60 + "}", "more than 48 brackets"),
        (" = { /* " + "} " * 60 + "*/" + "x {" * 60 + "}" * 60 + "}", "more than 48 brackets"),
        (" = { ] x { } }", "closes nothing"),
    ],
)
def test_options_of_which_the_compiler_ends_the_process_do_not_get_to_it(value: str, says: str) -> None:
    with pytest.raises(EventError, match=says) as refused:
        compiled(OPTION % value, {}, name="schema 7")
    assert refused.value.code == "invalid_schema"


@pytest.mark.parametrize(
    "value",
    [
        " = {" + "x {" * 45 + "}" * 45 + "}",
        ".x" * 39 + " = {" + "x <" * 45 + ">" * 45 + "}",
        " = {s: '\"{{{<<<[[[' " + "many {i: 1} many {i: 2} " * 30 + "}",
    ],
)
def test_options_that_are_as_deep_as_may_be_are_compiled(value: str) -> None:
    assert compiled(OPTION % value, {})


@pytest.mark.slow
@pytest.mark.parametrize("text", ['"' + r"\"" * 200_000, "/*" * 200_000, "'\n" * 5_000, "<" * 200_000])
def test_what_does_not_end_is_looked_at_once(text: str) -> None:
    with pytest.raises(EventError):
        compiled(text, {})


def test_a_descriptor_whose_options_are_text_is_refused_and_one_of_a_compiled_file_is_not() -> None:
    file = descriptor_pb2.FileDescriptorSet.FromString(compiled(OPTION % ".i = 7", {})).file[-1]

    def decoder() -> FramedDecoder:
        return FramedDecoder(b64encode(file.SerializeToString()).decode(), {}, ProtobufPolicy(), "schema 7")

    assert decoder() is not None
    option = file.message_type[0].field[0].options.uninterpreted_option.add()
    option.name.add(name_part="of", is_extension=True)
    option.aggregate_value = "x {" * 200 + "}" * 200
    with pytest.raises(EventError, match="options are not compiled"):
        decoder()


RANGES = ",".join(str(30_001 + 2 * number) for number in range(20_000))
FIELDS = " ".join(f"int32 f{number} = {number};" for number in range(1, 5_000))


@pytest.mark.parametrize(
    "text",
    [
        f"message M {{ reserved {RANGES}; {FIELDS} }}",
        "message M { " + RANGES.replace(",", ";").replace("3", "reserved 3") + "; }",
        f"message M {{ extensions /*;*/ {RANGES}; }}",
    ],
)
def test_what_takes_the_compiler_the_square_of_its_length_is_refused(text: str) -> None:
    with pytest.raises(EventError, match="too many reserved or extension ranges"):
        compiled('syntax = "proto2"; ' + text, {})


def test_a_file_with_as_many_as_any_has_is_compiled() -> None:
    ranges = RANGES[: 6 * 2_000 - 1]
    assert compiled(f'syntax = "proto3"; message M {{ reserved {ranges}; {FIELDS} }}', {})

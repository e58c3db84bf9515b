"""A frame says which schema wrote a value; what has none is refused in words."""

import zlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.record.frame import MOST_INFLATED, Frame, Framing, Schema, message_indexes, read
from processor.errors import EventError
from processor.model import RecordHeaders

GUID = UUID("89791762-2336-4186-9674-299b90a802e2")
BY_GUID = Schema("guid", str(GUID))
FRAMINGS: list[Framing] = ["confluent", "apicurio8", "glue"]
GLUE_ZLIB = b"\x03\x05" + GUID.bytes


def refused(value: bytes, headers: RecordHeaders | None = None, framing: Framing = "confluent") -> str:
    """What the error says."""
    with pytest.raises(EventError) as error:
        read(value, headers, framing)
    assert error.value.code == "invalid_event"
    return error.value.message


@pytest.mark.parametrize(
    ("value", "headers", "framing", "frame"),
    [
        (b"\0\0\0\1\2abc", (), "confluent", Frame(Schema("id", 258), b"abc")),
        (b"\0\xff\xff\xff\xff", None, "confluent", Frame(Schema("id", 2**32 - 1), b"")),
        (b"\1" + GUID.bytes + b"abc", (), "confluent", Frame(BY_GUID, b"abc")),
        (b"\0" + bytes(7) + b"\7abc", (), "apicurio8", Frame(Schema("global_id", 7), b"abc")),
        (b"\3\0" + GUID.bytes + b"abc", (), "glue", Frame(BY_GUID, b"abc")),
        (GLUE_ZLIB + zlib.compress(b"abc"), (), "glue", Frame(BY_GUID, b"abc")),
    ],
)
def test_a_value_says_which_schema_wrote_it(
    value: bytes, headers: RecordHeaders | None, framing: Framing, frame: Frame
) -> None:
    assert read(value, headers, framing) == frame


def test_people_are_told_of_a_schema_by_its_value() -> None:
    assert f"{Schema('id', 7)} {BY_GUID}" == f"schema 7 schema {GUID}"


@pytest.mark.parametrize(
    ("name", "header", "schema", "rest"),
    [
        ("__value_schema_id", b"\1" + GUID.bytes, BY_GUID, b""),
        ("__value_schema_id", b"\0\0\0\0\7\2\2", Schema("id", 7), b"\2\2"),
        ("apicurio.value.globalId", bytes(7) + b"\7", Schema("global_id", 7), b""),
        ("apicurio.value.contentId", bytes(7) + b"\7", Schema("content_id", 7), b""),
    ],
)
def test_a_header_decides_before_the_value_and_the_last_of_its_name_counts(
    name: str, header: bytes, schema: Schema, rest: bytes
) -> None:
    value = b"\0\0\0\0\1abc"
    headers = ((name, b"none"), ("other", b"\0\0\0\0\1"), (name, header), ("__key_schema_id", b"\0\0\0\0\2"))
    for framing in FRAMINGS:
        assert read(value, headers, framing) == Frame(schema, value, rest)


@pytest.mark.parametrize(
    ("value", "framing", "says"),
    [
        (b'{"a":1}', "confluent", "set record.value: json"),
        (b"[1]", "apicurio8", "set record.value: json"),
        (b'{"a":1}', "glue", "set record.value: json"),
        (b"", "confluent", "empty"),
        (b"\0\0\0\1", "confluent", "ends within the frame of a schema registry, after 4 bytes"),
        (b"\1" + bytes(15), "confluent", "after 16 bytes"),
        (b"\0" + bytes(7), "apicurio8", "after 8 bytes"),
        (b"\3\0" + bytes(15), "glue", "after 17 bytes"),
        (b"\x02abcdefgh", "confluent", "begins with 02, not with 00 or 01"),
        (b"\x01abcdefgh", "apicurio8", "begins with 01, not with 00"),
        (b"\x03\1" + bytes(16), "glue", "begins with 03, not with 03 00 or 03 05"),
        (b"\3\0" + bytes(16), "confluent", "set schema_registry.framing: glue"),
        (GLUE_ZLIB + b"abc", "glue", "not what zlib compresses"),
        (GLUE_ZLIB + zlib.compress(b"abc")[:-1], "glue", "ends early"),
        (GLUE_ZLIB + zlib.compress(b"abc") + b"x", "glue", "something stands behind it"),
        (GLUE_ZLIB + zlib.compress(bytes(MOST_INFLATED + 1)), "glue", "when it is inflated"),
    ],
)
def test_a_value_without_its_frame_is_refused_in_words(value: bytes, framing: Framing, says: str) -> None:
    assert says in refused(value, framing=framing)


def test_what_inflates_to_no_more_than_may_be_is_read() -> None:
    frame = read(GLUE_ZLIB + zlib.compress(bytes(MOST_INFLATED - 1)), None, "glue")
    assert len(frame.payload) == MOST_INFLATED - 1


@pytest.mark.parametrize(
    ("name", "header", "says"),
    [
        ("__value_schema_id", None, "the header __value_schema_id is empty"),
        ("__value_schema_id", b"\0\0\0", "the header __value_schema_id ends within"),
        ("__value_schema_id", b"7", "the header __value_schema_id has no frame"),
        ("apicurio.value.globalId", b"\0\0\0\7", "not of 8 bytes"),
        ("apicurio.value.contentId", None, "not of 8 bytes"),
    ],
)
def test_a_header_that_names_no_schema_is_refused(name: str, header: bytes | None, says: str) -> None:
    assert says in refused(b"\0\0\0\0\1abc", ((name, header),))


@pytest.mark.parametrize(
    ("data", "indexes", "length"),
    [(b"\0\n", (0,), 1), (b"\2\2\n", (1,), 2), (b"\4\2\0\n", (1, 0), 3), (b"\2\x80\1", (64,), 3)],
)
def test_message_indexes_name_a_message_from_the_outermost_inwards(
    data: bytes, indexes: tuple[int, ...], length: int
) -> None:
    assert message_indexes(data) == (indexes, length)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "ends within the message indexes"),
        (b"\4\2", "ends within the message indexes"),
        (b"\xff" * 9, "too large"),
        (b"\1\2", "it says -1 message indexes"),
        (b"\x80\x80\1", "message indexes, between 1 and 100 can be"),
        (b"\2\1", "negative"),
    ],
)
def test_message_indexes_that_are_none_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(EventError, match=says):
        message_indexes(data)


@given(
    st.binary(max_size=40) | st.binary(max_size=40).map(lambda rest: GLUE_ZLIB + zlib.compress(rest)),
    st.sampled_from(FRAMINGS),
    st.none() | st.binary(max_size=20),
)
def test_any_bytes_have_a_frame_or_are_refused(value: bytes, framing: Framing, header: bytes | None) -> None:
    for headers in (None, (("__value_schema_id", header),), (("apicurio.value.globalId", header),)):
        try:
            frame = read(value, headers, framing)
            message_indexes(frame.payload if frame.rest is None else frame.rest)
        except EventError as error:
            assert error.code == "invalid_event"  # noqa: PT017

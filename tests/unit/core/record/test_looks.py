"""What is no event is called by its name, and any bytes at all are looked at without harm."""

import gzip
import json
import zlib
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.record.looks import SAMPLE, looks_like
from processor.core.request.events import parse
from processor.core.request.filters import FilterPolicy
from processor.core.request.transform import RequestPolicy
from processor.errors import EventError
from processor.traffic.preparation import Preparation
from tests.support.builders import prepared

CASES: list[tuple[str, str | None, list[list[str]]]] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "formats.json").read_text()
)
"""Values as topics carry them, each byte a character."""
FOUND = {
    "confluent-avro": "frame (schema 1)",
    "confluent-avro-record-0x7b": "frame (schema 123)",
    "confluent-protobuf": "frame (schema 2)",
    "confluent-json-schema": "JSON behind a schema registry's frame (schema 3), for record.value: registry",
    "confluent-v8-header-guid-avro": "binary data",
    "apicurio-8-byte-json": "id 7, in 8 bytes",
    "glue-avro": "AWS Glue",
    "azure-avro": "binary data",
    "raw-avro-object-container": "Avro container",
    "raw-avro-no-frame": "binary data, such as Avro",
    "protobuf-raw": "Protobuf",
    "messagepack": "MessagePack",
    "bson": "BSON",
    "gzip-json": "gzip",
    "cloudevents-binary-text": "plain text",
    "cloudevents-binary-no-data": "empty",
    "json-string": "a JSON text",
    "json-double-encoded": "encoded twice",
    "plain-string": "plain text",
    "plain-number-int": "IntegerSerializer",
    "empty-value": "empty",
    "spaces": "blank",
    "json-bom": "byte order mark",
    "json-utf16": "UTF-16",
    "json-latin1": "Latin-1",
    "json-trailing-nul": "NUL",
    "ndjson-two": "several JSON documents",
    "json5-single-quotes": "Python dict",
    "xml": "XML",
    "csv": "CSV",
    "form": "a form",
    "logfmt": "logfmt",
}
SAID_BY_THE_PARSER = {
    *("json-number", "json-true", "json-null-text", "json-comment", "json-trailing-comma", "json-nan"),
    *("json-infinity", "json-deep-2000", "json-control-char-raw"),
}
EVENT = b'{"type":"track","event":"E"}'


def is_refused(value: bytes) -> bool:
    """Whether it is no event."""
    try:
        parse(value)
    except EventError:
        return True
    return False


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, text, _ in CASES if text is not None])
def test_what_topics_carry_and_is_no_event_is_called_by_its_name(name: str, text: str) -> None:
    value = text.encode("latin-1")
    if not is_refused(value):
        return
    found = looks_like(value)
    assert (found is None) is (name in SAID_BY_THE_PARSER)
    assert found is None or FOUND[name] in found


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (gzip.compress(EVENT), "gzip"),
        (zlib.compress(EVENT), "zlib"),
        (b"\x28\xb5\x2f\xfd\x04", "zstd"),
        (b"\x82SNAPPY\x00\x00", "snappy"),
        (EVENT.decode().encode("utf-16-le"), "UTF-16"),
        (EVENT.decode().encode("utf-16-be"), "UTF-16"),
        (b64encode(EVENT), "JSON in Base64"),
        (b64encode(b"an event, some time ago"), "Base64"),
        (b"abcdefghijklmnopqrstuvwxyz-_-_a", "Base64"),
        (b"ab+_efghijklmnopqrstuvwxyz", "Base64"),
        (b"A" * 17 + b"=", "Base64"),
        (b"---\na: 1", "YAML"),
        (b"a;b;c\n1;2;3", "CSV"),
        (b"\xde\x00\x01\xa1a\x01", "MessagePack"),
        (b"\xa1\x61a\x01", "CBOR"),
        (b"\x03\x05" + b"\x00" * 20, "Glue"),
        (b'{"a":1}\n{"b":', "several JSON documents"),
        (b"\x08\x96\x01\x11" + b"\x00" * 8 + b"\x1d\x00\x00\x00\x01", "Protobuf"),
        (b"\x08\xff", "Avro unframed"),
        (b"\x0b\x00\x01", "Avro unframed"),
        (b"\xfc\xfd\xfe\xfb\xfa\xf9", "Avro unframed"),
        (b"\x0a\x7f" + b"x" * 127 + (b"\x12\x7f" + b"y" * 127) * 20, "Protobuf"),
        (bytes([0x0A, 0xFF, 0xFF]), "Avro unframed"),
        (b'"text', "a JSON text"),
    ],
)
def test_other_formats_are_called_by_their_names_too(value: bytes, name: str) -> None:
    assert name in (looks_like(value) or "")


@pytest.mark.parametrize("value", [b'{"a":\n1', b'{"a"', b"-1.5e3", b'{"a":1}\n' + b" " * SAMPLE + b"x"])
def test_of_what_is_nearly_json_the_parser_says_more(value: bytes) -> None:
    assert looks_like(value) is None


nearly = st.sampled_from([each[1].encode("latin-1") for each in CASES if each[1]])


@given(st.binary() | st.tuples(nearly, st.binary(), nearly).map(b"".join))
def test_any_bytes_are_looked_at_without_harm_and_none_of_them_is_repeated(value: bytes) -> None:
    found = looks_like(value)
    assert found is None or (found.isprintable() and len(found) < 100)
    assert looks_like(value + b" " * SAMPLE + value) is None or isinstance(found, str | None)


def test_who_prepares_an_event_says_what_it_looks_like() -> None:
    preparation = Preparation(RequestPolicy("https://h.example"), FilterPolicy(skip_tombstones=False))
    with pytest.raises(EventError, match=r"not UTF-8.*; it looks like gzip"):
        raise error_of(preparation, gzip.compress(EVENT))
    for value in (None, b'{"a":'):
        assert "looks like" not in error_of(preparation, value).message


def error_of(preparation: Preparation, value: bytes | None) -> EventError:
    made = prepared(preparation, value)
    assert isinstance(made, EventError)
    return made

"""What Kafka knows of a record can be told as text, and forwarded as far as a request can carry it."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.record.metadata import (
    MEMBERS,
    MOST_FORWARDED,
    MOST_FORWARDED_BYTES,
    content_type,
    forwarded,
    time_text,
)
from processor.core.request.headers import FRAMING, checked
from processor.model import Record
from tests.support.builders import record

names = st.sampled_from(["x-a", "X-A", "traceparent", "content-type", "Host", "a b", "ü", ""]) | st.text(
    max_size=3
)
some = st.none() | st.binary(max_size=4) | st.just(b"ok")
headers = st.lists(st.tuples(names, some), max_size=6).map(tuple)


def described(record: Record) -> dict[str, Any]:
    return {name: of(record) for name, of in MEMBERS.items()}


def test_a_record_is_described_as_it_is() -> None:
    one = record(7, b"k\xff", b'{"a":1}', headers=(("a", b"1"), ("b", None), ("c", b"\xff")), timestamp=1.5)
    assert described(one) == {
        "topic": "events",
        "partition": 0,
        "offset": 7,
        "timestamp": "1970-01-01T00:00:01.500Z",
        "timestamp_ms": 1500,
        "key": b64encode(b"k\xff").decode(),
        "headers": {"a": "1", "b": None, "c": "/w=="},
        "value_text": '{"a":1}',
        "value_base64": b64encode(b'{"a":1}').decode(),
    }


@given(st.none() | st.binary(max_size=5), st.none() | st.binary(max_size=5), st.none() | headers, st.floats())
def test_any_record_is_described_as_json(
    key: bytes | None, value: bytes | None, said: tuple[tuple[str, bytes | None], ...] | None, at: float
) -> None:
    finite = at if abs(at) < 1e300 else None
    json.dumps(described(record(0, key, value, headers=said, timestamp=finite)), allow_nan=False)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (1795784706.789, "2026-11-27T13:05:06.789Z"),
        (0.0, "1970-01-01T00:00:00.000Z"),
        (-0.001, "1969-12-31T23:59:59.999Z"),
        (-62135596800.0, "0001-01-01T00:00:00.000Z"),
        (1e20, None),
        (None, None),
    ],
)
def test_a_time_has_three_digits_behind_the_point_or_is_none(at: float | None, text: str | None) -> None:
    assert time_text(at) == text


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (b" text/csv; charset=utf-8 ", "text/csv; charset=utf-8"),
        (b"text/plain\r\nX-Evil: 1", None),
        ("ü/plain".encode(), None),
        (b"\xff", None),
        (b"", None),
        (b"a" * 300, None),
        (None, None),
    ],
)
def test_a_content_type_is_taken_where_it_can_be_a_header(said: bytes | None, meant: str | None) -> None:
    assert content_type(record(headers=(("Content-Type", b"text/first"), ("content-type", said)))) == meant


def test_headers_are_forwarded_by_name_or_beginning_in_any_case_the_last_of_several() -> None:
    one = record(
        headers=(
            ("TraceParent", b"00-1"),
            ("X-A", b"old"),
            ("other", b"1"),
            ("x-a", "ü".encode()),
            ("x-null", None),
            ("x-bad", b"1\r\n2"),
            ("x-\xfc", b"1"),
            ("x-binary", b"\xff"),
        )
    )
    assert forwarded(("traceparent", "x-*"), one) == ((("TraceParent", "00-1"), ("x-a", "ü")), 3)
    assert forwarded(("x-*",), record(headers=None)) == ((), 0)


def test_what_is_about_the_value_in_the_record_is_forwarded_only_by_its_name() -> None:
    one = record(headers=(("content-type", b"avro/binary"), ("Content-Encoding", b"gzip"), ("host", b"h")))
    assert forwarded(("*",), one) == ((), 1)
    assert forwarded(("content-encoding",), one) == ((("Content-Encoding", b"gzip".decode()),), 0)


def test_more_than_a_request_has_room_for_is_dropped_and_counted() -> None:
    many = record(headers=tuple((f"x-{n}", b"1") for n in range(MOST_FORWARDED + 5)))
    assert [len(forwarded(("*",), many)[0]), forwarded(("*",), many)[1]] == [MOST_FORWARDED, 5]
    large = record(headers=tuple((f"x-{n}", b"v" * 4000) for n in range(10)))
    kept, dropped = forwarded(("*",), large)
    assert (len(kept) * 4000 <= MOST_FORWARDED_BYTES, len(kept) + dropped) == (True, 10)
    assert forwarded(("*",), record(headers=(("x", b"v" * 5000),))) == ((), 1)


@given(headers)
def test_whatever_headers_there_are_what_is_forwarded_can_be_sent(
    said: tuple[tuple[str, bytes | None], ...],
) -> None:
    kept, dropped = forwarded(("*", "content-type"), record(headers=said))
    assert tuple(checked(kept).values()) == kept
    assert not {name.lower() for name, _ in kept} & FRAMING
    assert len(kept) + dropped <= len(said)

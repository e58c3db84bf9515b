"""A path finds the bytes of a member, or says that it is not there."""

from typing import Any

import msgspec
import pytest

from processor.core.request.events import parse
from processor.core.request.templates.paths import path_of, without_nulls
from processor.errors import EventError
from tests.support.builders import record, scope

VALUE = rb'{"a":{"b c":[1.10,{"d":null}],"n":null,"t":"x"},"h":["\ud83d",{"e":1}],"z":null}'


def found(text: str, value: bytes | None = VALUE) -> bytes | None:
    path = path_of(text)
    assert path is not None
    event = (lambda: None) if value is None else parse(value)
    raw = path.find(scope(event, record(headers=(("k", b"v"),))), "here")
    return None if raw is None else bytes(raw)


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("event", VALUE),
        (" event.a.t ", b'"x"'),
        ("event['a'].t", b'"x"'),
        ('event.a["b c"][0]', b"1.10"),
        ("event.a['b c'][-1].d", b"null"),
        ("event.h[0]", '"\ufffd"'.encode()),
        ("event.h[1].e", b"1"),
        ("event.z", b"null"),
        ("event.z | optional", None),
        ("event.no | optional", None),
        ("event.no.no | optional", None),
        ("event.a.t.no | optional", None),
        ("event.a[0] | optional", None),
        ("event.h[2] | optional", None),
        ("event.h[-3] | optional", None),
        ("event.a | without_nulls", b'{"b c":[1.10,{}],"t":"x"}'),
        ("event.a | optional | without_nulls", b'{"b c":[1.10,{}],"t":"x"}'),
        ("record.topic", b'"events"'),
        ("record.headers.k", b'"v"'),
        ("record.headers.no | optional", None),
        ("record.topic.no | optional", None),
    ],
)
def test_a_path_finds_the_bytes(text: str, bytes_: bytes | None) -> None:
    assert found(text) == bytes_


@pytest.mark.parametrize(
    "text", ["event.no", "event.a.no", "event.a.t.no", "event.h[9]", "record.headers.no"]
)
def test_a_path_that_leads_nowhere_is_named(text: str) -> None:
    with pytest.raises(EventError, match=r"^invalid_event: here: `[a-z.\[\]9]+` is not there") as raised:
        found(text)
    assert text in raised.value.message


def test_without_an_event_there_is_nothing_of_it() -> None:
    assert found("event | optional", None) is None
    assert found("event.a | optional", None) is None


@pytest.mark.parametrize("text", ["", "evnt.a", "event.a | upper", "event.a + 1", "event[a]", "events"])
def test_what_is_more_than_a_path_is_none(text: str) -> None:
    assert path_of(text) is None


def test_nulls_go_from_objects_and_stay_in_lists() -> None:
    value: Any = {"a": None, "b": [None, {"c": None}]}
    assert without_nulls(value) == {"b": [None, {}]}
    assert msgspec.json.encode(without_nulls(None)) == b"null"


def test_of_an_event_that_is_no_object_items_are_found_and_members_are_not() -> None:
    assert found("event[1].a", b'[1,{"a":1.10}]') == b"1.10"
    assert found("event[0] | optional", b"5") is None
    assert found("event.a | optional", b'["a"]') is None
    assert found("event", b" [1] ") == b"[1]"


def test_paths_through_one_object_lead_each_to_its_own_member() -> None:
    one = scope(parse(b'{"a":{"b":{"c":1},"d":{"c":2}},"b":{"c":3}}'), record())
    for text, value in (
        ("event.a.b.c", b"1"),
        ("event.a.d.c", b"2"),
        ("event.b.c", b"3"),
        ("event.a.b.c", b"1"),
    ):
        path = path_of(text)
        assert path is not None
        assert path.find(one, "here") == msgspec.Raw(value)

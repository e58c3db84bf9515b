"""What may be seen from outside, and above all what may not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.disclosure import (
    LARGEST,
    TEXT_LIMIT,
    Payloads,
    called,
    cut,
    payload,
    redacted,
)
from processor.core.request.nesting import DEEPEST
from tests.support.builders import event

LEAVES = st.none() | st.booleans() | st.integers() | st.text("abc", min_size=4)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text("k", min_size=1), inner), max_leaves=20
)


def leaves(value: Any) -> set[Any]:
    if isinstance(value, dict):
        return {leaf for item in value.values() for leaf in leaves(item)}
    if isinstance(value, list):
        return {leaf for item in value for leaf in leaves(item)}
    return {value}


@pytest.mark.parametrize("number", ["9" * 5000, "1e999", "-0"])
def test_a_number_of_any_size_is_masked_where_it_stands(number: str) -> None:
    assert payload(f'{{"a":[{number}]}}'.encode(), Payloads.MASKED) == '{"a": ["***"]}'


def test_only_harmless_headers_keep_their_values() -> None:
    headers = (("Content-Type", "application/json"), ("Authorization", "Bearer a"), ("X-Api-Key", "b"))
    assert redacted(headers) == (
        ("Content-Type", "application/json"),
        ("Authorization", "***"),
        ("X-Api-Key", "***"),
    )


@pytest.mark.parametrize(
    ("members", "type_and_name"),
    [
        ({"type": "track", "event": "Order Completed"}, ("track", "Order Completed")),
        ({"type": "page", "name": "Home"}, ("page", "Home")),
        ({"type": "track", "event": "", "name": "n"}, ("track", "n")),
        ({"type": 5, "event": {"a": 1}}, (None, None)),
        ({"type": "", "event": None}, (None, None)),
        ({"type": ["track"], "event": {"a": 1}, "name": "n"}, (None, "n")),
        ({}, (None, None)),
    ],
)
def test_an_event_is_called_by_its_type_and_its_name(
    members: dict[str, Any], type_and_name: tuple[str | None, str | None]
) -> None:
    assert called(event(members)) == type_and_name


def test_a_long_text_is_cut() -> None:
    assert cut("x" * 1000, TEXT_LIMIT) == "x" * (TEXT_LIMIT - 1) + "…"
    assert cut("abc", 3) == "abc"


def test_no_payload_is_shown_by_default_nor_where_there_is_none() -> None:
    assert payload(b'{"a":1}', Payloads.NONE) is None
    assert payload(None, Payloads.FULL) is None


def test_a_value_that_is_too_large_to_look_into_is_hidden_whole() -> None:
    assert payload(b'{"a":"' + b"x" * LARGEST + b'"}', Payloads.MASKED) == '"***"'


def test_of_a_masked_payload_what_is_null_stays_null() -> None:
    assert payload(b'{"a":null,"b":[1,null]}', Payloads.MASKED) == '{"a": null, "b": ["***", null]}'


def test_a_full_payload_is_shown_as_it_is_up_to_a_limit() -> None:
    assert payload('{"a":"ä"}'.encode(), Payloads.FULL) == '{"a":"ä"}'
    assert payload(b"\xff{", Payloads.FULL) == "\ufffd{"
    assert payload(b"x" * (LARGEST + 1), Payloads.FULL) == "x" * LARGEST


def test_a_value_is_looked_into_as_deeply_on_every_interpreter() -> None:
    deepest = "[" * DEEPEST + "]" * DEEPEST
    assert payload(deepest.encode(), Payloads.MASKED) == deepest


@given(VALUES)
def test_a_masked_payload_has_the_shape_of_the_value_and_none_of_its_values(value: Any) -> None:
    text = payload(json.dumps({"a": value, "list": [value]}).encode(), Payloads.MASKED)
    assert text is not None
    masked = json.loads(text)
    assert leaves(masked) <= {"***", None}
    assert masked.keys() == {"a", "list"}
    if isinstance(value, dict):
        assert masked["a"].keys() == value.keys()
    if isinstance(value, list):
        assert len(masked["list"][0]) == len(value)


@pytest.mark.parametrize(
    "value",
    [
        b"secret",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
        b'"' + b"x" * LARGEST + b'"',
    ],
)
def test_what_cannot_be_masked_member_by_member_is_hidden_whole(value: bytes) -> None:
    text = payload(value, Payloads.MASKED)
    assert text is not None
    assert b"secret" not in text.encode()
    assert json.loads(text) == "***"

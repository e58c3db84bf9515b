"""A body that is written is valid JSON, whatever an event holds, and what is copied keeps its bytes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.events import parse
from processor.core.request.templates.body import DEEPEST_SHAPE, checked, form, shaped
from processor.core.request.templates.texts import Compiler
from processor.errors import EventError
from tests.support.builders import VOCABULARY, record, scope

COMPILER = Compiler(VOCABULARY)
scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=2) | st.dictionaries(st.text(max_size=3), v, max_size=2)
)
SHAPE = {
    "copied": "{{ event.x }}",
    "computed": "{{ event.x | default(1) }}",
    'te"xt': "a {{ event.x }} b",
    "list": ["{{ event.x }}", {"c": "constant"}],
    "gone": "{{ event.no | optional }}",
    "gone too": "{{ event.no | default(omit) }}",
    "gone of a list": ["{{ event.no | optional }}"],
}


def body(shape: Any, value: bytes) -> bytes | None:
    faults: list[str] = []
    node = shaped(shape, COMPILER, "body", faults)
    assert faults == []
    return node.write(scope(parse(value), record()))


@given(values)
def test_a_body_is_json_and_has_the_values(value: Any) -> None:
    try:
        made = json.loads(body(SHAPE, json.dumps({"x": value}).encode()) or b"")
    except UnicodeEncodeError:
        return
    assert made["copied"] == made["list"][0] == value
    assert isinstance(made['te"xt'], str)
    assert made["list"][1:] == [{"c": "constant"}]
    assert made["gone of a list"] == []
    assert "gone" not in made
    assert "gone too" not in made


@pytest.mark.parametrize("text", [b"129.90", b"1" * 23, b'{"a" : 1.10}', b'"\\ud83d"', b"null"])
def test_a_lone_path_copies_the_bytes(text: bytes) -> None:
    assert body("{{ event.x }}", b'{"x":%b}' % text) == text
    assert body({"a": ["{{event.x.y}}"]}, b'{"x":{"y":%b}}' % text) == b'{"a":[%b]}' % text


def test_texts_are_texts_and_values_of_other_kinds_themselves() -> None:
    assert (
        body({"a": "5", "b": 5, "c": None, "d": [], "e": {}}, b"{}")
        == b'{"a":"5","b":5,"c":null,"d":[],"e":{}}'
    )


def test_what_is_wrong_is_told_with_its_place() -> None:
    deep: Any = "a"
    for _ in range(DEEPEST_SHAPE + 2):
        deep = [deep]
    faults: list[str] = []
    shaped({"a": {"b": "{{ x }}"}, "c": ["{{ y"]}, COMPILER, "body", faults)
    shaped(deep, COMPILER, "body", faults)
    assert [each.partition(":")[0].partition(" ")[0] for each in faults] == [
        "body.a.b",
        "body.c[0]",
        "body" + "[0]" * (DEEPEST_SHAPE + 1),
    ]


def test_a_form_has_text_as_it_is_and_else_the_json_text() -> None:
    assert form(b' {"a b":"x&y","n":1.10,"o":{"p":[]}} ') == b"a%20b=x%26y&n=1.10&o=%7B%22p%22%3A%5B%5D%7D"
    with pytest.raises(EventError):
        form(b"[1]")


def test_a_body_that_is_too_large_is_refused() -> None:
    assert checked(b"a") == b"a"
    with pytest.raises(EventError):
        checked(bytes(16 * 1024 * 1024 + 1))

"""The depth of JSON is that of its values, not of its text, and the same for every interpreter."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.nesting import DEEPEST, is_too_deep

TEXTS = st.text('[]{}"\\a', max_size=6)
VALUES = st.recursive(
    st.none() | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=30
)


def depth(value: Any) -> int:
    match value:
        case dict():
            return 1 + max(map(depth, value.values()), default=0)
        case list():
            return 1 + max(map(depth, value), default=0)
    return 0


@given(VALUES, st.integers(0, 8))
def test_what_has_more_levels_is_too_deep_whatever_stands_in_its_texts(value: Any, deepest: int) -> None:
    assert is_too_deep(json.dumps(value).encode(), deepest) == (depth(value) > deepest)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"]":', "}]")])
def test_the_deepest_that_is_allowed_is_known_to_the_level(opening: str, closing: str) -> None:
    levels = opening.count("[") + opening.count("{")
    times = DEEPEST // levels
    assert not is_too_deep((opening * times + "1" + closing * times).encode())
    assert is_too_deep(("[" + opening * times + "1" + closing * times + "]").encode())


@given(st.binary() | st.text('[]{}"\\').map(str.encode), st.integers(0, 8))
def test_of_what_is_no_json_something_is_said(value: bytes, deepest: int) -> None:
    assert is_too_deep(value, deepest) in (True, False)


@pytest.mark.parametrize("value", [b"]" * 1000, b'"' + b"[" * 1000, b'{"a":[' + b"[]," * 1000 + b"1]}"])
def test_many_brackets_are_not_deep_by_themselves(value: bytes) -> None:
    assert not is_too_deep(value)

"""Where there is no body every leaf of an event becomes one parameter, its value word for word."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.events import Number, parse
from processor.core.request.query import flatten, joined, parameters
from processor.errors import EventError
from tests.support.builders import event

NAMES = st.text("abcü &=", min_size=1, max_size=3)
values = st.recursive(
    st.none() | st.booleans() | st.integers().map(str).map(Number) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("properties", "pairs"),
    [
        ({"a": {"b": "c"}}, {"a.b": "c"}),
        ({"a": ["b", {"c": "d"}, ["e"]]}, {"a[0]": "b", "a[1].c": "d", "a[2][0]": "e"}),
        ({"a": [], "b": {}}, {"a": "[]", "b": "{}"}),
        ({"a": [[], {}]}, {"a[0]": "[]", "a[1]": "{}"}),
        ({"a": None, "b": True, "c": False}, {"a": "null", "b": "true", "c": "false"}),
        ({"a": 1000000, "b": 1609459200000, "c": -1.5}, {"a": "1000000", "b": "1609459200000", "c": "-1.5"}),
        ({"a": ""}, {"a": ""}),
        ({"": 1, "a": {"": 2}}, {"": "1", "a.": "2"}),
        ({}, {}),
        (["a", {"b": "c"}], {"[0]": "a", "[1].b": "c"}),
        ([], {"": "[]"}),
        ("text", {"": "text"}),
        (5, {"": "5"}),
        (False, {"": "false"}),
        (None, {}),
    ],
)
def test_properties_are_flattened_to_their_leaves(properties: Any, pairs: dict[str, str]) -> None:
    assert parameters(event(type="track", properties=properties)) == pairs


def test_names_are_not_escaped_and_on_a_collision_the_last_wins() -> None:
    assert flatten({"a": {"b": "first"}, "a.b": "last"}) == {"a.b": "last"}
    assert flatten({"a.b": "first", "a": {"b": "last"}}) == {"a.b": "last"}
    assert flatten({"a[0]": "first", "a": ["last"]}) == {"a[0]": "last"}


def test_parameters_keep_the_order_of_the_event() -> None:
    assert list(flatten({"b": ["1", "2"], "a": {"d": "3", "c": "4"}})) == ["b[0]", "b[1]", "a.d", "a.c"]


def test_an_empty_object_under_an_empty_name_stays() -> None:
    assert flatten({"": {}}) == {"": "{}"}


@pytest.mark.parametrize("number", ["9" * 5000, f"0.{'1' * 5000}", "1E5", "-0", "1.10"])
def test_a_number_is_sent_as_it_was_written(number: str) -> None:
    assert flatten({"a": Number(number)}) == {"a": number}


def test_of_an_event_that_is_no_object_no_query_can_be_made() -> None:
    with pytest.raises(EventError, match="no query can be made of it"):
        parameters(parse(b"[1]"))


def test_deep_nesting_is_flattened_without_recursion() -> None:
    deep: Any = "leaf"
    for _ in range(5000):
        deep = [deep]
    assert flatten({"a": deep}) == {"a" + "[0]" * 5000: "leaf"}


def too_long(properties: Any, url: str = "https://h.example/") -> EventError:
    with pytest.raises(EventError) as raised:
        joined(url, parameters(event(properties=properties)))
    return raised.value


@pytest.mark.parametrize(
    "properties",
    [
        {"a" * 10_000: list(range(20_000))},
        {"a" * 16_384: [[]]},
        {"a": "b" * 17_000},
        {"a" * 5_000: {"b" * 5_000: {"c" * 5_000: {"d" * 2_000: 1}}}},
        {"a": ["x"] * 2_500},
        {"a": "ü" * 3_000},
        ["\n" * 6_000],
        [[0] * 300] * 300,
        {"a": " " * 100_000},
    ],
)
def test_a_query_that_makes_a_url_too_long_is_an_invalid_event(properties: Any) -> None:
    assert too_long(properties).code == "invalid_event"


def test_a_url_with_its_query_may_be_16_kib_long() -> None:
    url = "https://h.example/"
    longest = {"a": "b" * (16_384 - len(url) - len("?a="))}
    assert len(joined(url, flatten(longest))) == 16_384
    assert too_long({"a": longest["a"] + "b"}).code == "invalid_event"


def test_leaves_that_overwrite_each_other_are_counted_each() -> None:
    twice = {"a": {"b": "x" * 9_000}, "a.b": "y" * 9_000}
    assert too_long(twice).code == "invalid_event"


def leaves(value: Any) -> Iterator[Any]:
    children = list(value.values()) if isinstance(value, dict) else value
    if isinstance(value, dict | list) and children:
        for child in children:
            yield from leaves(child)
    else:
        yield value


@given(st.dictionaries(NAMES, values, max_size=4))
def test_every_leaf_is_sent_once(properties: dict[str, Any]) -> None:
    expected = [leaf for value in properties.values() for leaf in leaves(value)]
    texts = [leaf if isinstance(leaf, str) else json.dumps(leaf) for leaf in expected]
    assert list(flatten(properties).values()) == texts


# What is flattened


@pytest.mark.parametrize(
    "kind",
    [
        "identify" * 100_000,
        ["identify"],
        "track",
        "page",
        "screen",
        "group",
        "alias",
        "record",
        "Identify",
        5,
        None,
    ],
)
def test_every_type_but_identify_sends_its_properties(kind: Any) -> None:
    assert parameters(event(type=kind, properties={"a": "p"}, traits={"a": "t"})) == {"a": "p"}


def test_an_event_without_a_type_sends_its_properties() -> None:
    assert parameters(event(properties={"a": "p"})) == {"a": "p"}


@pytest.mark.parametrize(
    ("traits", "pairs"),
    [
        ({"a": "own"}, {"a": "own"}),
        ({}, {}),
        (None, {"a": "context"}),
        ("", {"a": "context"}),
        (0, {"": "0"}),
        (False, {"": "false"}),
        ([], {"": "[]"}),
    ],
)
def test_identify_sends_its_traits_or_else_those_of_its_context(traits: Any, pairs: dict[str, str]) -> None:
    identify = event(
        type="identify", traits=traits, context={"traits": {"a": "context"}}, properties={"p": 1}
    )
    assert parameters(identify) == pairs


@pytest.mark.parametrize("context", [None, "x", 5, [], {}, {"traits": None}, {"traits": ""}])
def test_identify_without_any_traits_sends_nothing(context: Any) -> None:
    assert parameters(event(type="identify", context=context)) == {}


# How it is written


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://h/", "https://h/?a=1"),
        ("https://h/?", "https://h/?a=1"),
        ("https://h/?b=2", "https://h/?b=2&a=1"),
        ("https://h/?b=2&", "https://h/?b=2&a=1"),
    ],
)
def test_parameters_stand_behind_the_query_that_is_there(url: str, sent: str) -> None:
    assert joined(url, {"a": "1"}) == sent


def test_a_space_is_written_as_percent_20() -> None:
    assert joined("https://h/", {"a b": "c+d"}) == "https://h/?a%20b=c%2Bd"


@given(st.dictionaries(st.text(), st.text(), min_size=1))
def test_a_query_reads_as_what_was_written(pairs: dict[str, str]) -> None:
    url = joined("https://h/?z=9", pairs)
    assert all("!" <= character <= "~" for character in url)
    assert parse_qsl(url.partition("?")[2], keep_blank_values=True) == [("z", "9"), *pairs.items()]

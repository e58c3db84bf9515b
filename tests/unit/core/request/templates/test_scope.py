"""What templates see of a record."""

import json
from typing import Any, Never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.events import parse
from processor.core.request.templates.scope import ALL, Parts
from processor.errors import EventError
from tests.support.builders import event, record, scope


def test_members_are_decoded_once_and_as_far_as_they_are_named() -> None:
    one = scope(parse(rb'{"a":1.5,"b":"\ud83d","c":[1]}'), record())
    assert one.variables({"a": None, "no": None}, ()) == {"event": {"a": 1.5}}
    everything = one.variables(None, ALL)
    assert everything["event"] == {"a": 1.5, "b": "\ufffd", "c": [1]}
    assert one.variables({"c": None}, ())["event"]["c"] is everything["event"]["c"]
    assert everything["record"] == one.described()
    assert scope(lambda: None, record()).variables(None, ()) == {"event": {}}


@given(
    st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda below: st.lists(below, max_size=3))
    | st.dictionaries(st.sampled_from(["a", "b", "ü", "f0"]), st.lists(st.text(max_size=2), max_size=2)),
    st.sets(st.sampled_from(["a", "ü", "f0"])),
    st.booleans(),
)
def test_of_a_member_the_parts_that_are_named_are_as_in_the_whole(
    member: Any, names: set[str], ascii_only: bool
) -> None:
    one = parse(json.dumps({"m": member}, ensure_ascii=ascii_only, indent=1).encode(errors="replace"))
    found = scope(one, record()).variables({"m": Parts(names)}, ())["event"]["m"]
    whole = scope(one, record()).variables({"m": None}, ())["event"]["m"]
    assert found == (
        {name: whole[name] for name in names & whole.keys()} if isinstance(whole, dict) else whole
    )


def test_of_several_members_with_one_name_the_last_counts_also_among_parts() -> None:
    one = scope(parse(rb'{"m":{"a":1,"\u0061":2,"b":{"c":[]}}}'), record())
    assert one.variables({"m": Parts(["a"])}, ()) == {"event": {"m": {"a": 2}}}
    assert one.variables({"m": Parts(["b"])}, ()) == {"event": {"m": {"b": {"c": []}}}}


def test_of_a_record_only_what_is_named_is_made_and_once() -> None:
    one = scope(event(a=1), record(7, headers=(("a", b"1"),)))
    assert one.variables({}, ("offset",)) == {"event": {}, "record": {"offset": 7}}
    assert one.described(["headers"])["headers"] is one.described()["headers"]


def test_an_event_that_has_to_be_made_is_made_where_something_asks_for_it_and_once() -> None:
    def refused() -> Never:
        raise EventError("invalid_event", "no")

    unasked = scope(refused, record())
    assert unasked.variables({}, ("offset",))["record"] == {"offset": 0}
    with pytest.raises(EventError):
        unasked.variables({"a": None}, ())
    made = iter([event(a=1)])
    one = scope(lambda: next(made), record())
    assert one.variables({"a": None}, ()) == one.variables({"a": None}, ()) == {"event": {"a": 1}}


@pytest.mark.parametrize("value", [[1, [2]], 5, "text", None, True])
def test_an_event_that_is_no_object_has_no_members_and_is_there_whole(value: Any) -> None:
    one = scope(parse(f" {json.dumps(value)} ".encode()), record())
    assert one.variables({"a": None}, ()) == {"event": {}}
    assert one.variables(None, ()) == {"event": value}

"""What templates see of a record."""

import json
from typing import Any, Never

import pytest

from processor.core.request.events import parse
from processor.core.request.templates.scope import ALL
from processor.errors import EventError
from tests.support.builders import event, record, scope


def test_members_are_decoded_once_and_as_far_as_they_are_named() -> None:
    one = scope(parse(rb'{"a":1.5,"b":"\ud83d","c":[1]}'), record())
    assert one.variables({"a", "no"}, ()) == {"event": {"a": 1.5}}
    everything = one.variables(ALL, ALL)
    assert everything["event"] == {"a": 1.5, "b": "\ufffd", "c": [1]}
    assert one.variables({"c"}, ())["event"]["c"] is everything["event"]["c"]
    assert everything["record"] == one.described()
    assert scope(lambda: None, record()).variables(ALL, ()) == {"event": {}}


def test_of_a_record_only_what_is_named_is_made_and_once() -> None:
    one = scope(event(a=1), record(7, headers=(("a", b"1"),)))
    assert one.variables((), ("offset",)) == {"event": {}, "record": {"offset": 7}}
    assert one.described(["headers"])["headers"] is one.described()["headers"]


def test_an_event_that_has_to_be_made_is_made_where_something_asks_for_it_and_once() -> None:
    def refused() -> Never:
        raise EventError("invalid_event", "no")

    unasked = scope(refused, record())
    assert unasked.variables((), ("offset",))["record"] == {"offset": 0}
    with pytest.raises(EventError):
        unasked.variables({"a"}, ())
    made = iter([event(a=1)])
    one = scope(lambda: next(made), record())
    assert one.variables({"a"}, ()) == one.variables({"a"}, ()) == {"event": {"a": 1}}


@pytest.mark.parametrize("value", [[1, [2]], 5, "text", None, True])
def test_an_event_that_is_no_object_has_no_members_and_is_there_whole(value: Any) -> None:
    one = scope(parse(f" {json.dumps(value)} ".encode()), record())
    assert one.variables({"a"}, ()) == {"event": {}}
    assert one.variables(ALL, ()) == {"event": value}

"""Lists of objects, and XML, as RudderStack's HTTP destination makes them."""

from typing import Any

import pytest

from processor.core.request.templates.objects import OMIT, at, each, xml
from processor.errors import EventError

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b", [5]),
        (["a", "b", 0], 5),
        (["a", "b", -2], None),
        ("a.no", None),
        ("a.b.c", None),
        ("", {"a": {"b": [5]}}),
    ],
)
def test_what_stands_at_a_path(path: Any, value: Any) -> None:
    assert at({"a": {"b": [5]}}, path) == value


def test_each_takes_a_member_or_some_of_every_item() -> None:
    items = [{"id": 1, "p": {"q": 2}}, {"id": None}, "text"]
    assert each(items, "id") == [1]
    assert each(items, {"i": "id", "q": "p.q"}) == [{"i": 1, "q": 2}, {}, {}]
    assert each(None, "id") == each(OMIT, "id") == []
    with pytest.raises(EventError):
        each("text", "id")


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        (
            {"a": "<&>", "b": 1, "c": True, "d": False},
            "<a>&lt;&amp;&gt;</a><b>1</b><c>true</c><d>false</d>",
        ),
        ({"a": [1, {"b": "x"}], "c": []}, "<a>1</a><a><b>x</b></a>"),
        ({"a": "", "b": {}, "c": None, "d": OMIT}, "<a/><b/>"),
        ({"1 a": "x", "": "y"}, "<__a>x</__a><_>y</_>"),
    ],
)
def test_xml_has_an_element_for_every_member(value: Any, elements: str) -> None:
    assert xml(value) == f"{HEAD}<root>{elements}</root>"


def test_what_no_xml_has_is_refused() -> None:
    with pytest.raises(EventError):
        xml({"a": "\0"})

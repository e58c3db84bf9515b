"""A value stays a value, wherever it is written, and what is told of an error holds nothing of the event."""

import csv
import io
import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.templates.engine import FUEL, UnusableTemplateError
from processor.core.request.templates.texts import Compiler, Place, is_lone, is_template, json_of
from processor.errors import EventError
from tests.support.builders import VOCABULARY, event, record, scope

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SOURCES = ("{{ event.x }}", "{{ event.x | string }}")
COMPILER = Compiler(VOCABULARY)


def filled(source: str, place: Place = Place.PLAIN, /, **members: Any) -> str | None:
    return COMPILER.text(source, place).fill(scope(event(members), record()), "here")


def refusal(source: str, place: Place = Place.PLAIN, /, **members: Any) -> str:
    with pytest.raises(EventError) as raised:
        filled(source, place, **members)
    return raised.value.message


@pytest.mark.parametrize("source", SOURCES)
@given(text=texts)
def test_text_comes_back_out_of_every_place(source: str, text: str) -> None:
    assert filled(source, x=text) == text
    assert unquote(filled(source, Place.FORM, x=text) or "") == text
    assert json.loads(filled(source, Place.JSON, x=text) or "") == text
    cell = filled(source + ",b", Place.CSV, x=text) or ""
    if "\0" not in text:
        assert next(csv.reader(io.StringIO(cell, newline=""))) == [text, "b"]


@pytest.mark.parametrize("expression", ["event.x | xml", "event.x | escape", "event.x | tojson"])
def test_what_filters_make_is_one_value_where_no_markup_stands(expression: str) -> None:
    text = "1&b=2/3,\n4"
    source = f"{{{{ {expression} }}}}"
    made = filled(f"{source}", x=text)
    assert made
    for place in (Place.FORM, Place.URL):
        done = filled(f"a={source}", place, x=text) or ""
        assert not set("&/\n") & set(done)
        assert unquote(done) == f"a={made}"
    cells = filled(f"{source},b", Place.CSV, x=text) or ""
    assert next(csv.reader(io.StringIO(cells, newline=""))) == [made, "b"]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("text", ["<a>&\"'", "]]>", "ä"])
def test_xml_has_the_text_and_no_element_of_it(source: str, text: str) -> None:
    parsed = ET.fromstring(
        f"<r a='{filled(source, Place.XML, x=text)}'>{filled(source, Place.XML, x=text)}</r>"
    )
    assert (parsed.text, parsed.attrib["a"], list(parsed)) == (text, text, [])


def test_what_no_xml_has_is_refused() -> None:
    assert "no XML has" in refusal("{{ event.x }}", Place.XML, x="a\0")
    assert "no XML has" in refusal("{{ event.x | string }}", Place.XML, x="a\0")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null"), (True, "true"), (1.5, "1.5"), ([1, None], "[1,null]"), ({"a": 1}, '{"a":1}')],
)
@pytest.mark.parametrize("source", ["-{{ event.x }}", "-{{ event.x | default(1) }}"])
def test_what_is_no_text_is_its_json_text(source: str, value: Any, text: str) -> None:
    assert (filled(source, x=value) or "").replace(" ", "") == f"-{text}"


def test_what_json_has_no_word_for_is_refused() -> None:
    with pytest.raises(EventError):
        json_of(object())
    assert filled("{{ event.items }}", items=[1]) == "[1]"
    assert json_of(COMPILER.value("{{ event.x | xml }}").of(scope(event(x=""), record()), "")).endswith(
        b'<root/>"'
    )


def test_numbers_of_paths_keep_their_digits() -> None:
    assert filled("{{ event.x }}-", x=12345678901234567890123) == "12345678901234567890123-"


def test_what_is_to_be_left_out_is_nothing_in_a_text_and_none_alone() -> None:
    assert filled("{{ event.no | optional }}") is None
    assert filled("a{{ event.no | optional }}") == "a"
    assert filled("{{ event.no | default(omit) }}") is None
    assert filled("a{{ event.no | default(omit) }}") == "a"
    assert filled("{{ (event.no | optional) }}") is None
    assert filled("{{ (event.x | optional) }}", x=1) == "1"
    assert filled("{{ event.no | default(omit) }}", Place.JSON) == "null"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{{ event.no }}", "here: `event.no` is not there"),
        ("{{ event.no | upper }}", "here: `event.no` is not there"),
        ("{{ event.x.y | upper }}", "here: `event.x.y` is not there"),
        ("{{ event.x - 1 }}", "here: cannot be worked out at `event.x - 1`"),
        ("{{ event.x | int }}", "here: cannot be worked out at `int`"),
        ("{{ event.x | each('a') }}", "here: `each` wants a list"),
        ("{{ [1] | each(1) }}", "here: cannot be worked out"),
        ("{% for i in range(99999) %}{{ i }}{{ i }}{% endfor %}", f"here: takes more than {FUEL} steps"),
        ("{{ event.x - 1 }}" + " " * 99, "…"),
    ],
)
def test_an_error_names_the_member_and_nothing_that_it_holds(source: str, says: str) -> None:
    told = refusal(source, x="secret")
    assert says in told
    assert "secret" not in told


def test_an_event_is_looked_into_as_far_as_its_members_are_named() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    assert filled("{{ event.x | string }}", x=1, deep=deep) == "1"
    assert "nested deeper" in refusal("{{ event.deep | length }}", deep=deep)
    assert filled("{{ event.items() | list | length }}", a=1, b=2) == "2"
    assert filled("{{ event | length }}", a=1, b=2) == "2"
    assert filled("{{ record.partition + 1 }}") == "1"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{{ event.x", "line 1: "),
        ("{{ evnt.x }}", "names `evnt`"),
        ("{{ event.x | nofilter }}", "there is no filter `nofilter`"),
        ("{% if event.x is notest %}{% endif %}", "there is no test `notest`"),
        ("{{ event.x.items | length }}", "has the member `items`"),
        ("{{ event['values'] | length }}", "has the member `values`"),
    ],
)
def test_what_is_wrong_with_a_template_is_known_before_the_first_event(source: str, says: str) -> None:
    with pytest.raises(UnusableTemplateError, match=says.replace("|", r"\|")):
        COMPILER.text(source)


def test_filters_and_tests_that_there_are_are_taken() -> None:
    assert filled("{{ event.x | replace('|nofilter', 'is nothing') | upper }}", x="a") == "A"
    assert filled("{% if event.x is divisibleby(2) %}1{% endif %}", x=4) == "1"
    assert filled("{{ event.x | xml('r') }}", Place.XML, x={"a": "<"}) == (
        '<?xml version="1.0" encoding="UTF-8"?><r><a>&lt;</a></r>'
    )
    assert filled("{{ event.x | at('a.b') }}{{ {'a': none} | without_nulls }}", x={"a": {"b": 1}}) == "1{}"


def test_whether_a_text_is_one_expression() -> None:
    assert [is_lone(text) for text in ("{{ a }}", " {{ a }}\n", "{{ a }}{{ b }}", "a {{ b }}", "a")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert [is_template(text) for text in ("{{", "{%", "{#", "{ {", "}}")] == [True, True, True, False, False]


@pytest.fixture
def without_library() -> Iterator[None]:
    """The interpreter's own way to say that a module cannot be had."""
    kept = {
        name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "minijinja"
    }
    sys.modules["minijinja"] = None  # type: ignore[assignment]
    yield
    del sys.modules["minijinja"]
    sys.modules.update(kept)


@pytest.mark.usefixtures("without_library")
def test_without_the_library_a_template_says_what_to_install() -> None:
    with pytest.raises(UnusableTemplateError, match=r"kafka-webhook-processor\[formats\]"):
        Compiler(VOCABULARY).text("{{ event.x }}")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ event.l[:2] }}", "[1,2]"),
        ("{{ event.l[event.n:] | length }} {{ (event.o . l | reverse)[:1] }}", "2 [5]"),
        (
            "{% for x in event.l[1:] %}{{ x }}{% endfor %} {{ record.topic[:1] }} {{ 'event.z'[:5] }}",
            "23 e event",
        ),
        ("{% filter replace(event.t, 'b') %}xa{% endfilter %} {{ ([event][:1])[0].n }}", "xb 1"),
    ],
)
def test_what_is_sliced_is_there(source: str, text: str) -> None:
    assert filled(source, l=[1, 2, 3], n=1, o={"l": [4, 5]}, t="a") == text


@pytest.mark.parametrize("argument", ["event.x", "indent=event.x", "10", "true, event.x"])
def test_json_is_indented_by_a_digit_that_is_written_there(argument: str) -> None:
    with pytest.raises(UnusableTemplateError, match="than a digit"):
        COMPILER.text(f"x {{{{ event | tojson({argument}) }}}}")
    for usual in ("", "indent=2", "4", "true"):
        assert filled(f"{{{{ event.x | tojson({usual}) }}}}", x=1) == "1"

"""Whatever an event holds, a template is filled in or the event is refused: nothing else comes of it."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.filters import FilterPolicy
from processor.core.request.templates.engine import UnusableTemplateError
from processor.core.request.templates.policy import Body, Encoding, TemplatePolicy
from processor.core.request.templates.texts import Compiler, Place, json_of
from processor.core.request.transform import Prepared, RequestPolicy
from processor.errors import EventError
from processor.model import Request
from processor.traffic.preparation import Later, Preparation, Result, Skipped
from tests.support.builders import VOCABULARY, event, record, scope

EXPRESSIONS = """
V | length; V | items | join; V + 1; V * V; V ** 9; V / 0.0; V % 7; V ~ "x"; -V; V[0]; V[-1:]; V[V]; V["a"].b
V in [1]; 1 in V; V < 1; range(V); V(); V.items(); V.keys(); V | sort | first; V | tojson; V | int; V | float
V | upper; V | sum; V | replace("a", "b"); V | batch(2) | list; V | map(attribute="a") | list; V | xml
V | each("a"); V | each({"x": "a.b"}); V | at("a.b"); V | without_nulls; V | optional; V | urlencode
V | groupby("a"); V | dictsort; V | round(400); V | format(1); V | indent(9); V | default(1); V
event | length; event | tojson; event[0]; record.headers[V]; event
"""
SOURCES = [text.strip().replace("V", "event.v") for text in re.split(r"[;\n]", EXPRESSIONS) if text.strip()]
COMPILER = Compiler(VOCABULARY)
COMPILED: list[Any] = []
for source in SOURCES:
    written = f"{{{{ {source} }}}}"
    COMPILED.append(COMPILER.value(written))
    COMPILED += [COMPILER.text(f"x{written}", place) for place in Place]

numbers = st.sampled_from([0, -1, 2**63, 2**64, 10**30, 10**400, 1.5, -0.0, 1e308, 5e-324])
texts = st.sampled_from(["", "a", "ü€😀", "\0", "\r\n", "\ud83d", "../..", "%2e%2e", "{{ event }}", "x" * 99])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts | st.text(max_size=3),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "items", "", "\ud800", "__class__"]), below, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(COMPILED), values)
def test_a_value_is_filled_in_or_refused_whatever_it_is(template: Any, value: Any) -> None:
    one = scope(event(v=value), record())
    try:
        done = json_of(template.of(one, "here")) if hasattr(template, "of") else template.fill(one, "here")
    except EventError as error:
        done = error.message
    if isinstance(done, bytes):
        json.loads(done)


def made(value: bytes, when: str | None = None, **said: Any) -> Result:
    request = RequestPolicy("https://h.example/b", templates=TemplatePolicy(**said) if said else None)
    result = Preparation(request, FilterPolicy(when=when)).prepare(record(value=value), lambda *_: None)
    assert not isinstance(result, Later)
    return result


def body_of(value: bytes, **said: Any) -> bytes | None:
    result = made(value, **said)
    assert isinstance(result, Prepared), result
    return result.request.body


@pytest.mark.parametrize("number", [b"1e400", b"-1E999", b"9" * 5000])
def test_a_number_that_no_engine_knows_is_copied_by_a_path_and_else_refused(number: bytes) -> None:
    value = b'{"a":%b,"b":{"c":1,"d":%b}}' % (number, number)
    assert body_of(value, body=Body({"x": "{{ event.a }}"})) == b'{"x":%b}' % number
    text = {"body_template": '{"x":{{ event.a }}}', "content_type": "application/json"}
    assert body_of(value, **text) == b'{"x":%b}' % number
    assert isinstance(made(value, when="event.b.c == 1"), Request)
    for when in ("event.a > 5", "event.b | length == 2", "event | length == 2"):
        refused = made(value, when=when)
        assert isinstance(refused, EventError)
        assert refused.message == "filter.when: the event holds a number beyond 64 bits"


def test_what_is_no_number_any_more_is_refused() -> None:
    refused = made(b'{"a":1e308}', body=Body({"x": "{{ event.a * 10 }}"}))
    assert isinstance(refused, EventError)
    assert refused.message == "destination.body.x: comes to what is no JSON"
    refused = made(b'{"a":1e308}', path="/p", query={"x": "{{ event.a * 10 }}"})
    assert isinstance(refused, EventError)
    assert refused.message == "destination.query.x: comes to what is no JSON"


def test_half_a_surrogate_in_a_name_is_the_replacement_character_in_a_form() -> None:
    assert body_of(rb'{"\ud800":1,"a":"\ud83d"}', encoding=Encoding.FORM) == b"%EF%BF%BD=1&a=%EF%BF%BD"


@pytest.mark.parametrize("text", [".. ", "\t..", "..\0", "%252525252525252e.", "..\r\n", ". ;x"])
def test_a_segment_climbs_nowhere_however_it_is_written(text: str) -> None:
    refused = made(json.dumps({"a": text}).encode(), path="/x/{{ event.a }}/y")
    assert isinstance(refused, EventError)
    assert refused.code == "invalid_url"


@pytest.mark.parametrize(
    "expression", ["event.a.clear()", "event.a.pop('x')", "event.a . update({})", "event.l.append(1)"]
)
def test_a_template_that_would_change_what_others_see_is_refused_before_the_first_event(
    expression: str,
) -> None:
    with pytest.raises(UnusableTemplateError, match="changes what it is filled in from"):
        COMPILER.text(f"x {{{{ {expression} }}}}")
    COMPILER.text("the word event.a.clear() beside {{ event.a }}")


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in event.l %}{% for j in event.l %}{{ j }}{% endfor %}{% endfor %}",
        "{{ event.t * event.n }}",
        "{{ event.l * event.n }}",
        "{{ event.t | replace('x', event.t) }}",
        "{{ event.l | join(event.t) }}",
        "{{ range(event.n) | list }}",
        "{{ event.l | batch(event.n, 0) | list }}",
        "{{ event.t | indent(event.n) }}",
    ],
)
def test_work_that_grows_beyond_the_event_is_given_up(source: str) -> None:
    value = json.dumps({"l": list(range(3000)), "t": "x" * 100_000, "n": 10**9}).encode()
    refused = made(value, body_template=source, content_type="text/plain")
    assert isinstance(refused, EventError)
    assert refused.code == "invalid_event"


def test_of_several_members_with_one_name_the_last_counts_everywhere() -> None:
    value = b'{"a":1,"a":2,"b":{"c":1,"\\u0063":2}}'
    shape = Body(["{{ event.a }}", "{{ event.a + 0 }}", "{{ event.b.c }}", "{{ event.b.c + 0 }}"])
    assert body_of(value, body=shape) == b"[2,2,2,2]"
    assert made(value, when="event.a == 1 or event.b.c == 1") == Skipped("filter")

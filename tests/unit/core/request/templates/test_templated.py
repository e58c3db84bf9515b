"""What is sent by templates stays where the operator has put it, whatever an event holds."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.record.metadata import MEMBERS
from processor.core.request.templates.engine import UnusableTemplateError
from processor.core.request.templates.policy import Body, Encoding, TemplatePolicy
from processor.core.request.templates.scope import Vocabulary
from processor.core.request.templates.templated import Templated
from processor.core.request.transform import Envelope, Method, RequestPolicy
from processor.errors import EventError
from processor.model import Headers, Request
from tests.support.builders import VOCABULARY, event, record, scope

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def request(
    said: TemplatePolicy, members: Any = None, url: str = "https://h.example/b?x=1", **more: Any
) -> Request:
    """What is asked for an event."""
    templated, one = Templated(RequestPolicy(url, templates=said, **more), VOCABULARY), event(members or {})
    return templated.prepare_in(one, scope(one, record())).request


def refusal(said: TemplatePolicy, members: Any, **more: Any) -> str:
    """Why an event becomes no request."""
    with pytest.raises(EventError) as raised:
        request(said, members, **more)
    return str(raised.value)


def test_path_query_headers_and_body_are_filled_in() -> None:
    said = TemplatePolicy(
        "/customers/{{ event.userId }}/{{ event.kind | upper }}",
        {"source": "{{ record.topic }}", "none": "{{ event.no | optional }}"},
        (("X-User", "<{{ event.userId }}>"), ("X-None", "{{ event.no | default(omit) }}")),
        Body({"id": "{{ event.n }}"}),
    )
    sent = request(said, {"userId": "u 1/2", "kind": "a b", "n": 7})
    assert sent.url == "https://h.example/b/customers/u%201%2F2/A%20B?x=1&source=events"
    assert dict(sent.headers)["X-User"] == "<u 1/2>"
    assert "X-None" not in dict(sent.headers)
    assert sent.body == b'{"id":7}'


@given(texts)
def test_what_an_event_brings_is_one_segment_of_the_path(text: str) -> None:
    said = TemplatePolicy("a/{{ event.x }}/z")
    if not text or re.search(r"(^|[/\\])\.\.?([/\\;]|$)", text):
        assert "invalid_url" in refusal(said, {"x": text})
        return
    path = request(said, {"x": text}).url.partition("?")[0]
    assert path.startswith("https://h.example/b/a/")
    assert path.count("/") == "https://h.example/b/a/x/z".count("/")
    assert path.isascii()


@pytest.mark.parametrize(
    "text", ["", ".", "..", "%2e%2e", "%252e.", "x/../y", "..;a", "a\\..\\b", None, {}, [], {"a": 1}, [1]]
)
@pytest.mark.parametrize("path", ["/u/{{ event.x }}", "/u/{{ event.x if true else 1 }}"])
def test_what_is_no_segment_is_no_path(text: Any, path: str) -> None:
    assert "invalid_url" in refusal(TemplatePolicy(path), {"x": text})


def test_segments_that_are_written_stay_and_statements_may_hold_slashes() -> None:
    assert request(TemplatePolicy("/a/"), {}, url="https://h.example").url == "https://h.example/a/"
    path = "/{% if event.x %}a/{{ event.x }}{% else %}b{% endif %}"
    assert request(TemplatePolicy(path), {"x": "1/2"}).url == "https://h.example/b/a/1%2F2?x=1"
    assert "invalid_url" in refusal(TemplatePolicy("/{% if event.x %}a//b{% endif %}"), {"x": 1})


def test_a_url_that_gets_too_long_is_refused() -> None:
    assert "invalid_url" in refusal(TemplatePolicy("/{{ event.x }}"), {"x": "a" * 17_000})


@pytest.mark.parametrize("text", ["a\r\nX: 1", "a\0", "a" * 17_000])
def test_what_cannot_stand_in_a_header_is_refused_by_the_name_of_the_header(text: str) -> None:
    assert "invalid_header: the value of header X-A" in refusal(
        TemplatePolicy(headers=(("X-A", "{{ event.x }}"),)), {"x": text}
    )


def test_what_an_event_asks_for_itself_goes_before_what_is_written() -> None:
    said = TemplatePolicy("/a", {"q": "1"}, (("X-A", "{{ event.x }}"),), Body({}))
    sent = request(said, {"x": "1", "appendPath": "/own", "header": {"x-a": "own"}})
    assert (sent.url, dict(sent.headers)["x-a"]) == ("https://h.example/b?x=1/own", "own")
    sent = request(said, {"x": "1", "appendPath": "/own", "header": {"x-a": "own"}}, envelope=Envelope.NONE)
    assert (sent.url, dict(sent.headers)["X-A"]) == ("https://h.example/b/a?x=1&q=1", "1")


def test_a_host_that_an_event_names_gets_no_secret_template() -> None:
    said = TemplatePolicy(headers=(("Authorization", "{{ event.x }}"), ("X-A", "{{ event.x }}")))
    more: dict[str, Any] = {
        "allowed_hosts": frozenset(["o.example"]),
        "own_headers": frozenset(["authorization"]),
    }
    sent = request(said, {"x": "1", "fullPath": "https://o.example/p"}, **more)
    assert (sent.url, {"Authorization", "X-A"} & dict(sent.headers).keys()) == (
        "https://o.example/p",
        {"X-A"},
    )


def test_a_method_without_a_body_sends_the_written_query_or_the_event() -> None:
    members = {"properties": {"a": 1}, "x": "y"}
    assert request(TemplatePolicy(query={}), members, method=Method.GET).url == "https://h.example/b?x=1"
    sent = request(TemplatePolicy(path="/p"), members, method=Method.DELETE)
    assert (sent.url, sent.body) == ("https://h.example/b/p?x=1&a=1", None)
    assert request(TemplatePolicy(path="/p"), {}, method=Method.GET).url == "https://h.example/b/p?x=1"


def test_without_a_body_that_is_written_the_event_is_sent_as_ever() -> None:
    assert request(TemplatePolicy("/p"), {"a": 1, "b": None}).body == b'{"a":1}'
    assert (
        request(TemplatePolicy("/p", encoding=Encoding.FORM), {"a": [1], "b": "x y"}).body
        == b"a=%5B1%5D&b=x%20y"
    )
    assert request(TemplatePolicy(body=Body("{{ event.no | optional }}")), {}).body == b"null"


def test_the_kind_of_a_body_is_what_is_written_and_else_what_a_header_says() -> None:
    form = request(TemplatePolicy(encoding=Encoding.FORM), {"a": "b"})
    assert dict(form.headers)["Content-Type"] == "application/x-www-form-urlencoded"
    said = TemplatePolicy(content_type="text/csv", body_template="{{ event.a }}")
    assert dict(request(said, {"a": "b"}).headers)["Content-Type"] == "text/csv"
    own: dict[str, Any] = {"headers": (("content-type", "text/x"),)}
    assert dict(request(said, {"a": "b"}, **own).headers)["Content-Type"] == "text/csv"
    said = TemplatePolicy(body_template="{{ event.a }}")
    assert dict(request(said, {"a": "b"}, **own).headers)["content-type"] == "text/x"
    assert request(said, {"a": "b"}, **own).body == b"b"
    assert request(said, {"a": "b"}).body == b'"b"'
    assert "content-type" not in str(request(TemplatePolicy(content_type="a/b"), method=Method.GET)).lower()


def test_a_body_that_is_a_text_is_escaped_by_its_kind() -> None:
    def body(kind: str, text: str = "{{ event.x }}") -> bytes | None:
        return request(TemplatePolicy(body_template=text, content_type=kind), {"x": 'a,"<&'}).body

    assert body("application/xml") == b"a,&quot;&lt;&amp;"
    assert body("text/csv; charset=utf-8") == b'"a,""<&"'
    assert body("application/json", '{"x": {{ event.x }}}') == b'{"x": "a,\\"<&"}'
    assert body("application/x-www-form-urlencoded", "x={{ event.x }}") == b"x=a%2C%22%3C%26"
    assert body("text/plain") == b'a,"<&'
    assert body("text/plain", "") == body("application/json", "") == b""


def test_a_text_that_comes_to_no_json_is_refused() -> None:
    said = TemplatePolicy(body_template='{"x": "{{ event.x }}"}', content_type="application/json")
    assert "comes to no JSON" in refusal(said, {"x": "a"})


def test_a_body_has_a_bound() -> None:
    said = TemplatePolicy(body_template="{{ event.x }}{{ event.x }}", content_type="text/plain")
    assert "more than 16777216 bytes" in refusal(said, {"x": "a" * 9_000_000})


@pytest.mark.parametrize("name", ["Host", "host"])
def test_no_event_says_who_receives_by_a_host_that_is_written(name: str) -> None:
    said = TemplatePolicy(headers=((name, "{{ event.x }}"),))
    with pytest.raises(UnusableTemplateError, match="says who receives, which no event chooses"):
        Templated(RequestPolicy("https://h.example", templates=said), VOCABULARY)


def test_all_that_is_wrong_is_told_at_once() -> None:
    said = TemplatePolicy(
        "/a?b/../{{ x }}", {"q": "{{ y }}"}, (("X-A", "{{ z }}"),), Body({"a": ["{{ w"]}), "{{ v }}"
    )
    with pytest.raises(UnusableTemplateError) as raised:
        Templated(RequestPolicy("https://h.example", templates=said), VOCABULARY)
    places = [fault.partition(": ")[0] for fault in raised.value.args]
    assert places == [
        *["destination.path"] * 3,
        "destination.query.q",
        "destination.headers.X-A",
        "destination.body.a[0]",
        "destination.body_template",
    ]
    with pytest.raises(UnusableTemplateError, match="made for each attempt"):
        Templated(
            RequestPolicy(
                "https://h.example",
                templates=TemplatePolicy(headers=(("X_B", "{{ event.x }}"),)),
                reserved_headers=frozenset(["x-b"]),
            ),
            VOCABULARY,
        )


def test_what_is_written_shows_in_no_repr() -> None:
    said = TemplatePolicy("hunter2", {"k": "hunter2"}, (("X", "hunter2"),), Body("hunter2"), "hunter2")
    assert "hunter2" not in repr(RequestPolicy("https://h.example", templates=said))


def test_a_policy_that_says_nothing_is_none() -> None:
    assert not TemplatePolicy()
    assert request(TemplatePolicy(), {"a": 1}).body == b'{"a": 1}'


def carried(said: TemplatePolicy, value: bytes = b"\xff", told: Headers = (), **more: Any) -> Request:
    """What is asked for bytes that are no event."""
    bytes_alone = Vocabulary(MEMBERS, has_event=False)
    templated = Templated(RequestPolicy("https://h.example/b", templates=said, **more), bytes_alone)
    return templated.carry_in(value, "a/b", scope(lambda: None, record(7, value=value)), told).request


def test_bytes_are_sent_as_they_are_beside_what_is_written() -> None:
    said = TemplatePolicy("/{{ record.offset }}", {"t": "{{ record.topic }}"}, (("X-K", "{{ record.key }}"),))
    configured = (("X-K", "no"), ("Content-Type", "no/no"))
    sent = carried(said, told=(("X-T", "1"), ("Host", "no")), headers=configured)
    assert (sent.url, sent.body) == ("https://h.example/b/7?t=events", b"\xff")
    headers = {"User-Agent": "RudderLabs", "X-K": "k", "Content-Type": "a/b", "X-T": "1"}
    assert dict(sent.headers) == headers
    of_its_own = TemplatePolicy(headers=(("content-type", "{{ record.topic }}/x"),))
    assert dict(carried(of_its_own).headers)["content-type"] == "events/x"


def test_a_body_may_be_written_around_bytes() -> None:
    sent = carried(TemplatePolicy(body=Body({"b": "{{ record.value_base64 }}"})))
    assert (sent.body, dict(sent.headers)["Content-Type"]) == (b'{"b":"/w=="}', "application/json")
    csv = TemplatePolicy(body_template="{{ record.key }},{{ record.value_text }}", content_type="text/csv")
    sent = carried(csv, b'a"')
    assert (sent.body, dict(sent.headers)["Content-Type"]) == (b'k,"a"""', "text/csv")
    form = TemplatePolicy(body=Body({"b": "{{ record.value_text }}"}), encoding=Encoding.FORM)
    assert carried(form, b"a b").body == b"b=a%20b"


def test_what_has_no_content_type_gets_none() -> None:
    templated = Templated(RequestPolicy("https://h.example", templates=TemplatePolicy("/p")), VOCABULARY)
    sent = templated.carry_in(b"", None, scope(lambda: None, record())).request
    assert sent.headers == (("User-Agent", "RudderLabs"),)


def test_bytes_have_no_members() -> None:
    with pytest.raises(UnusableTemplateError, match="names `event`, but knows `record` alone"):
        carried(TemplatePolicy("/{{ event.a }}"))


def test_what_a_record_says_in_headers_wins_over_what_is_written() -> None:
    said, one = TemplatePolicy(headers=(("X-A", "{{ event.x }}"),)), event(x="1", header={"x-A": "2"})
    templated = Templated(RequestPolicy("https://h.example", templates=said), VOCABULARY)
    sent = templated.prepare_in(one, scope(one, record()), (("x-a", "3"), ("Host", "no")))
    assert sent.request.headers[-1] == ("x-a", "3")
    assert sent.dropped_headers == 1

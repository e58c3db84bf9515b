"""An event becomes the request that RudderStack's webhook destination makes of it, and nothing is rounded.

`requests.json` holds worked cases; the rest of the rules stand here, each as a test.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.core.request.events import Event, parse
from processor.core.request.nesting import DEEPEST
from processor.core.request.transform import Envelope, Method, Prepared, RequestPolicy, Transform
from processor.errors import EventError
from processor.model import Headers, Request
from tests.support.builders import event
from tests.support.examples import examples

CASES = json.loads((Path(__file__).parents[3] / "vectors" / "requests.json").read_text(encoding="utf-8"))
URL = "https://h.example/base"
WITH_BODY = (Method.POST, Method.PUT, Method.PATCH)
CODES = ("invalid_event", "invalid_header", "invalid_url", "endpoint_not_allowed")
LONG = "9" * 5000


def transform(method: Method = Method.POST, *headers: tuple[str, str], url: str = URL) -> Transform:
    allowed = frozenset({"other.example", "other.example:8443", "http://other.example"})
    return Transform(RequestPolicy(url, method, headers, allowed))


def request_for(value: Event | bytes, method: Method = Method.POST, *headers: tuple[str, str]) -> Request:
    subject = parse(value) if isinstance(value, bytes) else value
    return transform(method, *headers).prepare(subject).request


def outcome(value: bytes, method: Method = Method.POST) -> Request | EventError:
    try:
        return request_for(value, method)
    except EventError as error:
        return error


def body_of(value: Event | bytes) -> bytes:
    body = request_for(value).body
    assert body is not None
    return body


def headers_of(own: dict[str, str], *configured: tuple[str, str]) -> dict[str, str]:
    """By their names in lower case, of which none may stand twice."""
    sent = request_for(event(header=own), Method.POST, *configured).headers
    named = {name.lower(): value for name, value in sent}
    assert len(named) == len(sent)
    return named


def code_of(value: Event | bytes, method: Method = Method.POST) -> str:
    with pytest.raises(EventError) as raised:
        request_for(value, method)
    return raised.value.code


# The worked cases


def observed(config: dict[str, Any], subject: Any) -> dict[str, Any]:
    """What comes of an event, in the words of the cases."""
    policy = RequestPolicy(
        config["url"],
        Method(config.get("method") or "POST"),
        tuple(config.get("headers", {}).items()),
        frozenset(config.get("allowed_hosts", ())),
    )
    try:
        request = Transform(policy).prepare(parse(json.dumps(subject).encode())).request
    except EventError as error:
        return {"error": error.code}
    url, _, query = request.url.partition("?")
    return {
        "method": request.method,
        "url": url,
        "query": sorted(map(list, parse_qsl(query, keep_blank_values=True))),
        "headers": {name.lower(): value for name, value in request.headers},
        "body": None if request.body is None else json.loads(request.body),
    }


def test_there_are_worked_cases() -> None:
    assert len(CASES) >= 58
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_worked_case_comes_out_as_written(case: dict[str, Any]) -> None:
    assert observed(case["config"], case["event"]) == case["expect"]


# Method


@pytest.mark.parametrize("method", WITH_BODY)
def test_an_event_travels_as_a_body_without_parameters(method: Method) -> None:
    request = request_for(event(properties={"a": 1}), method)
    assert (request.method, request.url, request.body) == (method, URL, b'{"properties": {"a": 1}}')
    assert type(request.method) is str


@pytest.mark.parametrize("method", [Method.GET, Method.DELETE])
def test_an_event_travels_as_parameters_without_a_body(method: Method) -> None:
    request = request_for(event(properties={"a": 1}), method)
    assert (request.method, request.url, request.body) == (method, f"{URL}?a=1", None)


@pytest.mark.parametrize("method", ["post", "HEAD", "OPTIONS", "TRACE", ""])
def test_there_is_no_other_method(method: str) -> None:
    with pytest.raises(ValueError, match="is not a valid Method"):
        Method(method)


def test_the_origin_is_that_of_the_configured_url() -> None:
    assert str(transform(url="https://H.example:443/x").origin) == "https://h.example"


# Headers


def test_a_request_says_who_sends_it_and_what_it_carries() -> None:
    assert request_for(event()).headers == (
        ("User-Agent", "RudderLabs"),
        ("Content-Type", "application/json"),
    )
    assert request_for(event(), Method.GET).headers == (("User-Agent", "RudderLabs"),)


def test_configured_headers_win_over_defaults_and_the_event_over_both() -> None:
    configured = (("USER-AGENT", "mine"), ("x-token", "configured"), ("X-Kept", "1"))
    assert headers_of({"X-TOKEN": "event", "content-type": "text/plain"}, *configured) == {
        "user-agent": "mine",
        "content-type": "text/plain",
        "x-token": "event",
        "x-kept": "1",
    }


def test_a_header_goes_out_as_the_last_one_spelled_it() -> None:
    sent = request_for(event(header={"x-ToKen": "b"}), Method.GET, ("X-Token", "a")).headers
    assert sent == (("User-Agent", "RudderLabs"), ("x-ToKen", "b"))


def test_of_two_spellings_in_one_event_the_last_wins() -> None:
    assert headers_of({"X-A": "first", "x-a": "last"})["x-a"] == "last"


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ('"text"', "text"),
        ('""', ""),
        ("10", "10"),
        (LONG, LONG),
        ("1.50", "1.50"),
        ("1E+5", "1E+5"),
        ("true", "true"),
        ("null", "null"),
        ('[1, "a"]', '[1,"a"]'),
        ('{"k": 1.0}', '{"k":1.0}'),
        ('"ü"', "ü"),
        ('"\\ttab"', "\ttab"),
    ],
)
def test_a_header_that_is_not_text_is_written_as_json(written: str, sent: str) -> None:
    request = request_for(f'{{"header":{{"X-A":{written}}}}}'.encode())
    assert request.headers[-1] == ("X-A", sent)


@pytest.mark.parametrize("header", [None, "", "text", 5, True, [], ["X-A"], [["X-A", "b"]], {}])
def test_a_header_member_that_is_no_object_is_ignored_and_not_sent(header: Any) -> None:
    prepared = transform().prepare(event(header=header, a=1))
    assert prepared.request.headers == request_for(event()).headers
    assert prepared.request.body == b'{"a":1}'
    assert prepared.dropped_headers == 0


@pytest.mark.parametrize(
    "name", ["", " ", "X A", "X:", "X\r\nY", "X\0", "ü", "X\t", '"X"', "X/Y", "X(", "{X}", "Host "]
)
def test_an_empty_or_impossible_name_is_an_invalid_header(name: str) -> None:
    assert code_of(event(header={name: "v"})) == "invalid_header"


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\r\nX-B: c", "a\0b", "\n", "end\n"])
def test_a_value_with_a_line_break_or_nul_is_an_invalid_header(value: str) -> None:
    assert code_of(event(header={"X-A": value})) == "invalid_header"


@pytest.mark.parametrize("character", [chr(code) for code in (*range(32), 127) if chr(code) != "\t"])
def test_a_value_with_a_control_character_is_an_invalid_header(character: str) -> None:
    assert code_of(event(header={"X-A": f"a{character}b"})) == "invalid_header"


def test_a_refused_header_is_named_without_its_value() -> None:
    with pytest.raises(EventError) as raised:
        request_for(event(header={"X-A": "s3cret\n"}))
    assert "X-A" in raised.value.message
    assert "s3cret" not in raised.value.message


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "content-length", "Transfer-Encoding", "CONNECTION", "Keep-Alive", "TE", "Trailer"),
        *("Upgrade", "Proxy-Authorization", "Proxy-Authenticate", "Proxy-Connection", "Expect"),
        *("HTTP2-Settings", "Trailers", "Transfer_Encoding", "Content_Length", "content_LENGTH"),
        *("TRANSFER_encoding", "Keep_Alive", "Proxy_Connection", "Content.Length", "http2_settings"),
    ],
)
def test_a_header_of_the_connection_is_dropped_and_counted(name: str) -> None:
    prepared = transform().prepare(event(header={name: "3\r\n", "X-A": "b"}))
    assert prepared.dropped_headers == 1
    assert prepared.request.headers[2:] == (("X-A", "b"),)


def test_every_dropped_header_is_counted() -> None:
    assert transform().prepare(event(header={"Host": "a", "host": "b", "TE": "c"})).dropped_headers == 3


@pytest.mark.parametrize("name", ["Content-Encoding", "content_encoding"])
def test_an_event_does_not_say_how_its_body_is_packed(name: str) -> None:
    prepared = transform().prepare(event(header={name: "gzip", "X-A": "b"}))
    assert prepared.dropped_headers == 1
    assert prepared.request.headers[2:] == (("X-A", "b"),)


RESERVED = frozenset(("webhook-signature", "Webhook-Timestamp"))


@pytest.mark.parametrize("name", ["webhook-signature", "Webhook_Signature", "WEBHOOK-TIMESTAMP"])
def test_a_header_that_is_made_for_each_attempt_is_no_events_to_set(name: str) -> None:
    policy = RequestPolicy(URL, reserved_headers=RESERVED)
    prepared = Transform(policy).prepare(event(header={name: "forged", "Host": "h", "X-A": "b"}))
    assert prepared.dropped_headers == 2
    assert prepared.request.headers[2:] == (("X-A", "b"),)
    assert headers_of({name: "1"})[name.lower()] == "1"


def test_a_header_that_is_made_for_each_attempt_cannot_be_configured_too() -> None:
    with pytest.raises(EventError, match="made for each attempt"):
        Transform(RequestPolicy(URL, headers=(("Webhook_Signature", "x"),), reserved_headers=RESERVED))


def test_a_refused_header_is_named_by_the_start_of_its_name() -> None:
    with pytest.raises(EventError) as raised:
        request_for(event(header={"X" * 200: "\n"}))
    assert raised.value.message.count("X") == 64
    with pytest.raises(EventError, match="a header name is longer than 256 bytes"):
        request_for(event(header={"X" * 1000: "\n"}))
    with pytest.raises(EventError, match="more than 256, or more than 32768 bytes of them"):
        request_for(event(header={"X" * 600_000: "\n"}))


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ({"X" * 256: "a"}, True),
        ({"X" * 257: "a"}, False),
        ({"X-A": "a" * 16384}, True),
        ({"X-A": "a" * 16385}, False),
        ({"X-A": "ü" * 8192}, True),
        ({"X-A": "ü" * 8193}, False),
        ({f"X-{n}": "a" for n in range(256)}, True),
        ({f"X-{n}": "a" for n in range(257)}, False),
        ({f"X-{n}": "a" for n in range(256)} | {"Host": "a", "TE": "b"}, True),
        ({f"X-{n}": "a" * 16381 for n in range(2)}, True),
        ({f"X-{n}": "a" * 11000 for n in range(3)}, False),
        ({f"X-{n}": [0] * 5000 for n in range(3)}, True),
        ({f"X-{n}": [0] * 5500 for n in range(3)}, False),
        ({"X-A": "\x01" * 12000}, False),
        ({"Content-Length": "a" * 70_000}, False),
    ],
)
def test_headers_are_bounded_in_number_and_length(headers: dict[str, Any], *, sent: bool) -> None:
    request = outcome(event(header=headers).value)
    if sent:
        assert isinstance(request, Request)
    else:
        assert isinstance(request, EventError)
        assert request.code == "invalid_header"
        assert len(request.message) < 200


@pytest.mark.parametrize("headers", [(("X A", "b"),), (("", "b"),), (("X-A", "b\r\nc"),), (("X-A", "\0"),)])
def test_a_configured_header_that_cannot_be_sent_is_refused_at_once(headers: Headers) -> None:
    with pytest.raises(EventError) as raised:
        Transform(RequestPolicy(URL, headers=headers))
    assert raised.value.code == "invalid_header"


@pytest.mark.parametrize(
    "url", ["", "h.example", "ftp://h.example", "https://me@h.example", "https://h.example/.."]
)
def test_a_configured_url_that_cannot_be_used_is_refused_at_once(url: str) -> None:
    with pytest.raises(EventError):
        Transform(RequestPolicy(url))


# Endpoint


@pytest.mark.parametrize(
    ("members", "url"),
    [
        ({"appendPath": "/x"}, f"{URL}/x"),
        ({"appendPath": 5}, f"{URL}5"),
        ({"appendPath": 0}, f"{URL}0"),
        ({"appendPath": -1.5}, f"{URL}-1.5"),
        ({"appendPath": ""}, URL),
        ({"appendPath": None}, URL),
        ({"appendPath": "/a\r\nb\tc\0"}, f"{URL}/a%0D%0Ab%09c%00"),
        ({"fullPath": "https://h.example/other"}, "https://h.example/other"),
        ({"fullPath": "https://other.example/"}, "https://other.example/"),
        ({"fullPath": "https://other.example/a", "appendPath": "?b"}, "https://other.example/a?b"),
        ({"fullPath": "", "appendPath": "/x"}, f"{URL}/x"),
    ],
)
def test_an_event_may_say_where_it_goes(members: dict[str, Any], url: str) -> None:
    request = request_for(event(members, a=1))
    assert (request.url, request.body) == (url, b'{"a":1}')


def test_a_number_is_appended_as_it_was_written() -> None:
    assert request_for(f'{{"appendPath":{LONG}}}'.encode()).url == URL + LONG
    assert request_for(b'{"appendPath":1.50E+1}').url == f"{URL}1.50E+1"


@pytest.mark.parametrize(
    ("members", "foreign"),
    [
        ({}, False),
        ({"appendPath": "/x?y"}, False),
        ({"fullPath": "https://H.example:443", "appendPath": "/x"}, False),
        ({"fullPath": "https://other.example"}, True),
        ({"fullPath": "https://other", "appendPath": ".example/https://h.example/"}, True),
        ({"fullPath": "http://other.example/base"}, True),
        ({"integrations": {"Webhook": {"fullPath": "https://other.example/base"}}}, True),
    ],
)
@pytest.mark.parametrize("method", [Method.POST, Method.GET])
def test_an_event_that_leads_to_another_origin_is_marked(
    members: dict[str, Any], method: Method, *, foreign: bool
) -> None:
    subject = event(properties={"a": "https://other.example/"}, **members)
    assert transform(method).prepare(subject).is_foreign is foreign


@pytest.mark.parametrize("url", ["https://other.example:8443/x", "http://other.example/x"])
def test_another_port_or_scheme_of_the_configured_host_is_another_origin(url: str) -> None:
    own = transform(url="https://other.example/hook")
    assert own.prepare(event(fullPath=url)).is_foreign
    assert not own.prepare(event(fullPath="https://other.example/x")).is_foreign


@pytest.mark.parametrize("asked", [{}, {"X-Asked": "1"}, {"AUTHORIZATION": "of the event"}])
@pytest.mark.parametrize("method", list(Method))
def test_a_host_that_an_event_names_gets_no_header_that_is_the_configured_hosts_own(
    method: Method, asked: dict[str, str]
) -> None:
    configured = (("Authorization", "secret"), ("Host", "h.internal"), ("X-Source", "events"))
    policy = RequestPolicy(
        *(URL, method, configured, frozenset({"other.example"})),
        own_headers=frozenset({"authorization", "x-not-there"}),
    )
    own, foreign = (
        dict(Transform(policy).prepare(event(header=asked, fullPath=url)).request.headers)
        for url in (URL, "https://other.example/x")
    )
    assert "secret" not in foreign.values()
    assert own == foreign | {"Host": "h.internal"} | (
        {} if "AUTHORIZATION" in asked else {"Authorization": "secret"}
    )
    assert foreign["X-Source"] == "events"
    assert foreign.items() >= asked.items()


@pytest.mark.parametrize("name", ["fullPath", "appendPath"])
@pytest.mark.parametrize("value", [True, False, [], ["x"], {}, {"a": 1}])
def test_a_path_that_is_neither_text_nor_a_number_is_an_invalid_url(name: str, value: Any) -> None:
    assert code_of(event({name: value})) == "invalid_url"
    assert code_of(event(integrations={"Webhook": {name: value}})) == "invalid_url"


@pytest.mark.parametrize("name", ["Webhook", "webhook", "WebHook", "WEBHOOK"])
def test_integrations_may_say_where_it_goes_and_are_sent_all_the_same(name: str) -> None:
    subject = event(
        integrations={"All": True, name: {"fullPath": "https://other.example/a", "appendPath": "b"}}
    )
    request = request_for(subject)
    assert request.url == "https://other.example/ab"
    assert request.body == subject.value


@pytest.mark.parametrize("name", ["webHook", "Webhooks", "All", ""])
def test_integrations_of_another_name_say_nothing(name: str) -> None:
    assert request_for(event(integrations={name: {"appendPath": "/x"}})).url == URL


@pytest.mark.parametrize(
    "integrations",
    [
        *(None, "appendPath", 5, True, [], ["appendPath"], {}),
        *({"Webhook": value} for value in (None, "appendPath", True, ["appendPath"])),
        {"Webhook": {"appendPath": None, "fullPath": ""}},
    ],
)
def test_integrations_that_hold_no_path_change_nothing(integrations: Any) -> None:
    assert request_for(event(integrations=integrations)).url == URL


def test_the_event_is_asked_before_its_integrations_and_each_member_on_its_own() -> None:
    integrations = {"Webhook": {"fullPath": "https://other.example/", "appendPath": "/i"}}
    assert request_for(event(appendPath="x", integrations=integrations)).url == "https://other.example/x"
    assert request_for(event(fullPath=URL, integrations=integrations)).url == f"{URL}/i"
    assert request_for(event(appendPath="", fullPath=URL, integrations=integrations)).url == f"{URL}/i"


SPELLINGS = ("webhook", "Webhook", "WebHook", "WEBHOOK")


@pytest.mark.parametrize("first", range(4))
@pytest.mark.parametrize("falsy", [None, False, 0, ""])
def test_of_several_integrations_the_first_truthy_one_counts(first: int, falsy: Any) -> None:
    several = {name: {"appendPath": name} for name in reversed(SPELLINGS)}
    several |= dict.fromkeys(SPELLINGS[:first], falsy)
    assert request_for(event(integrations=several)).url == URL + SPELLINGS[first]


@pytest.mark.parametrize("first", [True, 1, "text", ["x"], {}, {"appendPath": None}, {"fullPath": URL}])
def test_the_first_truthy_one_counts_alone(first: Any) -> None:
    several = {"webhook": first, "Webhook": {"appendPath": "/x", "fullPath": "https://other.example"}}
    assert request_for(event(integrations=several)).url == URL


def test_a_path_in_integrations_is_found_however_it_is_written() -> None:
    assert code_of(b'{"integrations":{"webhook":{"fullPath":1}}}') == "invalid_url"
    assert request_for(b'{"integrations":{"Webhook":{"append\\u0050ath":"/x"}}}').url == f"{URL}/x"


@pytest.mark.parametrize("method", list(Method))
def test_an_event_does_not_choose_who_receives_it(method: Method) -> None:
    for members in ({"fullPath": "https://evil.test/"}, {"appendPath": "/../x"}):
        assert code_of(event(members), method) == "endpoint_not_allowed"
        assert code_of(event(integrations={"webhook": members}), method) == "endpoint_not_allowed"


def test_parameters_stand_behind_an_appended_query() -> None:
    subject = event(appendPath="/x?a=1#frag", properties={"b": "2"})
    assert request_for(subject, Method.GET).url == f"{URL}/x?a=1&b=2"


def test_an_event_without_parameters_leaves_the_url_as_it_is() -> None:
    assert request_for(event(properties=None), Method.GET).url == URL


def test_a_path_is_bounded_before_it_is_read() -> None:
    room = 16384 - len(URL)
    assert len(request_for(event(appendPath="x" * room)).url) == 16384
    for path in ("x" * (room + 1), "/" * 3_000_000, "%25" * 100_000, "ü" * 8000, "\x01" * room):
        assert code_of(event(appendPath=path)) == "invalid_url"
        assert code_of(event(integrations={"Webhook": {"appendPath": path}})) == "invalid_url"
    assert code_of(event(fullPath="https://" + "ü" * 330_000 + "/")) == "invalid_url"
    assert code_of(event(fullPath="https://" + "ü" * 1000 + "/")) == "endpoint_not_allowed"


# Body


@pytest.mark.parametrize(
    "value",
    [
        b"{}",
        b' {\n\t"b" : 1 , "a":[ 1,2 ] }\r\n',
        b'{"a":1,"a":2}',
        b'{"a":{"b":null},"c":[null]}',
        b'{"a":"null"}',
        b'{"\\u0061":"\\u00fc\\/","b":"\xc3\xbc"}',
        f'{{"a":{LONG},"b":[1.10,1E400,-0.0],"c":0.{LONG}}}'.encode(),
        b'{"context":{"ip":"9.9.9.9"},"request_ip":"1.2.3.4"}',
        b'{"request_ip":null_or_not}'.replace(b"null_or_not", b'""'),
        b'{"Header":1,"fullpath":2,"append_path":3}',
    ],
)
def test_an_event_that_asks_for_nothing_is_passed_on_byte_for_byte(value: bytes) -> None:
    assert body_of(value) == value


def test_what_says_how_to_send_is_not_sent() -> None:
    assert (
        body_of(event(header={"X-A": "b"}, fullPath=URL, appendPath="/x", type="track"))
        == b'{"type":"track"}'
    )


def test_top_level_nulls_are_not_sent_and_nested_ones_are() -> None:
    assert body_of(b'{"a":null,"b":{"c":null},"d":[null], "e" : null }') == b'{"b":{"c":null},"d":[null]}'


def test_where_something_is_taken_out_the_rest_keeps_its_bytes() -> None:
    kept = f'{{ "b" : [ {LONG}, 1.10 ], "b": "\\u0061\\/" }}'
    assert body_of(f'{{"x":null,"a": {kept} ,"c":1.0}}'.encode()) == f'{{"a":{kept},"c":1.0}}'.encode()


def test_a_name_that_stands_twice_is_sent_once_where_the_event_is_changed() -> None:
    assert body_of(b'{"a":1,"n":null,"a":2}') == b'{"a":2}'
    assert body_of(b'{"a":null,"n":null,"a":2}') == b'{"a":2}'
    assert body_of(b'{"a":2,"n":null,"a":null}') == b"{}"


IP = "1.2.3.4"


@pytest.mark.parametrize(
    ("context", "sent"),
    [
        (None, {"ip": IP}),
        ({}, {"ip": IP}),
        ({"ip": None}, {"ip": IP}),
        ({"ip": ""}, {"ip": ""}),
        ({"a": {"b": None}}, {"a": {"b": None}, "ip": IP}),
        ({"ip": "9.9.9.9"}, {"ip": "9.9.9.9"}),
        ({"ip": 0}, {"ip": 0}),
        ({"ip": False}, {"ip": False}),
        ([], []),
        ("text", "text"),
        (5, 5),
    ],
)
def test_the_address_of_the_client_is_put_into_a_context_that_has_none(context: Any, sent: Any) -> None:
    assert json.loads(body_of(event(context=context, request_ip=IP))) == {"context": sent, "request_ip": IP}


def test_an_absent_context_is_made_for_the_address_of_the_client() -> None:
    assert body_of(event(request_ip=IP)) == b'{"request_ip":"1.2.3.4","context":{"ip":"1.2.3.4"}}'


@pytest.mark.parametrize("request_ip", [None, "", 0, -0.0, False])
def test_without_an_address_the_context_stays(request_ip: Any) -> None:
    assert "context" not in json.loads(body_of(event(request_ip=request_ip)))
    assert json.loads(body_of(event(request_ip=request_ip, context={})))["context"] == {}


@pytest.mark.parametrize("request_ip", [True, 1, " ", "0", [], {}])
def test_what_is_true_in_javascript_is_an_address(request_ip: Any) -> None:
    assert json.loads(body_of(event(request_ip=request_ip)))["context"] == {"ip": request_ip}


def test_an_address_is_taken_as_it_is_written() -> None:
    assert body_of(b'{"request_ip":1.50}') == b'{"request_ip":1.50,"context":{"ip":1.50}}'


def test_a_context_keeps_the_bytes_of_its_other_members() -> None:
    value = f'{{"context": {{ "n" : {LONG} }}, "request_ip":"{IP}"}}'
    assert body_of(value.encode()) == f'{{"context":{{"n":{LONG},"ip":"{IP}"}},"request_ip":"{IP}"}}'.encode()


@pytest.mark.parametrize("number", [LONG, f"-{LONG}", f"0.{LONG}", "1.10", "1E400"])
def test_no_number_is_rounded_in_a_body_or_a_query(number: str) -> None:
    value = f'{{"properties":{{"n":{number}}},"x":null}}'.encode()
    assert body_of(value) == f'{{"properties":{{"n":{number}}}}}'.encode()
    assert request_for(value, Method.GET).url == f"{URL}?n={number}"


# Whatever the event

LOOKED_INTO = ("header", "properties", "traits", "context", "type", "integrations", "request_ip")


@pytest.mark.parametrize("name", LOOKED_INTO)
@pytest.mark.parametrize("method", [Method.POST, Method.GET])
@pytest.mark.parametrize("depth", [10, DEEPEST - 1, DEEPEST, 900, 1100, 1_000_000])
def test_deep_nesting_is_sent_or_refused_and_nothing_else(name: str, method: Method, depth: int) -> None:
    value = (
        f'{{"request_ip":"{IP}","type":"identify","{name}":{{"Path":{"[" * depth}{"]" * depth}}}}}'.encode()
    )
    request = outcome(value, method)
    if isinstance(request, EventError):
        assert request.code == "invalid_event"
        assert depth >= DEEPEST


@pytest.mark.parametrize(
    ("name", "method"), [("header", Method.POST), ("context", Method.POST), ("properties", Method.GET)]
)
def test_what_is_looked_into_may_be_as_deep_on_every_interpreter(name: str, method: Method) -> None:
    for depth, is_sent in ((DEEPEST - 1, True), (DEEPEST, False), (900, False)):
        value = f'{{"request_ip":"{IP}","{name}":{{"Path":{"[" * depth}{"]" * depth}}}}}'
        assert isinstance(outcome(value.encode(), method), Request) is is_sent


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
any_text = st.text(st.characters(exclude_categories=()), max_size=6)
paths = st.lists(
    st.sampled_from(["https://", "h.example", "other.example", "evil.test", "/", "..", "%2e", "@", ":", "\\"])
    | any_text,
    max_size=4,
).map("".join)
path_members = st.fixed_dictionaries(
    {}, optional={"fullPath": paths | json_values, "appendPath": paths | json_values}
)
names = st.sampled_from(["X-A", "x-a", "Host", "Content-Length", "content-type"]) | any_text
members = st.fixed_dictionaries(
    {},
    optional={
        "header": st.dictionaries(names, any_text | json_values, max_size=3) | json_values,
        "integrations": st.fixed_dictionaries({"Webhook": path_members | json_values}) | json_values,
        "type": st.just("identify") | json_values,
        "properties": json_values,
        "traits": json_values,
        "context": st.dictionaries(st.sampled_from(["ip", "traits", "x"]), json_values) | json_values,
        "request_ip": st.just(IP) | json_values,
    },
)
events = st.builds(
    lambda *parts: {name: value for part in parts for name, value in part.items()},
    st.dictionaries(st.text(), json_values, max_size=3),
    members,
    st.just({}) | path_members,
)


def is_true(value: Any) -> bool:
    """In JavaScript."""
    return bool(value) or isinstance(value, list | dict)


def expected_body(subject: dict[str, Any]) -> dict[str, Any]:
    """By the rules, from what the event says."""
    envelope = ("header", "fullPath", "appendPath")
    body = {name: value for name, value in subject.items() if name not in envelope and value is not None}
    ip, context = subject.get("request_ip"), subject.get("context")
    without_ip = context is None or (isinstance(context, dict) and context.get("ip") is None)
    if is_true(ip) and without_ip:
        body["context"] = {**(context or {}), "ip": ip}
    return body


def is_allowed(url: str) -> bool:
    parts = urlsplit(url)
    known = (parts.scheme, parts.netloc) == ("https", "h.example")
    return known or (parts.scheme in ("http", "https") and parts.hostname == "other.example")


@settings(max_examples=examples(300))
@given(events, st.sampled_from(Method), st.booleans())
def test_whatever_an_event_says_it_is_sent_by_the_rules_or_refused(
    subject: dict[str, Any], method: Method, ascii_only: bool
) -> None:
    value = json.dumps(subject, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    request = outcome(value, method)
    if isinstance(request, EventError):
        assert request.code in CODES
        return
    assert is_allowed(request.url)
    assert request.url.isascii()
    assert not any(character in text for pair in request.headers for text in pair for character in "\r\n\0")
    assert all(name.lower() not in ("host", "content-length") for name, _ in request.headers)
    assert " ".join(text for pair in request.headers for text in pair).encode()
    body = None if request.body is None else json.loads(request.body)
    assert body == (expected_body(subject) if method in WITH_BODY else None)


@given(
    st.dictionaries(st.text(), json_values.filter(lambda value: value is not None)),
    st.sampled_from([None, 2]),
)
def test_whatever_asks_for_nothing_special_keeps_its_bytes(
    subject: dict[str, Any], indent: int | None
) -> None:
    value = json.dumps(subject, indent=indent).encode()
    if not {"header", "fullPath", "appendPath", "request_ip", "integrations"} & subject.keys():
        assert body_of(value) == value


@given(st.binary(max_size=40), st.sampled_from((*LOOKED_INTO, "appendPath")), st.sampled_from(Method))
def test_whatever_bytes_stand_in_a_member_it_is_sent_or_refused(
    inner: bytes, name: str, method: Method
) -> None:
    request = outcome(b'{"%s":%s}' % (name.encode(), inner), method)
    assert isinstance(request, Request) or request.code in CODES


@pytest.mark.parametrize(
    ("asked", "said", "brings"),
    [
        ({"AUTHORIZATION": "Bearer mine"}, (), True),
        ({"X-Key": "mine"}, (), True),
        ({"X-Other": "1"}, (), False),
        ({}, (("authorization", "Bearer mine"),), True),
        ({}, (("x-other", "1"),), False),
    ],
)
def test_an_event_or_record_that_says_what_proves_who_sends_is_known_by_it(
    asked: dict[str, str], said: Headers, brings: bool
) -> None:
    proofs = frozenset(("authorization", "x-key"))
    made = Transform(RequestPolicy(URL, headers=(("X-Key", "ours"),), proof_headers=proofs))
    assert made.prepare(event(header=asked), said).brings_proof is brings
    assert made.carry(b"", None, said).brings_proof is (brings and bool(said))


@settings(max_examples=examples(300))
@given(events, st.sampled_from(Method), st.booleans())
def test_what_is_passed_on_unchanged_would_be_prepared_the_same(
    subject: dict[str, Any], method: Method, ascii_only: bool
) -> None:
    made, parsed = transform(method), parse(encodable(subject, ascii_only))
    if request := made.unchanged(parsed):
        assert made.prepare(parsed) == Prepared(request, 0, False)


def encodable(subject: dict[str, Any], ascii_only: bool) -> bytes:
    """As JSON; lone surrogates, which are no UTF-8, as question marks."""
    return json.dumps(subject, ensure_ascii=ascii_only).encode(errors="replace")


def test_without_an_envelope_all_is_passed_on_unchanged() -> None:
    value = b' {"header":{"A":"b"},"type":null} '
    made = Transform(RequestPolicy(URL, envelope=Envelope.NONE)).unchanged(parse(value))
    assert made is not None
    assert made.body == value


@pytest.mark.parametrize(
    ("value", "method", "unchanged"),
    [
        (b'{"type":"track","integrations":{"All":true},"context":{"ip":null}}', Method.POST, True),
        (b'{"type":"track"}', Method.GET, False),
        (b'{"type":null}', Method.POST, False),
        (b'{"header":{"A":"b"}}', Method.POST, False),
        (b'{"\\u0068eader":{"A":"b"}}', Method.POST, False),
        (b'{"fullPath":"x"}', Method.POST, False),
        (b'{"appendPath":"x"}', Method.POST, False),
        (b'{"request_ip":"1.2.3.4"}', Method.POST, False),
        (b'{"integrations":{"Webhook":{"appendPath":"x"}}}', Method.POST, False),
        (b'{"integrations":{"Webhook":{"append\\u0050ath":"x"}}}', Method.POST, False),
    ],
)
def test_only_what_asks_for_nothing_is_passed_on_unchanged(
    value: bytes, method: Method, unchanged: bool
) -> None:
    assert (transform(method).unchanged(parse(value)) is not None) == unchanged

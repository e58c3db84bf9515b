"""A record's value is a request, left out by a stated rule, or refused: the same for all who ask."""

import json
from urllib.parse import quote

import pytest

from processor.core.record.avro.decoder import Decoder
from processor.core.record.cloudevents import CloudEventsPolicy, Mode
from processor.core.record.reading import RecordPolicy, Unwrap, Value
from processor.core.request.filters import FilterPolicy, Integrations
from processor.core.request.templates.policy import TemplatePolicy
from processor.core.request.transform import Envelope, Method, Prepared, RequestPolicy
from processor.errors import EventError
from processor.model import Request
from processor.traffic.preparation import Preparation, Skipped
from tests.support.builders import prepared

URL = "https://h.example/base"
MARK = b"\xef\xbb\xbf"


def preparation(
    method: Method = Method.POST,
    envelope: Envelope = Envelope.RUDDERSTACK,
    integrations: Integrations = Integrations.NAMED,
    *,
    skip_tombstones: bool = True,
) -> Preparation:
    request = RequestPolicy(URL, method, (("Authorization", "configured"),), envelope=envelope)
    return Preparation(request, FilterPolicy(integrations, skip_tombstones))


def request_of(
    value: bytes, method: Method = Method.POST, envelope: Envelope = Envelope.RUDDERSTACK
) -> Request:
    made = prepared(preparation(method, envelope), value)
    if isinstance(made, EventError):
        raise made
    assert isinstance(made, Request | Prepared)
    return made.request if isinstance(made, Prepared) else made


def body_of(value: bytes, envelope: Envelope = Envelope.RUDDERSTACK) -> bytes | None:
    return request_of(value, envelope=envelope).body


def code_of(value: bytes | None, **more: bool) -> str:
    made = prepared(preparation(**more), value)  # type: ignore[arg-type]
    assert isinstance(made, EventError)
    return made.code


def test_it_knows_who_receives() -> None:
    assert str(preparation().origin) == "https://h.example"


def test_a_record_without_a_value_is_left_out_or_refused() -> None:
    assert prepared(preparation(), None) == Skipped("tombstone")
    assert code_of(None, skip_tombstones=False) == "tombstone"


@pytest.mark.parametrize("value", [b"", b" "])
def test_an_empty_value_is_no_tombstone(value: bytes) -> None:
    assert code_of(value) == "invalid_event"


@pytest.mark.parametrize("value", [b"null", b" [1.10, null]\n", b'"text"', b"-1E400", b"false"])
def test_any_json_value_is_sent_as_it_is_and_where_only_a_query_can_be_sent_refused(value: bytes) -> None:
    for envelope in Envelope:
        assert body_of(value, envelope) == value
        for method in (Method.GET, Method.DELETE):
            made = prepared(preparation(method, envelope), value)
            assert isinstance(made, EventError)
            assert (made.code, "no query" in made.message) == ("invalid_event", True)


def test_an_event_that_says_no_is_left_out_whatever_else_it_says() -> None:
    value = b'{"integrations":{"Webhook":false},"fullPath":"https://evil.test"}'
    for envelope in Envelope:
        for method in Method:
            assert prepared(preparation(method, envelope), value) == Skipped("integrations")


def test_a_byte_order_mark_is_taken_off_and_nothing_else() -> None:
    assert body_of(MARK + b' {"a" : 1}\n') == b' {"a" : 1}\n'
    assert body_of(MARK + b'{"a":1,"b":null}') == b'{"a":1}'
    assert code_of(MARK) == code_of(MARK + MARK + b"{}") == code_of(b"{}" + MARK) == "invalid_event"


HALVES = [
    b'{"type":"track","event":"cut \\ud83d"}',
    b'{"type":"track","event":"cut \\ud83d","properties":{"long":"text behind it, so that nothing is cut"}}',
    b'{"type":"track","properties":{"a":{"b":["x\\ud83dx"]}}}',
    b'{"type":"track","properties":{"low":"\\ude00"}}',
    b'{"type":"identify","traits":{"name":"\\ud83d\\ud83d\\ude00"}}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\udc00x"}',
    b'{"\\uD83d":1,"n":99999999999999999999.10, "b" : [1E5,-0] }',
    b'{"\\ud800":1,"\\ud801":{"\\udfff":"\\uDBFF"}}',
]


@pytest.mark.parametrize("value", HALVES)
@pytest.mark.parametrize("envelope", Envelope)
def test_half_a_surrogate_is_passed_on_byte_for_byte(value: bytes, envelope: Envelope) -> None:
    assert body_of(value, envelope) == value


def test_what_is_taken_out_beside_half_a_surrogate_changes_nothing_else() -> None:
    value = (
        b'{"\\ud800":{ "x" : "\\ud801\\/" },"n":null,"\\ud801":1.50,'
        b'"context":{"a":"\\uD83d"},"request_ip":"1.2.3.4"}'
    )
    assert body_of(value) == (
        b'{"\\ud800":{ "x" : "\\ud801\\/" },"\\ud801":1.50,'
        b'"context":{"a":"\\uD83d","ip":"1.2.3.4"},"request_ip":"1.2.3.4"}'
    )


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (b"cut \\ud83d", "cut%20%EF%BF%BD"),
        (b"\\ud83d\\ud83d\\ude00", "%EF%BF%BD%F0%9F%98%80"),
        (b"\\ude00\\uD83D", "%EF%BF%BD%EF%BF%BD"),
        (b"\\\\ud83d", "%5Cud83d"),
        (b"\\\\\\ud83d\\\\", "%5C%EF%BF%BD%5C"),
        (b"\\n\\ud83d\\\\ude00", "%0A%EF%BF%BD%5Cude00"),
        (b"\\ud83d\\u0041", "%EF%BF%BDA"),
    ],
)
def test_where_text_is_made_of_half_a_surrogate_it_is_the_replacement_character(
    written: bytes, text: str
) -> None:
    query = request_of(b'{"properties":{"a":"%b"}}' % written, Method.GET)
    assert query.url == f"{URL}?a={text}"
    assert request_of(b'{"appendPath":"/%b"}' % written).url == f"{URL}/{text}"


def test_half_a_surrogate_in_a_header_is_the_replacement_character_and_its_name_cannot_have_one() -> None:
    request = request_of(b'{"header":{"X-A":"\\ud83d","X-B":["\\ude00"]},"\\ud800":null,"a":"\\udc00"}')
    assert request.headers[-2:] == (("X-A", "\ufffd"), ("X-B", '["\ufffd"]'))
    assert request.body == b'{"a":"\\udc00"}'
    assert code_of(b'{"header":{"X-\\ud83d":"a"}}') == "invalid_header"


@pytest.mark.parametrize(
    "value",
    [
        b'{"a":"\\ud83d"',
        b'{"a":"\\ud83d"}}',
        b'x{"a":"\\ud83d"}',
        b'{"a":"\\ud83d",}',
        b'{"a":"\\ud83d","b":NaN}',
        b'{"a":"\\ud83d","b":[1}',
        b'{"a":"\\ud83d","b":{}x}',
        b'{"a":"\\ud83d\x01"}',
        b'{"a":"\\ud83"}',
        b'{"a":"\\ud83d\xff"}',
        b'{"a":"\\ud83d","b":01}',
        b'["\\ud83d"',
        b"\\ud83d",
        b'"\\ud83d":1}',
        b'{"a":"\\ud83d","b":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_half_a_surrogate_excuses_nothing_else(value: bytes) -> None:
    assert code_of(value) == "invalid_event"


def test_with_half_a_surrogate_no_number_is_made_of_digits() -> None:
    value = b'{"a":"\\ud83d","n":%b}' % (b"9" * 100_000)
    assert body_of(value) == value


# No envelope

OWN_MEMBERS = [
    b'{"header":{"eventType":"order.created","version":3,"ts":1700000000},"body":{"id":1}}',
    b'{"header":"v1","body":{"id":1}}',
    b'{"header":{"event type":"x"},"payload":{"id":1}}',
    b'{"header":{"note":"line1\\nline2"},"payload":{}}',
    b'{"header":{"Authorization":"Bearer from-the-event"},"payload":{}}',
    b'{"fullPath":"/var/log/x.log","size":3}',
    b'{"appendPath":"x","a":1}',
    b'{"request_ip":"1.2.3.4","a":1}',
    b'{"before":null,"after":{"id":1},"op":"c","ts_ms":1,"transaction":null}',
    b'{"specversion":"1.0","type":"x","source":"/s","id":"1","subject":null,"data":{"a":null}}',
    b'{"integrations":{"webhook":{"fullPath":"https://evil.test"}}}',
    MARK + b' {"a" : null , "a":1}\r\n',
]


@pytest.mark.parametrize("value", OWN_MEMBERS)
@pytest.mark.parametrize("method", [method for method in Method if method.has_body])
def test_without_an_envelope_an_event_is_sent_as_it_is_and_asks_for_nothing(
    value: bytes, method: Method
) -> None:
    request = request_of(value, method, Envelope.NONE)
    assert (request.url, request.body) == (URL, value)
    assert request.headers[-1] == ("Authorization", "configured")
    assert len(request.headers) == 3


@pytest.mark.parametrize("value", OWN_MEMBERS)
def test_without_an_envelope_a_query_is_the_properties_alone(value: bytes) -> None:
    assert request_of(value, Method.GET, Envelope.NONE).url == URL
    asking = value.replace(b"{", b'{"properties":{"a":1},', 1)
    assert request_of(asking, Method.DELETE, Envelope.NONE) == Request(
        "DELETE", f"{URL}?a=1", (("User-Agent", "RudderLabs"), ("Authorization", "configured")), None
    )


@pytest.mark.parametrize("value", [b"nil", b"[", b'{"a":NaN}', b"1,abc,2026-01-01"])
def test_without_an_envelope_a_value_still_has_to_be_an_event(value: bytes) -> None:
    assert isinstance(prepared(preparation(envelope=Envelope.NONE), value), EventError)


def test_with_the_envelope_an_event_replaces_a_configured_header_as_at_rudderstack() -> None:
    sent = request_of(b'{"header":{"authorization":"of the event"}}').headers
    assert sent[-1] == ("authorization", "of the event")


NUMBERS = ["-0", "-0.0", "1e-400", "5e-324", "1e400", "-1E400", "9" * 5000, "1.7976931348623159e308", "0e-9"]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_of_any_size_is_sent_as_it_is_written(number: str) -> None:
    def asking(text: str) -> bytes:
        return text.replace("N", number).encode()

    assert request_of(asking('{"appendPath":N}')).url == URL + quote(number)
    assert request_of(asking('{"integrations":{"webhook":{"appendPath":N}}}')).url == URL + quote(number)
    assert request_of(asking('{"header":{"X":N}}')).headers[-1] == ("X", number)
    assert request_of(asking('{"header":{"X":[N]}}')).headers[-1] == ("X", f"[{number}]")
    assert body_of(asking('{"a":N,"b":null}')) == asking('{"a":N}')
    for members in ('"properties":N', '"properties":[N]', '"type":"identify","traits":{"a":{"b":N}}'):
        query = request_of(asking(f"{{{members}}}"), Method.GET).url.partition("=")[2]
        assert query == quote(number)
    ip = body_of(asking('{"request_ip":N}'))
    assert ip in (asking('{"request_ip":N}'), asking('{"request_ip":N,"context":{"ip":N}}'))
    assert body_of(asking("N")) == asking("N")


# Values that are decoded first

CHANGE = """{"type": "record", "name": "Envelope", "namespace": "shop.orders", "fields": [
    {"name": "before", "type": ["null", {"type": "record", "name": "Value", "fields": [
        {"name": "id", "type": "long"},
        {"name": "price", "type": {
            "type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}}]}]},
    {"name": "after", "type": ["null", "Value"]},
    {"name": "op", "type": "string"}]}"""
CHANGED = b"\2\6\4\4\xd2\2\6\4\x30\x39\2u"


def decoding(unwrap: Unwrap = Unwrap.NONE, *, skip_tombstones: bool = True) -> Preparation:
    request = RequestPolicy(URL, envelope=Envelope.NONE)
    record = RecordPolicy(Value.AVRO, unwrap)
    filters = FilterPolicy(skip_tombstones=skip_tombstones)
    return Preparation(request, filters, record, Decoder(CHANGE).decode)


def test_a_value_is_decoded_before_it_is_an_event() -> None:
    made = prepared(decoding(), CHANGED)
    assert isinstance(made, Prepared)
    assert made.request.body == (
        b'{"before":{"id":3,"price":"12.34"},"after":{"id":3,"price":"123.45"},"op":"u"}'
    )


def test_a_change_in_avro_is_unwrapped_as_one_in_json() -> None:
    made = prepared(decoding(Unwrap.DEBEZIUM), CHANGED)
    assert isinstance(made, Prepared)
    assert made.request.body == b'{"id":3,"price":"123.45","__deleted":"false"}'


def test_what_cannot_be_decoded_is_refused_with_what_its_bytes_look_like() -> None:
    made = prepared(decoding(), b"\0\0\0\0\7" + CHANGED)
    assert isinstance(made, EventError)
    assert made.code == "invalid_event"
    assert "it looks like Avro or Protobuf behind a schema registry's frame (schema 7)" in made.message


def test_a_tombstone_is_one_before_it_is_decoded() -> None:
    assert prepared(decoding(), None) == Skipped("tombstone")
    made = prepared(decoding(skip_tombstones=False), None)
    assert isinstance(made, EventError)
    assert made.code == "tombstone"


@pytest.mark.parametrize(
    ("template", "data"),
    [("{% if event.b is defined %}{{ event.b }}{% endif %}", None), ('\ufeff{"x":{{ event.a }}}', {"x": 1})],
)
def test_a_structured_cloudevent_is_json_whatever_comes_of_its_body(template: str, data: object) -> None:
    templates = TemplatePolicy(body_template=template, content_type="application/json")
    cloudevents = CloudEventsPolicy(Mode.STRUCTURED, type="t", source="/s")
    request = RequestPolicy("https://h.example/", templates=templates)
    made = prepared(Preparation(request, record=RecordPolicy(cloudevents=cloudevents)), b'{"a":1}')
    assert isinstance(made, Prepared)
    assert json.loads(made.request.body or b"")["data"] == data

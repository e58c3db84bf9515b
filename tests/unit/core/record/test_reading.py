"""What a record says is read by what the operator said of the topic, and asked for as the request says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.record.cloudevents import CloudEventsPolicy, Mode, Otherwise
from processor.core.record.content import Content, LeftOut
from processor.core.record.debezium import DebeziumPolicy, Deletes
from processor.core.record.reading import RecordPolicy, Unwrap, Value, reading
from processor.core.request.filters import FilterPolicy
from processor.core.request.templates.policy import Body, TemplatePolicy
from processor.core.request.transform import Envelope, Prepared, RequestPolicy
from processor.errors import EventError
from processor.model import RecordHeaders, Request
from processor.traffic.preparation import Later, Preparation, Result, Skipped
from tests.support.builders import record

MADE = CloudEventsPolicy(Mode.BINARY, Otherwise.WRAP, "t", "/s")
ENCLOSED = CloudEventsPolicy(Mode.STRUCTURED, Otherwise.WRAP, "t", "/s")
DOCUMENT = "application/cloudevents+json; charset=utf-8"


def made(
    policy: RecordPolicy,
    value: bytes | None,
    said: RecordHeaders | None = (),
    *,
    skips: bool = True,
    filters: FilterPolicy | None = None,
    **request: Any,
) -> Result:
    asked = RequestPolicy("https://h.example/base", **request)
    preparation = Preparation(asked, filters or FilterPolicy(skip_tombstones=skips), policy)
    result = preparation.prepare(record(42, value=value, headers=said, timestamp=None), _never)
    assert not isinstance(result, Later)
    return result


def _never(*_: object) -> None:
    raise AssertionError


def sent(
    policy: RecordPolicy, value: bytes | None, said: RecordHeaders | None = (), **request: Any
) -> Request:
    result = made(policy, value, said, **request)
    assert isinstance(result, Prepared)
    return result.request


def refusal(policy: RecordPolicy, value: bytes | None, headers: RecordHeaders = ()) -> EventError:
    result = made(policy, value, headers, skips=False)
    assert isinstance(result, EventError)
    return result


def test_json_as_it_stands_is_read_by_nobody() -> None:
    assert reading(RecordPolicy()) is None
    assert reading(RecordPolicy(cloudevents=CloudEventsPolicy(Mode.BINARY))) is None


@pytest.mark.parametrize(
    "policy",
    [
        RecordPolicy(Value.RAW),
        RecordPolicy(unwrap=Unwrap.CONNECT),
        RecordPolicy(Value.CLOUDEVENT),
        RecordPolicy(cloudevents=MADE),
    ],
)
def test_no_value_is_a_tombstone_whatever_values_are(policy: RecordPolicy) -> None:
    assert made(policy, None) == Skipped("tombstone")
    assert refusal(policy, None).code == "tombstone"


def test_a_decoded_value_is_read_in_place_of_the_records_own() -> None:
    who = reading(RecordPolicy(unwrap=Unwrap.CONNECT))
    assert who
    assert who.read(record(value=b"\x00"), b'{"schema":1,"payload":{}}') == Content(b"{}")


def test_what_debezium_leaves_out_is_skipped_by_its_name() -> None:
    policy = RecordPolicy(unwrap=Unwrap.DEBEZIUM, debezium=DebeziumPolicy(Deletes.SKIP))
    assert made(policy, b'{"op":"d"}') == Skipped("delete")
    who = reading(policy)
    assert who
    assert who.read(record(), b'{"op":"t"}') == LeftOut("truncate")


def test_what_is_taken_out_is_an_event_like_any_other() -> None:
    policy = RecordPolicy(unwrap=Unwrap.CONNECT)
    value = b'{"schema":{},"payload":%b}'
    assert sent(policy, value % b'{"appendPath":"/x","n":null}').url == "https://h.example/base/x"
    assert made(policy, value % b'{"integrations":{"Webhook":false}}') == Skipped("integrations")
    assert sent(policy, value % b"[1.10]").body == b"[1.10]"
    assert sent(policy, value % b'{"n":null}', envelope=Envelope.NONE).body == b'{"n":null}'


def test_what_is_no_event_is_called_by_what_it_looks_like() -> None:
    assert "it looks like XML" in refusal(RecordPolicy(unwrap=Unwrap.CONNECT), b"<a/>").message
    assert "it looks like XML" in refusal(RecordPolicy(forward_headers=("a",)), b"<a/>").message
    assert "looks like" not in refusal(RecordPolicy(Value.CLOUDEVENT), b"<a/>").message


def test_raw_bytes_are_sent_as_they_are_with_the_content_type_that_is_told() -> None:
    policy = RecordPolicy(Value.RAW, content_type="text/csv")
    configured = (("Content-Type", "of/all"), ("X", "1"))
    for headers, told in (((), "text/csv"), ((("content-type", b"a/b"),), "a/b"), (None, "text/csv")):
        request = sent(policy, b'\xff{"header":{}}', headers, headers=configured)
        assert (request.method, request.url, request.body) == (
            "POST",
            "https://h.example/base",
            b'\xff{"header":{}}',
        )
        assert request.headers == (("User-Agent", "RudderLabs"), ("X", "1"), ("Content-Type", told))


def test_a_plain_record_becomes_a_cloudevent_with_what_its_body_would_be() -> None:
    value = b'\xef\xbb\xbf{"a": 1.10,"header":{"X":"1"}}'
    plain = sent(RecordPolicy(cloudevents=MADE), value)
    assert plain.body == b'{"a":1.10}'
    assert {("X", "1"), ("ce-id", "events/0/42"), ("Content-Type", "application/json")} <= {*plain.headers}
    enclosed = sent(RecordPolicy(cloudevents=ENCLOSED), value, envelope=Envelope.NONE)
    assert ("Content-Type", DOCUMENT) in enclosed.headers
    assert enclosed.body == (
        b'{"specversion":"1.0","id":"events/0/42","source":"/s","type":"t","datacontenttype":"application/json",'
        b'"data":%b}' % value[3:]
    )
    raw = sent(RecordPolicy(Value.RAW, cloudevents=ENCLOSED), b"\xff")
    assert b'"datacontenttype":"application/octet-stream","data_base64":"/w=="' in (raw.body or b"")


def test_an_event_does_not_change_what_a_record_says_of_it() -> None:
    request = sent(RecordPolicy(cloudevents=MADE), b'{"header":{"CE-ID":"mine"}}')
    assert [value for name, value in request.headers if name.lower() == "ce-id"] == ["events/0/42"]


def test_headers_of_records_are_forwarded_and_those_that_cannot_be_are_counted() -> None:
    policy = RecordPolicy(forward_headers=("x-*", "signature"))
    headers = (("X-A", b"1"), ("x-bad", b"\n"), ("Signature", b"forged"), ("other", b"2"))
    result = made(
        policy,
        b'{"header":{"x-a":"of the event","Signature":"forged","host":"h"}}',
        headers,
        headers=(("X-a", "configured"),),
        reserved_headers=frozenset({"signature"}),
    )
    assert isinstance(result, Prepared)
    assert result.request.headers[2:] == (("X-A", "1"),)
    assert result.dropped_headers == 4
    for value in (Value.RAW, Value.CLOUDEVENT):
        both = RecordPolicy(value, forward_headers=("x-*",), cloudevents=MADE)
        assert ("X-A", "1") in sent(both, b"x", headers).headers


VALUES = (b"{}", b"[]", b'{"schema":1,"payload":{"op":"c"}}')
pairs = st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3))


@given(
    st.sampled_from(Value),
    st.sampled_from(Unwrap),
    st.sampled_from([CloudEventsPolicy(), MADE, ENCLOSED]),
    st.none()
    | st.binary(max_size=20)
    | st.sampled_from([b"{}", b"[]", b'{"schema":1,"payload":{"op":"c"}}']),
    st.none()
    | st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3)), max_size=3).map(tuple),
)
def test_any_record_is_a_request_left_out_or_refused(
    value: Value,
    unwrap: Unwrap,
    cloudevents: CloudEventsPolicy,
    content: bytes | None,
    headers: RecordHeaders | None,
) -> None:
    policy = RecordPolicy(value, unwrap, cloudevents=cloudevents, forward_headers=("*",))
    result = made(policy, content, headers)
    assert isinstance(result, Prepared | Skipped | EventError)
    if isinstance(result, EventError):
        assert result.code in ("invalid_event", "invalid_header")


# With filters and templates

CONNECT, DEBEZIUM = RecordPolicy(unwrap=Unwrap.CONNECT), RecordPolicy(unwrap=Unwrap.DEBEZIUM)
ROW = b'{"schema":{},"payload":{"op":"c","after":{"id":7,"total":1.10},"source":{}}}'
ATTRIBUTES = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/s"), ("ce_type", b"sold"))
BINARY = (*ATTRIBUTES, ("content-type", b"application/json"))
WHOLE = b'{"specversion":"1.0","id":"1","source":"/s","type":"sold","data":{"n":1.10}}'
STRUCTURED = (("content-type", b"application/cloudevents+json"),)
EITHER = pytest.mark.parametrize(("value", "said"), [(b'{"n":1.10}', BINARY), (WHOLE, STRUCTURED)])


def left_out(policy: RecordPolicy, value: bytes, said: RecordHeaders = (), /, **filters: Any) -> bool:
    result = made(policy, value, said, filters=FilterPolicy(**filters))
    assert isinstance(result, Skipped | Prepared), result
    return result == Skipped("filter")


@pytest.mark.parametrize(
    ("policy", "value"), [(DEBEZIUM, ROW), (CONNECT, b'{"schema":{},"payload":{"id":7,"total":1.10}}')]
)
def test_filters_and_templates_see_what_is_taken_out(policy: RecordPolicy, value: bytes) -> None:
    assert left_out(policy, value, when="event.id != 7")
    assert not left_out(policy, value, when="event.id == 7 and record.topic == 'events'")
    templates = TemplatePolicy("/{{ event.id }}", body=Body({"total": "{{ event.total }}"}))
    request = sent(policy, value, templates=templates)
    assert (request.url, request.body) == ("https://h.example/base/7", b'{"total":1.10}')


@EITHER
@pytest.mark.parametrize("mode", Mode)
def test_filters_and_templates_see_a_cloudevent_as_one_document_whichever_way_it_comes_and_goes(
    value: bytes, said: RecordHeaders, mode: Mode
) -> None:
    policy = RecordPolicy(Value.CLOUDEVENT, cloudevents=CloudEventsPolicy(mode))
    assert not left_out(policy, value, said, types=("sold",), when="event.data.n > 1")
    assert left_out(policy, value, said, types=("bought",))
    assert left_out(policy, value, said, when="event.source != '/s'")
    templates = TemplatePolicy(
        "/{{ event.type }}", {"n": "{{ event.data.n }}"}, (("X", "{{ record.offset }}"),)
    )
    request, plain = sent(policy, value, said, templates=templates), sent(policy, value, said)
    assert request.url == "https://h.example/base/sold?n=1.10"
    assert dict(request.headers) == {**dict(plain.headers), "X": "42"}
    assert request.body == plain.body


def test_a_cloudevent_whose_data_nobody_looks_into_may_be_anything() -> None:
    policy, said = RecordPolicy(Value.CLOUDEVENT), (*ATTRIBUTES, ("content-type", b"application/json"))
    assert not left_out(policy, b"no JSON", said, when="record.offset == 42")
    result = made(policy, b"no JSON", said, filters=FilterPolicy(types=("sold",)))
    assert isinstance(result, EventError)
    assert "its content type is JSON" in result.message


def test_bytes_are_chosen_by_their_record_and_sent_where_templates_say() -> None:
    policy = RecordPolicy(Value.RAW)
    assert left_out(policy, b"\xff", when="record.headers.a | default('') == 'x'")
    assert not left_out(policy, b"\xff", (("a", b"x"),), when="record.headers.a == 'x'")
    request = sent(policy, b"\xff", templates=TemplatePolicy("/{{ record.topic }}"), filters=None)
    assert (request.url, request.body) == ("https://h.example/base/events", b"\xff")


@pytest.mark.parametrize("policy", [RecordPolicy(cloudevents=MADE), RecordPolicy(cloudevents=ENCLOSED)])
def test_a_body_that_is_written_becomes_the_data_of_a_cloudevent(policy: RecordPolicy) -> None:
    request = sent(policy, b'{"a":1.10,"b":2}', templates=TemplatePolicy(body=Body({"x": "{{ event.a }}"})))
    data = b'{"x":1.10}'
    assert request.body == data or (request.body or b"").endswith(b'"data":' + data + b"}")
    assert left_out(policy, b'{"a":1}', when="event.a == 2")
    assert not left_out(policy, b'{"a":1}', when="event.a == 1")


def test_headers_that_are_forwarded_or_dropped_are_so_beside_filters_and_templates() -> None:
    policy = RecordPolicy(forward_headers=("x-*",))
    said = (("x-a", b"1"), ("x-b", b"\xff"))
    for more in ({"filters": FilterPolicy(when="true")}, {"templates": TemplatePolicy("/p")}):
        result = made(policy, b'{"header":{"x-a":"2"}}', said, **more)
        assert isinstance(result, Prepared)
        assert (result.request.headers[-1], result.dropped_headers) == (("x-a", "1"), 1)


def test_only_bytes_and_cloudevents_are_no_events_by_themselves() -> None:
    assert [value for value in Value if not value.is_event] == [Value.CLOUDEVENT, Value.RAW]

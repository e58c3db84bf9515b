"""A CloudEvent goes out as it came or in the other mode, its data byte for byte, or is refused."""

import json
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.record.cloudevents import (
    STRUCTURED_TYPE,
    CloudEventsPolicy,
    Mode,
    Otherwise,
    enclosing,
    received,
)
from processor.core.record.content import Content
from processor.errors import EventError
from processor.model import RecordHeaders
from tests.support.builders import record

CORE: RecordHeaders = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"1"),
    ("ce_source", b"/s"),
    ("ce_type", b"t"),
)
AS_HEADERS = (("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t"))
MEMBERS = '"specversion":"1.0","id":"1","source":"/s","type":"t"'
DOCUMENT = "application/cloudevents+json"
JSON = "application/json"
BINARY, STRUCTURED = CloudEventsPolicy(Mode.BINARY), CloudEventsPolicy(Mode.STRUCTURED)
WRAPS = CloudEventsPolicy(Mode.BINARY, Otherwise.WRAP, "com.acme", "/k")


def typed(content_type: str | None) -> RecordHeaders:
    return () if content_type is None else (("content-type", content_type.encode()),)


def binary(
    data: bytes | None, content_type: str | None, mode: Mode, *more: tuple[str, bytes | None]
) -> Content:
    headers = (*CORE, *more, *typed(content_type))
    return received(CloudEventsPolicy(mode), record(value=data, headers=headers))


def structured(members: str, mode: Mode, content_type: str = DOCUMENT, *more: tuple[str, bytes]) -> Content:
    one = record(value=f"{{{members}}}".encode(), headers=(*more, *typed(content_type)))
    return received(CloudEventsPolicy(mode), one)


def refused(headers: RecordHeaders | None, value: bytes | None = b"{}", mode: Mode = Mode.BINARY) -> str:
    with pytest.raises(EventError) as raised:
        received(CloudEventsPolicy(mode), record(value=value, headers=headers))
    assert raised.value.code == "invalid_event"
    return raised.value.message


@pytest.mark.parametrize("mode", [Mode.BINARY, Mode.AS_RECEIVED])
@pytest.mark.parametrize(
    ("data", "said"), [(b'{"a": 1.10}', JSON), (b"\x00\xff", "a/b"), (b"", "a/b"), (b"x", None)]
)
def test_binary_goes_out_as_it_came(data: bytes, said: str | None, mode: Mode) -> None:
    assert binary(data, said, mode) == Content(None, data, said, AS_HEADERS)


@pytest.mark.parametrize("mode", [Mode.STRUCTURED, Mode.AS_RECEIVED])
def test_a_document_goes_out_as_it_came_whatever_headers_stand_beside_it(mode: Mode) -> None:
    said = "Application/CloudEvents+JSON; charset=UTF-8"
    found = structured(
        f'{MEMBERS} , "data": {{"a": 1.10}}', mode, said, ("ce_id", b"other"), ("ce_bad_", b"x")
    )
    assert found == Content(None, f'{{{MEMBERS} , "data": {{"a": 1.10}}}}'.encode(), said)


@pytest.mark.parametrize(
    ("data", "said", "member"),
    [
        (b'{"a": 1.10}', JSON, '"data":{"a": 1.10}'),
        (b'"\\ud83d"', "application/vnd.a+json", '"data":"\\ud83d"'),
        (b"\xef\xbb\xbf[1]", "text/json; charset=utf-8", '"data":[1]'),
        (b"null", None, '"data":null'),
        (b"no json", None, '"data_base64":"bm8ganNvbg=="'),
        ("ü\n".encode(), "text/plain", '"data":"ü\\n"'),
        (b"\xfc", "text/plain", '"data_base64":"/A=="'),
        (b"a", 'text/plain; Charset="latin-1"', '"data_base64":"YQ=="'),
        (b"a", "text/plain; charset=UTF-8", '"data":"a"'),
        (b"<a/>", "application/atom+xml", '"data":"<a/>"'),
        (b"", "text/plain", '"data":""'),
        (b"{}", "application/octet-stream", '"data_base64":"e30="'),
    ],
)
def test_data_is_embedded_as_what_its_type_says(data: bytes, said: str | None, member: str) -> None:
    content = "" if said is None else f',"datacontenttype":{json.dumps(said)}'
    expected = f"{{{MEMBERS}{content},{member}}}".encode()
    assert binary(data, said, Mode.STRUCTURED) == Content(None, expected, STRUCTURED_TYPE)


def test_data_that_is_said_to_be_json_and_is_none_is_not_embedded() -> None:
    assert "not JSON" in refused((*CORE, *typed(JSON)), b"<a/>", Mode.STRUCTURED)
    assert binary(b"<a/>", JSON, Mode.BINARY).body == b"<a/>"


@pytest.mark.parametrize(
    ("members", "body", "said"),
    [
        ('"data":{"a": 1.10}', b'{"a": 1.10}', JSON),
        ('"data":"{\\"a\\":1}"', b'"{\\"a\\":1}"', JSON),
        ('"data":null', b"null", JSON),
        ('"data":null,"data_base64":null', b"null", JSON),
        ('"datacontenttype":"text/plain","data":"ü\\n"', "ü\n".encode(), "text/plain"),
        ('"datacontenttype":"text/plain","data":[1.10]', b"[1.10]", "text/plain"),
        ('"datacontenttype":"a/b","data_base64":"AP8="', b"\x00\xff", "a/b"),
        ('"data_base64":"e30="', b"{}", JSON),
        ('"datacontenttype":"a/b"', b"", None),
    ],
)
def test_a_document_taken_apart_has_its_data_as_the_body(members: str, body: bytes, said: str | None) -> None:
    assert structured(f"{MEMBERS},{members}", Mode.BINARY) == Content(None, body, said, AS_HEADERS)


def test_attributes_that_are_no_text_keep_what_is_written_and_null_is_none() -> None:
    members = f'{MEMBERS},"Flag":true,"big":12345678901234567890,"subject":null,"note":"a b\\n\\ud83d"'
    found = structured(members, Mode.BINARY).headers[4:]
    assert found == (
        ("ce-flag", "true"),
        ("ce-big", "12345678901234567890"),
        ("ce-note", "a%20b%0A%EF%BF%BD"),
    )


def test_no_data_is_no_tombstone_and_has_no_content_type() -> None:
    for said in (None, JSON):
        assert binary(None, said, Mode.BINARY) == Content(None, b"", None, AS_HEADERS)
        assert binary(None, said, Mode.STRUCTURED).body == f"{{{MEMBERS}}}".encode()


def test_names_are_lower_case_null_is_none_and_of_several_the_last_counts() -> None:
    more = (("CE_Subject", b"old"), ("ce_subject", b"new"), ("ce_none", None), ("other", b"\xff"))
    assert binary(b"", None, Mode.BINARY, *more).headers == (*AS_HEADERS, ("ce-subject", "new"))


def test_the_content_type_is_that_of_the_binding_and_never_an_attribute() -> None:
    beside = ("ce_datacontenttype", b"text/plain")
    assert binary(b"x", None, Mode.BINARY, beside) == Content(None, b"x", "text/plain", AS_HEADERS)
    assert binary(b"x", "a/b", Mode.BINARY, beside) == Content(None, b"x", "a/b", AS_HEADERS)
    assert binary(b"x", "a\r\nX-Evil: 1", Mode.BINARY) == Content(None, b"x", None, AS_HEADERS)
    assert binary(b"x", None, Mode.BINARY, (beside[0], b"a\r\nb")).content_type is None


@pytest.mark.parametrize("left_out", range(4))
@pytest.mark.parametrize("instead", [None, b""])
def test_a_required_attribute_that_is_missing_or_empty_is_named(left_out: int, instead: bytes | None) -> None:
    headers = list(CORE)
    headers[left_out] = (headers[left_out][0], instead)
    assert f"`{headers[left_out][0]}`" in refused(tuple(headers))
    members = {name.removeprefix("ce_"): value.decode() for name, value in headers if value is not None}
    assert f"`{headers[left_out][0][3:]}`" in refused(typed(DOCUMENT), json.dumps(members).encode())


@pytest.mark.parametrize("name", ["ce_data", "ce_data_base64", "ce_", "ce_a-b", "ce_é", "ce_" + "a" * 65])
def test_a_header_that_only_begins_like_an_attribute_is_refused(name: str) -> None:
    assert "goes on otherwise" in refused((*CORE, (name, b"x")))


@pytest.mark.parametrize(
    ("members", "why"),
    [
        (f'{MEMBERS},"a-b":1', "otherwise than an attribute"),
        (f'{MEMBERS},"ext":[]', "`ext` is neither"),
        (f'{MEMBERS},"data":1,"data_base64":"AA=="', "both"),
        (f'{MEMBERS},"data_base64":"A"', "`data_base64` is not Base64"),
        (f'{MEMBERS},"data_base64":5', "`data_base64` is not Base64"),
        (f'{MEMBERS},"data_base64":"ü"', "`data_base64` is not Base64"),
        (f'{MEMBERS},"datacontenttype":"a\\r\\nb","data":1', "cannot be a header"),
        (f"{MEMBERS},", "not JSON"),
    ],
)
def test_a_document_that_breaks_a_rule_is_refused(members: str, why: str) -> None:
    assert why in refused(typed(DOCUMENT), f"{{{members}}}".encode())


def test_what_is_no_single_document_in_json_is_taken_apart_by_nobody() -> None:
    assert "not a JSON object" in refused(typed(DOCUMENT), b"[]")
    for mode in Mode:
        assert "batch" in refused(typed("application/cloudevents-batch+json"), b"[]", mode)
    assert "not JSON" in refused(typed("application/cloudevents+avro"), b"\x00")
    found = received(STRUCTURED, record(value=b"\x00", headers=typed("application/cloudevents+avro")))
    assert found == Content(None, b"\x00", "application/cloudevents+avro")


def test_headers_that_cannot_be_read_or_are_no_utf8_refuse_the_event() -> None:
    assert "headers cannot be read" in refused(None)
    assert "`ce_subject` is not UTF-8" in refused((*CORE, ("ce_subject", b"\xff")))


@pytest.mark.parametrize("headers", [(), typed(DOCUMENT)])
def test_a_null_that_is_no_event_is_a_tombstone(headers: RecordHeaders) -> None:
    for policy in (BINARY, WRAPS):
        with pytest.raises(EventError) as raised:
            received(policy, record(value=None, headers=headers))
        assert raised.value.code == "tombstone"


@pytest.mark.parametrize(
    ("value", "said", "meant"),
    [(b"[1.10]", None, JSON), (b"x", None, "application/octet-stream"), (b"x", "text/plain", "text/plain")],
)
def test_a_record_that_is_no_event_is_refused_or_made_one_the_same_each_time(
    value: bytes, said: str | None, meant: str
) -> None:
    told = refused(typed(said), value)
    assert "neither its content type nor a header says that it is one" in told
    assert "cloudevents.otherwise: wrap makes one" in told
    one = record(42, value=value, headers=typed(said), timestamp=1795784706.789)
    found = received(WRAPS, one)
    assert found == received(WRAPS, one)
    assert (found.body, found.content_type) == (value, meant)
    assert dict(found.headers) == {
        "ce-specversion": "1.0",
        "ce-id": "events/0/42",
        "ce-source": "/k",
        "ce-type": "com.acme",
        "ce-time": "2026-11-27T13:05:06.789Z",
    }


def test_what_encloses_a_body_makes_one_event_of_both() -> None:
    policy = CloudEventsPolicy(Mode.STRUCTURED, type="t", source="/s")
    headers, before = enclosing(policy, record(1, timestamp=None))
    assert headers == (("Content-Type", STRUCTURED_TYPE),)
    assert before + b'{"a": 1.10}}' == (
        b'{"specversion":"1.0","id":"events/0/1","source":"/s","type":"t","datacontenttype":"application/json",'
        b'"data":{"a": 1.10}}'
    )


pieces = st.sampled_from([*(name for name, _ in CORE), "ce_ext", "CE_X", "ce_a_b", "content-type", "other"])
texts = st.none() | st.binary(max_size=6) | st.text(max_size=6).map(str.encode)
documents = st.dictionaries(
    st.sampled_from(["specversion", "id", "source", "type", "ext", "data", "data_base64", "datacontenttype"]),
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.just([1]),
).map(lambda members: json.dumps(members).encode())
kinds = st.sampled_from([DOCUMENT, JSON, "text/plain", "a/b", "application/cloudevents-batch+json"])


@given(
    st.lists(st.tuples(pieces, texts), max_size=4).map(tuple),
    st.booleans(),
    st.none() | kinds,
    st.none() | st.binary(max_size=8) | documents,
    st.sampled_from(Mode),
)
def test_any_record_is_a_cloudevent_or_refused(
    more: RecordHeaders, is_whole: bool, said: str | None, value: bytes | None, mode: Mode
) -> None:
    headers = (*(CORE if is_whole else ()), *more, *typed(said))
    found = outcome(CloudEventsPolicy(mode), headers, value)
    if isinstance(found, EventError):
        assert found.code in ("invalid_event", "tombstone")
        return
    assert found.body is not None
    assert all(text.isascii() and text.isprintable() and " " not in text for _, text in found.headers)
    if found.content_type == STRUCTURED_TYPE and value != found.body:
        taken: dict[str, Any] = json.loads(found.body)
        back = outcome(BINARY, typed(STRUCTURED_TYPE), found.body)
        assert isinstance(back, Content)
        assert {name: unquote(text) for name, text in back.headers} == {
            f"ce-{name}": text
            for name, text in taken.items()
            if name not in ("data", "data_base64", "datacontenttype")
        }
        assert back.body == (value or b"") or value is None


def outcome(policy: CloudEventsPolicy, headers: RecordHeaders, value: bytes | None) -> Content | EventError:
    try:
        return received(policy, record(value=value, headers=headers))
    except EventError as error:
        return error

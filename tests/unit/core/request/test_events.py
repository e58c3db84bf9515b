"""Any bytes are an event or an EventError, and what an event holds is neither rounded nor reworded."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.core.request.events import Event, Number, decode, is_truthy, json_text, parse, text_of, written
from processor.core.request.nesting import DEEPEST
from processor.errors import EventError
from tests.support.builders import event
from tests.support.examples import examples

LONG = "9" * 5000

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


def refusal(value: bytes | None) -> EventError:
    with pytest.raises(EventError) as raised:
        parse(value)
    return raised.value


def outcome(value: bytes) -> Event | EventError:
    try:
        return parse(value)
    except EventError as error:
        return error


def plain(value: Any) -> Any:
    """With numbers as Python reads them."""
    return json.loads(json_text(value))


def mended(value: Any) -> Any:
    """With U+FFFD for every half of a surrogate."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"{",
        b"}",
        b'{"a"}',
        b'{"a":}',
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":1}{}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":01}',
        b'{"a":1.}',
        b'{"a":.5}',
        b'{"a":+1}',
        b'{"a":"\x01"}',
        b'{"a":"\\x"}',
        b'\xef\xbb\xbf\xef\xbb\xbf{"a":1}',
        b'{"a":"\\ud800"',
        b"{1:2}",
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xc0\xae"}',
        b"[",
        b"[1,]",
        b"[1] 2",
        b"[NaN]",
        b"nul",
        b"05",
        b"'x'",
        b'"x',
        b'"\x01"',
        b'"\\ud83d',
        b'"\\ud83d" 1',
        b'["\\ud83d"] 1',
        b'["\\ud83d", NaN]',
        b'["\\ud83d"',
        b'{"a":"\\ud83d"} 1',
        b'{"a":"\\ud83d","b":[1]1}',
        b'{"a":"\\ud83d","b":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 3000,
        b"[" * 100_000 + b'"\\ud83d"' + b"]" * 100_000,
    ],
)
def test_what_is_no_json_in_utf8_is_an_invalid_event(value: bytes) -> None:
    assert refusal(value).code == "invalid_event"


@pytest.mark.parametrize(
    "value",
    [
        b"[]",
        b"null",
        b" true",
        b"5",
        b"-1.50e400",
        b'"text"',
        b'[{"a":1}]\n',
        b'"\\ud83d"',
        b' ["\\ud83d", 1.10] ',
    ],
)
def test_what_is_json_and_no_object_is_an_event_without_members(value: bytes) -> None:
    for mark in (b"", b"\xef\xbb\xbf"):
        found = parse(mark + value)
        assert (found.value, found.members, found.whole) == (value, {}, mark + value)


def test_no_value_is_a_tombstone() -> None:
    assert refusal(None).code == "tombstone"


@pytest.mark.parametrize("value", [b'{"a":"s3cret', b'["s3cret"', b'{"a":"s3cret\xff"}', b"s3cret"])
def test_a_refusal_does_not_quote_the_event(value: bytes) -> None:
    assert "s3cret" not in str(refusal(value))


def test_a_refusal_tells_where_the_bytes_stop_being_text() -> None:
    assert refusal(b'{"a":"\xff"}').message == "not UTF-8: invalid start byte at byte 6"


@given(st.binary() | st.binary().map(lambda inner: b'{"a":"' + inner + b'"}'))
def test_any_bytes_are_an_event_or_an_event_error(value: bytes) -> None:
    parsed = outcome(value)
    if isinstance(parsed, EventError):
        assert parsed.code == "invalid_event"
    else:
        assert parsed.whole == value
        said = json.loads(value)
        assert mended({name: plain(parsed.get(name)) for name in parsed.members}) == mended(
            said if isinstance(said, dict) else {}
        )


@given(st.dictionaries(st.text(), json_values), st.booleans(), st.sampled_from([None, 1]))
def test_every_json_object_is_an_event(members: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    parsed = parse(json.dumps(members, ensure_ascii=ascii_only, indent=indent).encode())
    assert {name: plain(parsed.get(name)) for name in parsed.members} == members


SCRAPS = st.sampled_from(
    (
        *'{}[]:," \n',
        *(r"\ud83d", r"\ude00", r"\uD800", r"\u0041", r"\\", r"\n", r"\""),
        *("null", "true", "1", "-0.5e9", "NaN", '"a"', '"\\ud83d"'),
    )
)


@settings(max_examples=examples(500))
@given(st.lists(SCRAPS, max_size=12).map("".join))
def test_with_halves_of_surrogates_the_same_is_json_as_for_the_standard_library(inner: str) -> None:
    value = f'{{"a":"\\ud83d",{inner}}}'.encode()
    parsed = outcome(value)
    try:
        expected = json.loads(value, parse_constant=lambda name: bytes(-1))
    except ValueError:
        assert isinstance(parsed, EventError)
    else:
        assert isinstance(parsed, Event)
        assert mended({name: plain(parsed.get(name)) for name in parsed.members}) == mended(expected)
        assert all(raw in value for raw in map(bytes, parsed.members.values()))


@given(st.sampled_from("[{"), st.integers(1, 3000))
def test_deep_nesting_is_an_event_or_refused_and_nothing_else(bracket: str, depth: int) -> None:
    opening, closing = ("[", "]") if bracket == "[" else ('{"a":', "}")
    value = ('{"a":' + opening * depth + "1" + closing * depth + "}").encode()
    parsed = outcome(value)
    if isinstance(parsed, EventError):
        assert (parsed.code, parsed.message) == ("invalid_event", "nested too deeply")
        assert depth > 300
    else:
        assert parsed.members["a"]


def test_nesting_without_end_is_refused() -> None:
    assert refusal(b'{"a":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}").message == "nested too deeply"


def test_what_can_be_split_but_is_too_deep_to_be_read_is_refused() -> None:
    deep = msgspec.Raw(b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(EventError, match=f"nested deeper than {DEEPEST} levels"):
        Event(b"", {"a": deep}, b"").get("a")


@pytest.mark.parametrize(
    ("raw", "truthy"),
    [
        *((text, False) for text in ("null", "false", '""', "0", "-0", "0.000", "0E+5", "-0.0e9")),
        *((text, False) for text in ("1e-400", "-1E-400", f"0.{'0' * 400}1", "2e-324")),
        *((text, True) for text in ("true", '"0"', '" "', "1", "0.01", "-1", "1e5", "[]", "{}", '"null"')),
        *((text, True) for text in ("5e-324", "1e400", "-1e999", "9" * 5000, f"0.{'9' * 5000}")),
    ],
)
def test_what_is_true_is_true_in_javascript(raw: str, *, truthy: bool) -> None:
    assert is_truthy(msgspec.Raw(raw.encode())) is truthy


def test_half_a_surrogate_in_a_name_is_written_as_it_was() -> None:
    value = b'{"\\ud83d":1,"b":[2]}'
    assert written(parse(value).members) == value


def test_an_absent_member_and_a_null_one_are_the_same() -> None:
    assert event().get("a") is None
    assert event(a=None).get("a") is None


def test_of_members_with_one_name_the_last_counts() -> None:
    assert parse(b'{"a":1,"a":"two"}').get("a") == "two"


def test_a_name_is_known_however_it_is_written() -> None:
    assert parse(b'{"\\u0061":true}').get("a") is True


@pytest.mark.parametrize("number", [LONG, f"-0.{LONG}", f"1{LONG}e400", "1E+05", "-0", "1.0", "1e999"])
def test_a_number_keeps_its_text(number: str) -> None:
    value = parse(f'{{"a":[{number}]}}'.encode()).get("a")
    assert isinstance(value[0], Number)
    assert value == [number]
    assert json_text(value) == f"[{number}]"


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity"])
def test_constants_that_are_not_json_are_refused_wherever_they_come_from(constant: bytes) -> None:
    with pytest.raises(EventError, match="is not JSON"):
        decode(msgspec.Raw(constant))


@pytest.mark.parametrize(
    ("value", "has_nulls"),
    [
        (b'{"a":null}', True),
        (b'{"a": null }', True),
        (b'{"a":1,"b":null}', True),
        (b'{"a":null,"a":1}', False),
        (b'{"a":"null"}', False),
        (b'{"null":1}', False),
        (b'{"a":{"b":null}}', False),
        (b'{"a":[null]}', False),
        (b"{}", False),
    ],
)
def test_only_top_level_nulls_are_nulls(value: bytes, has_nulls: bool) -> None:
    assert parse(value).has_nulls() == has_nulls


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (Number("1.50"), "1.50"),
        ('ü "q"', '"ü \\"q\\""'),
        ([], "[]"),
        ({}, "{}"),
        ({"a": [Number("1"), None, {"b": "c"}]}, '{"a":[1,null,{"b":"c"}]}'),
    ],
)
def test_a_value_is_written_as_json_without_white_space(value: Any, text: str) -> None:
    assert json_text(value) == text


@given(json_values)
def test_what_is_written_reads_the_same(value: Any) -> None:
    assert json.loads(json_text(event(a=value).get("a"))) == value


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'"a\\u00e9"', "a\u00e9"),
        (b'"\\ud800x"', "\ufffdx"),
        (b'""', ""),
        (b"1", None),
        (b"null", None),
        (None, None),
    ],
)
def test_a_member_that_is_text_is_read_whatever_it_holds(raw: bytes | None, text: str | None) -> None:
    assert text_of(None if raw is None else msgspec.Raw(raw)) == text

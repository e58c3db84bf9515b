"""What a record says: its bytes as an event, or EventError.

An event is any JSON value. An object is split into its top-level members and no further: the bytes of
a member that nobody looks into are never decoded, so they can be passed on unchanged, numbers of any
size and precision included. An array, a text, a number, a boolean or null has no members.

Half a surrogate, which every cut emoji leaves as `\\ud83d`, is JSON (RFC 8259, 8.2): it stays as it
is written, and becomes U+FFFD only where text has to be made of it. A byte order mark is no part of
the event.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeGuard

import msgspec

from processor.core.request.nesting import DEEPEST, is_too_deep
from processor.errors import EventError

_SPLIT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT_ALONE = msgspec.json.Decoder(str)
_PASS = msgspec.json.Decoder(msgspec.Raw)
_NULL = msgspec.Raw(b"null")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPES = re.compile(rf"(?:\\[^u]|{_HIGH}{_LOW})+|((?:{_HIGH}(?!{_LOW})|{_LOW})+)")
"""Escapes that are what they seem, in runs; those in the group are halves of surrogates."""
_ESCAPE_LENGTH = len(r"\ud83d")
_SPACE = r"[ \t\n\r]*+"
_TEXT = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
_SCALAR = rf"{_TEXT}|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+|true|false|null"
_MARK = rf"{_SPACE}([,}}]){_SPACE}"
_BEGIN, _AFTER = re.compile(rf"{_SPACE}{{{_SPACE}"), re.compile(_MARK)
_MEMBER = re.compile(rf"({_TEXT}){_SPACE}:{_SPACE}(?:({_SCALAR}){_MARK}|(?=[{{\[]))")
"""A JSON object bit by bit (RFC 8259)."""
_WHOLE_SCALAR = re.compile(f"{_SPACE}(?:{_SCALAR}){_SPACE}")
_OPENS, _BRACKET = re.compile(rb"[ \t\n\r]*+\{"), re.compile(rf"{_SPACE}(?=\[)")
_FALSY = (b"null", b"false", b'""')
_NUMBER_BEGINS = b"-0123456789"

Json = Any
"""A decoded JSON value: dict, list, str, Number, True, False or None."""


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event: its bytes, its top-level members, each as bytes, and the whole value of its record.

    The record's value may begin with a byte order mark; `value` does not.
    """

    value: bytes
    members: dict[str, msgspec.Raw]
    whole: bytes

    def get(self, name: str) -> Json:
        """The decoded member, or None where it is absent or null."""
        raw = self.members.get(name)
        return None if raw is None else decode(raw)

    def has_nulls(self) -> bool:
        """Whether a top-level member is null."""
        return _NULL in self.members.values()


def parse(value: bytes | None) -> Event:
    """The event in a record's value.

    Raises EventError `tombstone` where there is no value, and `invalid_event` for what is not UTF-8,
    not JSON (NaN and Infinity are not), or nested deeper than the parser goes.
    """
    if value is None:
        raise EventError("tombstone", "the record has no value")
    try:
        if not value.isascii():
            value.decode()
    except UnicodeDecodeError as error:
        raise EventError("invalid_event", f"not UTF-8: {error.reason} at byte {error.start}") from None
    try:
        return Event(value, _SPLIT.decode(value), value)
    except (msgspec.DecodeError, RecursionError):
        text = value.removeprefix(_BYTE_ORDER_MARK)
    if begins_object(text):
        return Event(text, _members(text), value)
    _judge(text)
    return Event(text, {}, value)


def split(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The members of the object in `raw`, a member of a parsed event. Raises EventError as `decode` does."""
    return _members(_shallow(raw))


def _members(text: bytes) -> dict[str, msgspec.Raw]:
    """The members of an object in UTF-8, each as bytes. Raises EventError."""
    try:
        return _SPLIT.decode(text)
    except msgspec.ValidationError:
        raise EventError("invalid_event", "not a JSON object") from None
    except msgspec.DecodeError as error:
        if not _SURROGATE.search(text):
            raise EventError("invalid_event", f"not JSON: {error}") from None
    except RecursionError:
        raise EventError("invalid_event", "nested too deeply") from None
    return _members_with_halves(text.decode())


def _judge(text: bytes) -> None:
    """Raise EventError unless `text`, UTF-8 that begins no object, is one JSON value."""
    try:
        _PASS.decode(text)
    except msgspec.DecodeError as error:
        if not _SURROGATE.search(text):
            raise EventError("invalid_event", f"not JSON: {error}") from None
    except RecursionError:
        raise EventError("invalid_event", "nested too deeply") from None
    else:
        return
    _judge_with_halves(text.decode())


def _judge_with_halves(text: str) -> None:
    """The same for text with halves of surrogates: an array, or a text."""
    if not (begun := _BRACKET.match(text)):
        if not _WHOLE_SCALAR.fullmatch(text):
            raise EventError("invalid_event", "not JSON: neither a text nor a number")
        return
    end = _passed(text, begun.end())
    if text[end:].strip(" \t\n\r"):
        raise EventError("invalid_event", f"not JSON: something stands at character {end}")


def _members_with_halves(text: str) -> dict[str, msgspec.Raw]:
    """The same for text with halves of surrogates, which msgspec does not take."""
    members: dict[str, msgspec.Raw] = {}
    raw, begun, after = msgspec.Raw, _BEGIN.match(text), ","
    at = begun.end() if begun else 0
    while after == ",":
        member = _MEMBER.match(text, at)
        if not begun or not member:
            raise EventError("invalid_event", f"not JSON: no member at character {at}")
        name, value, after = member.groups()
        at = member.end()
        if value is None:
            value, after, at = _container(text, at)
        members[json.loads(name) if "\\" in name else name[1:-1]] = raw(value.encode())
    if at != len(text):
        raise EventError("invalid_event", f"not JSON: something stands at character {at}")
    return members


def _container(text: str, start: int) -> tuple[str, str, int]:
    """The object or array that begins at `start`, as it is written, the mark behind it, and its end."""
    end = _passed(text, start)
    if not (after := _AFTER.match(text, end)):
        raise EventError("invalid_event", f"not JSON: something stands at character {end}")
    return text[start:end], after[1], after.end()


def _passed(text: str, start: int) -> int:
    """Where the value ends that begins at `start`."""
    try:
        return _PASSING.raw_decode(text, start)[1]
    except RecursionError:
        raise EventError("invalid_event", "nested too deeply") from None
    except json.JSONDecodeError as error:
        raise EventError("invalid_event", f"not JSON: {error.msg} at character {error.pos}") from None


def decode(raw: msgspec.Raw) -> Json:
    """The value written in `raw`, a member of a parsed event; numbers keep their text.

    Raises EventError `invalid_event` where it is nested deeper than what is looked into may be.
    """
    text = _shallow(raw).decode()
    if _SURROGATE.search(raw):
        text = _ESCAPES.sub(_whole, text)
    return _WITH_NUMBERS.decode(text)


def text_of(raw: msgspec.Raw | None) -> str | None:
    """A member that is text; None: it is another, or not there."""
    if raw is None or bytes(raw)[:1] != b'"':
        return None
    try:
        return _TEXT_ALONE.decode(raw)
    except msgspec.DecodeError:  # half a surrogate
        return str(decode(raw))


def is_truthy(raw: msgspec.Raw | None) -> TypeGuard[msgspec.Raw]:
    """Whether JavaScript takes the value for true: all but null, false, the empty text and 0.

    A number that is too small for a double is 0 too (`1e-400`).
    """
    if raw is None or (text := bytes(raw)) in _FALSY:
        return False
    return text[0] not in _NUMBER_BEGINS or float(text) != 0


def is_present(raw: msgspec.Raw | None) -> TypeGuard[msgspec.Raw]:
    """Whether it is there, and neither null nor the empty text."""
    return raw is not None and bytes(raw) not in (b"null", b'""')


def is_object(raw: msgspec.Raw | None) -> TypeGuard[msgspec.Raw]:
    """Whether it is an object."""
    return raw is not None and bytes(raw)[:1] == b"{"


def begins_object(text: bytes) -> bool:
    """Whether JSON, which may begin with white space, is an object."""
    return _OPENS.match(text) is not None


def written(members: Mapping[str, msgspec.Raw]) -> bytes:
    """The members as a JSON object, their values byte for byte."""
    try:
        return msgspec.json.encode(members)
    except UnicodeEncodeError:  # half a surrogate in a name
        return b"{%b}" % b",".join(b"%b:%b" % (_escaped(name), raw) for name, raw in members.items())


def json_text(value: Json) -> str:
    """`value` as JSON without white space, numbers as they were written."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts)


def _write(value: Json, parts: list[str]) -> None:
    """One list for all of it: a text that stood in lists within lists would be copied by each."""
    if isinstance(value, Number):
        parts.append(value)
    elif isinstance(value, dict):
        before = "{"
        for name, item in value.items():
            parts += before, json.dumps(name, ensure_ascii=False), ":"
            _write(item, parts)
            before = ","
        parts.append("}" if value else "{}")
    elif isinstance(value, list):
        before = "["
        for item in value:
            parts.append(before)
            _write(item, parts)
            before = ","
        parts.append("]" if value else "[]")
    else:
        parts.append(json.dumps(value, ensure_ascii=False))


def _escaped(name: str) -> bytes:
    return json.dumps(name, ensure_ascii=False).encode(errors="backslashreplace")


def _whole(escapes: re.Match[str]) -> str:
    """The escapes, with U+FFFD for each half of a surrogate."""
    halves = escapes[1]
    return r"\ufffd" * (len(halves) // _ESCAPE_LENGTH) if halves else escapes[0]


def _shallow(raw: msgspec.Raw) -> bytes:
    value = bytes(raw)
    if is_too_deep(value):
        raise EventError("invalid_event", f"nested deeper than {DEEPEST} levels")
    return value


def _refuse(constant: str) -> NoReturn:
    raise EventError("invalid_event", f"{constant} is not JSON")


_WITH_NUMBERS = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_refuse)
"""Made once: `json.loads` would make one for each value."""
_PASSING = json.JSONDecoder(parse_int=bool, parse_float=bool, parse_constant=_refuse)
"""Finds where a value ends. What it is does not matter: no number is made of its digits."""

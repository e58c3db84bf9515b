"""What a record says: its bytes as an event, or EventError.

An event is a JSON object. It is split into its top-level members and no further: the bytes of a
member that nobody looks into are never decoded, so they can be passed on unchanged, numbers of any
size and precision included.
"""

import json
from typing import Any, NoReturn

import msgspec

from processor.core.nesting import DEEPEST, is_too_deep
from processor.errors import EventError

_SPLIT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL = msgspec.Raw(b"null")

Json = Any
"""A decoded JSON value: dict, list, str, Number, True, False or None."""


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event: the bytes it came in, and its top-level members, each as bytes."""

    value: bytes
    members: dict[str, msgspec.Raw]

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
    not JSON (NaN and Infinity are not), not an object, or nested deeper than the parser goes.
    """
    if value is None:
        raise EventError("tombstone", "the record has no value")
    try:
        if not value.isascii():
            value.decode()
        return Event(value, _SPLIT.decode(value))
    except UnicodeDecodeError as error:
        raise EventError("invalid_event", f"not UTF-8: {error.reason} at byte {error.start}") from None
    except msgspec.ValidationError:
        raise EventError("invalid_event", "the value is JSON but not an object") from None
    except msgspec.DecodeError as error:
        raise EventError("invalid_event", f"not JSON: {error}") from None
    except RecursionError:
        raise EventError("invalid_event", "nested too deeply") from None


def decode(raw: msgspec.Raw) -> Json:
    """The value written in `raw`, a member of a parsed event; numbers keep their text.

    Raises EventError `invalid_event` where it is nested deeper than what is looked into may be.
    """
    return json.loads(_shallow(raw).decode(), parse_int=Number, parse_float=Number, parse_constant=_refuse)


def split(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The members of the object in `raw`, a member of a parsed event. Raises EventError as `decode` does."""
    return _SPLIT.decode(_shallow(raw))


def json_text(value: Json) -> str:
    """`value` as JSON without white space, numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json_text(str(k))}:{json_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _shallow(raw: msgspec.Raw) -> bytes:
    value = bytes(raw)
    if is_too_deep(value):
        raise EventError("invalid_event", f"nested deeper than {DEEPEST} levels")
    return value


def _refuse(constant: str) -> NoReturn:
    raise EventError("invalid_event", f"{constant} is not JSON")

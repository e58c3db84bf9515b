"""Avro values as JSON: the bytes that one schema wrote, decoded.

Promise: any bytes give valid JSON in UTF-8, or EventError `invalid_event` with the place and what is wrong;
never another exception, whatever schema and bytes are. All bytes are read, or it is refused. Time and memory
are linear in the value (`room.PER_BYTE`), beyond that bounded by `room.MOST`, and levels by `source.DEEPEST`
where a schema refers to itself. A text costs a cut: that all are UTF-8 is found when the whole is.

JSON has neither NaN nor infinities: they are null.
"""

from binascii import b2a_base64
from collections.abc import Sequence
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class
from types import TracebackType
from typing import Any

import msgspec

from processor.core.record.avro import logical, schema
from processor.core.record.avro.room import MOST, PER_BYTE, Room
from processor.core.record.avro.source import Source
from processor.core.record.format import AvroPolicy
from processor.errors import EventError

LONG = 255
"""What stands for a byte that is no small number by itself."""
LONGEST_PLACE = 200
"""Characters."""

PLAIN = AvroPolicy()
_FILE = "<avro>"
_HALVES = bytes(LONG if byte & 0x81 else byte >> 1 for byte in range(256))
_SMALL = tuple(byte >> 1 ^ -(byte & 1) for byte in range(128))
_LONGEST_VARINT = 10
_MOST_64 = 2**64
_encode = msgspec.json.encode


class _WrongError(Exception):
    """What is wrong with a value."""


class Decoder:
    """Makes JSON of the values of one schema."""

    def __init__(
        self,
        text: str,
        references: Sequence[str] = (),
        *,
        policy: AvroPolicy = PLAIN,
        name: str = "the schema",
        most: int = MOST,
    ) -> None:
        """Raises EventError `invalid_schema`; `name` names the schema in it. `most` is in bytes, about."""
        parsed = schema.parse(text, references, name=name)
        room = Room(parsed)
        self._room = most - room.of(parsed.root)
        if self._room < 0:
            raise EventError("invalid_schema", f"{name} has no value that ends, or none that is small enough")
        source = Source(parsed.root, room, policy)
        self._places = source.places
        names: dict[str, Any] = {**_WORDS, **source.table}
        names |= {
            "functions": names,
            "TOO_MUCH": f"has more items than {most} bytes and its length have room for",
        }
        # Nothing of the schema is code: names and symbols are ASCII literals or entries of the table.
        exec(compile("\n".join(source.lines), _FILE, "exec"), names)  # noqa: S102
        self._read = names["read_0"]

    def decode(self, value: bytes) -> bytes:
        """The value as JSON. Raises EventError `invalid_event`."""
        try:
            text = value.decode("latin-1")
            room = self._room + PER_BYTE * len(value)
            decoded, end, _ = self._read(value, text, value.translate(_HALVES), 0, 0, room)
        except (IndexError, OverflowError, StructError) as error:
            raise self._invalid("the value ends before", error) from None
        except (_WrongError, ValueError) as error:
            raise self._invalid(f"the value {error}:", error) from None
        if end != len(value):
            raise EventError("invalid_event", _end(end - len(value)))
        encoded = _encode(decoded)
        return encoded if encoded.isascii() else _as_utf8(encoded)

    def _invalid(self, what: str, error: Exception) -> EventError:
        """`what`, and where: the lines that were under way know their places."""
        steps, at = [], 0
        trace: TracebackType | None = error.__traceback__
        while trace is not None:
            frame = trace.tb_frame
            if frame.f_code.co_filename == _FILE:
                steps.append(self._places[trace.tb_lineno - 1])
                at = frame.f_locals["p"]
            trace = trace.tb_next
        place = ".".join(filter(None, steps)).replace(".[", "[") or "its beginning"
        if len(place) > LONGEST_PLACE:
            place = f"{place[: LONGEST_PLACE // 2]}…{place[-LONGEST_PLACE // 2 :]}"
        return EventError("invalid_event", f"{what} {place}, at byte {at}")


def _end(beyond: int) -> str:
    if beyond > 0:
        return f"the value ends {beyond} bytes too early"
    return f"{-beyond} bytes are left over behind the value: another schema wrote it"


def _as_utf8(encoded: bytes) -> bytes:
    """`encoded`, in which each byte of a text is a character of its own."""
    plain = encoded.decode().encode("latin-1")
    try:
        plain.decode()
    except UnicodeDecodeError as error:
        raise EventError("invalid_event", f"the value has a text that is not UTF-8: {error.reason}") from None
    return plain


def _raw(b: bytes, p: int) -> tuple[int, int]:
    """The unsigned number that begins before `p`, and where it ends."""
    number, shift = b[p - 1] & 0x7F, 7
    for place in range(p, p + _LONGEST_VARINT - 1):
        byte = b[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >= _MOST_64:
                break
            return number, place + 1
        shift += 7
    raise _WrongError("has a number of more than 64 bits")


def _wide(b: bytes, p: int) -> tuple[int, int]:
    """The number whose first byte stands before `p` and is not its last, and where it ends."""
    number, p = _raw(b, p)
    return number >> 1 ^ -(number & 1), p


def _number(b: bytes, p: int) -> tuple[int, int]:
    """The number that begins before `p`, of any length."""
    return _wide(b, p) if b[p - 1] > 0x7F else (_SMALL[b[p - 1]], p)


def _length(b: bytes, p: int) -> tuple[int, int]:
    number, p = _number(b, p)
    if number < 0:
        raise _WrongError("has a negative length")
    return number, p


def _count(b: bytes, p: int) -> tuple[int, int]:
    """How many items a block has; a negative number has the block's length in bytes behind it."""
    number, p = _number(b, p)
    if number < 0:
        _, p = _number(b, p + 1)
    return abs(number), p


_WORDS: dict[str, Any] = {
    **{name: made for name, made in vars(logical).items() if callable(made)},
    "base64": b2a_base64,
    "count": _count,
    "float32": Struct("<f").unpack_from,
    "float64": Struct("<d").unpack_from,
    "length": _length,
    "raw": _raw,
    "small": _SMALL,
    "wide": _wide,
    "Wrong": _WrongError,
}
"""What the source calls."""

"""Frames: what the first bytes of a value, or a header of its record, say of its schema.

Promise: any bytes give a schema and a payload, or EventError `invalid_event`; nothing is guessed. What is
inflated is bounded before it begins. A header decides before the value does, the last of its name, and the
value behind it has no frame.

https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
https://www.apicur.io/registry/docs/apicurio-registry/3.0.x/getting-started/assembly-configuring-kafka-client-serdes.html
"""

import zlib
from typing import Literal, NamedTuple
from uuid import UUID

from processor.errors import EventError
from processor.model import RecordHeaders

__all__ = ["Frame", "Framing", "Schema", "message_indexes", "read"]

Framing = Literal["confluent", "apicurio8", "glue"]
"""How values are framed without a header: `00` and 4 bytes, or `01` and a GUID; `00` and 8 bytes; Glue's."""

MOST_INFLATED = 16 * 1024 * 1024
"""Bytes that a compressed payload may come to."""
MOST_INDEXES = 100
"""Messages within each other in one Protobuf file: as many as its parsers take."""

HIGHEST_ID = 2**31 - 1
"""Of a schema in Confluent's API."""
CONFLUENT_HEADER = "__value_schema_id"
_APICURIO_HEADERS: dict[str, Literal["global_id", "content_id"]] = {
    "apicurio.value.globalId": "global_id",
    "apicurio.value.contentId": "content_id",
}
_BY_ID, _BY_GUID = 0, 1
_GUID_BYTES = 16
_GLUE_BYTES = 2 + _GUID_BYTES
_GLUE_PLAIN, _GLUE_ZLIB = b"\x03\x00", b"\x03\x05"
_LONGEST_VARINT = 5
"""Bytes of 32 bits."""


class Schema(NamedTuple):
    """Which schema: `id`, `global_id` and `content_id` are numbers of a registry, `guid` is text."""

    kind: Literal["id", "guid", "global_id", "content_id"]
    value: int | str

    def __str__(self) -> str:
        """As people are told of it: `schema 7`."""
        return f"schema {self.value}"


class Frame(NamedTuple):
    """A schema, the bytes written with it, and what stands behind the schema in the header that named it.

    `rest` is None where the value names its schema: the message indexes of Protobuf then lead `payload`.
    """

    schema: Schema
    payload: bytes
    rest: bytes | None = None


def read(value: bytes, headers: RecordHeaders | None, framing: Framing = "confluent") -> Frame:
    """The frame of a value."""
    for name, raw in reversed(headers or ()):
        if name == CONFLUENT_HEADER:
            schema, at = _schema(raw or b"", f"the header {name}")
            return Frame(schema, value, (raw or b"")[at:])
        if name in _APICURIO_HEADERS:
            if raw is None or len(raw) != 8:
                raise _invalid(f"the header {name} is not of 8 bytes")
            return Frame(Schema(_APICURIO_HEADERS[name], int.from_bytes(raw)), value, b"")
    if framing == "glue":
        return _glue(value)
    if framing == "apicurio8":
        return _apicurio(value)
    schema, at = _schema(value, "the value")
    return Frame(schema, value[at:])


def message_indexes(data: bytes) -> tuple[tuple[int, ...], int]:
    """Which message of a Protobuf file, from the outermost inwards, and how many bytes say so."""
    count, at = _varint(data, 0)
    if count == 0:
        return (0,), at
    if not 0 < count <= MOST_INDEXES:
        raise _invalid(f"it says {count} message indexes, between 1 and {MOST_INDEXES} can be")
    indexes = []
    for _ in range(count):
        index, at = _varint(data, at)
        if index < 0:
            raise _invalid("a message index is negative")
        indexes.append(index)
    return tuple(indexes), at


def _schema(data: bytes, where: str) -> tuple[Schema, int]:
    """What `data` begins with, as Confluent writes it, and where that ends."""
    first = data[0] if data else None
    if first == _BY_ID and len(data) >= 5:
        return Schema("id", int.from_bytes(data[1:5])), 5
    if first == _BY_GUID and len(data) > _GUID_BYTES:
        return Schema("guid", str(UUID(bytes=data[1:17]))), 17
    if first in (_BY_ID, _BY_GUID):
        raise _invalid(f"{where} ends within the frame of a schema registry, after {len(data)} bytes")
    raise _unframed(data, where, "00 or 01")


def _apicurio(value: bytes) -> Frame:
    if value[:1] != b"\0":
        raise _unframed(value, "the value", "00")
    if len(value) < 9:
        raise _invalid(f"the value ends within the frame of a schema registry, after {len(value)} bytes")
    return Frame(Schema("global_id", int.from_bytes(value[1:9])), value[9:])


def _glue(value: bytes) -> Frame:
    if value[:2] not in (_GLUE_PLAIN, _GLUE_ZLIB):
        raise _unframed(value, "the value", "03 00 or 03 05")
    if len(value) < _GLUE_BYTES:
        raise _invalid(f"the value ends within the frame of a schema registry, after {len(value)} bytes")
    schema, payload = Schema("guid", str(UUID(bytes=value[2:18]))), value[_GLUE_BYTES:]
    return Frame(schema, payload if value[:2] == _GLUE_PLAIN else _inflated(payload))


def _inflated(payload: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(payload, MOST_INFLATED)
    except zlib.error:
        raise _invalid("behind its frame is not what zlib compresses") from None
    if inflater.unconsumed_tail or (len(inflated) == MOST_INFLATED and not inflater.eof):
        raise _invalid(f"it comes to more than {MOST_INFLATED} bytes when it is inflated")
    if not inflater.eof or inflater.unused_data:
        raise _invalid("behind its frame zlib's data ends early, or something stands behind it")
    return inflated


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return number >> 1 ^ -(number & 1), at + place + 1
    raise _invalid("it ends within the message indexes of Protobuf, or they are too large")


def _unframed(data: bytes, where: str, wanted: str) -> EventError:
    if data[:1] in (b"{", b"["):
        return _invalid(f"{where} is JSON, not framed by a schema registry: set record.value: json")
    if not data:
        return _invalid(f"{where} is empty: it has no frame of a schema registry")
    if data[:2] in (_GLUE_PLAIN, _GLUE_ZLIB) and len(data) >= _GLUE_BYTES:
        return _invalid(f"{where} has the frame of AWS Glue: set schema_registry.framing: glue")
    return _invalid(
        f"{where} has no frame of a schema registry: it begins with {data[0]:02x}, not with {wanted}"
    )


def _invalid(message: str) -> EventError:
    return EventError("invalid_event", message)

"""Kafka Connect's envelope: what JsonConverter writes around a value, with its schema beside it.

Promise: the payload is taken out byte for byte; nothing of the schema is decoded.

https://cwiki.apache.org/confluence/display/KAFKA/KIP-301
"""

import msgspec

from processor.core.request.events import parse
from processor.errors import EventError

MEMBERS = frozenset(("schema", "payload"))
"""What an envelope consists of, no more and no less."""
_NULL = b"null"


def payload(value: bytes) -> bytes:
    """The payload in a value. Raises EventError: `invalid_event`, and `tombstone` where it is null."""
    members = parse(value).members
    if members.keys() != MEMBERS:
        raise EventError(
            "invalid_event",
            "no envelope of Kafka Connect, which has the members `schema` and `payload` and no other: values "
            "that are written with schemas.enable=false are read with record.unwrap: none",
        )
    return bytes(present(members["payload"]))


def present(raw: msgspec.Raw) -> msgspec.Raw:
    """The payload. Raises EventError `tombstone`: Connect writes so what has a schema and no value."""
    if bytes(raw) == _NULL:
        raise EventError("tombstone", "the payload is null")
    return raw

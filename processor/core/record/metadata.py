"""Record metadata: what Kafka knows of a record beside its value.

Promises: what is made of it is text, whatever bytes there are; a header of a record that no request can
carry is left out and counted, never a reason to refuse the event.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from processor.core.request.headers import (
    FORBIDDEN_IN_VALUE,
    LONGEST_NAME,
    LONGEST_VALUE,
    MOST_HEADER_BYTES,
    MOST_HEADERS,
    TOKEN,
    belongs_to_connection,
)
from processor.model import Headers, Record

MOST_FORWARDED, MOST_FORWARDED_BYTES = MOST_HEADERS // 2, MOST_HEADER_BYTES // 2
"""Half of what a request may have: the event may ask for headers too."""
CONTENT_TYPE = "content-type"
_CONTENT_TYPE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]{0,254}[\x21-\x7e])?")
_OF_THE_VALUE = "content-"
"""How headers begin that tell how the record's value is written, which may be otherwise in the request."""


def time_text(timestamp: float | None) -> str | None:
    """A time as RFC 3339 with milliseconds; None where there is none, or none that a calendar has."""
    if timestamp is None:
        return None
    seconds, millis = divmod(round(timestamp * 1000), 1000)
    try:
        return f"{_second(seconds)}.{millis:03}Z"
    except (OverflowError, ValueError, OSError):
        return None


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    """As RFC 3339; many that are written are of the same second, and writing one is dear."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}".rjust(19, "0")


def last(record: Record, name: str) -> bytes | None:
    """The value of the last header of that name, in any case: of several, Kafka's readers take the last."""
    return next((value for each, value in reversed(record.headers or ()) if each.lower() == name), None)


def content_type(record: Record) -> str | None:
    """What the record calls its value, where a request can say so; else None."""
    text = _decoded(last(record, CONTENT_TYPE))
    return text.strip() if text is not None and is_content_type(text.strip()) else None


def is_content_type(text: str) -> bool:
    """Whether it can be the value of that header."""
    return _CONTENT_TYPE.fullmatch(text) is not None


def forwarded(
    patterns: Sequence[str], record: Record, left_out: frozenset[str] = frozenset()
) -> tuple[Headers, int]:
    """The headers that any of the patterns names, and how many of these are not sent.

    A pattern is a name in lower case, or the beginning of names with `*` behind it, which takes none of
    those that are about the value as it stands in the record (`content-…`). Of several with one name the
    last is taken; null values are none, and neither are those of `left_out`. What belongs to the connection,
    is no legal header, or is too much, is dropped.
    """
    found: dict[str, tuple[str, str]] = {}
    dropped = size = 0
    for name, value in record.headers or ():
        if value is None or (lower := name.lower()) in left_out or not _is_named(patterns, lower):
            continue
        text = _decoded(value)
        if text is None or not _is_sendable(name, text):
            dropped += 1
            continue
        size += len(name) + len(value)
        if size > MOST_FORWARDED_BYTES or (len(found) == MOST_FORWARDED and lower not in found):
            dropped += 1
            size -= len(name) + len(value)
            continue
        found[lower] = (name, text)
    return tuple(found.values()), dropped


def _is_named(patterns: Sequence[str], name: str) -> bool:
    return any(
        name.startswith(pattern[:-1]) and not name.startswith(_OF_THE_VALUE)
        if pattern.endswith("*")
        else name == pattern
        for pattern in patterns
    )


def _is_sendable(name: str, value: str) -> bool:
    return (
        len(name) <= LONGEST_NAME
        and len(value) <= LONGEST_VALUE // 4  # a character has up to four bytes
        and TOKEN.fullmatch(name) is not None
        and not belongs_to_connection(name)
        and not FORBIDDEN_IN_VALUE.search(value)
    )


def _text(value: bytes | None) -> str | None:
    text = _decoded(value)
    return b64encode(value).decode() if text is None and value is not None else text


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


MEMBERS: Mapping[str, Callable[[Record], Any]] = MappingProxyType(
    {
        "topic": lambda record: record.partition.topic,
        "partition": lambda record: record.partition.number,
        "offset": lambda record: record.offset,
        "timestamp": lambda record: time_text(record.timestamp),
        "timestamp_ms": lambda record: None if record.timestamp is None else round(record.timestamp * 1000),
        "key": lambda record: _text(record.key),
        "headers": lambda record: {name: _text(value) for name, value in record.headers or ()},
        "value_text": lambda record: _decoded(record.value),
        "value_base64": lambda record: None if record.value is None else b64encode(record.value).decode(),
    }
)
"""What templates see as `record`, and how each member of it is made.

Bytes that are no UTF-8 are Base64, but `value_text`, which is then None, as it is without a value.
"""

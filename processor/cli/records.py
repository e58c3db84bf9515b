"""Records as people write them: one JSON object a line, bytes as Base64.

Promise: a line is a record as it would be read from a topic, or a ValueError that says which member is
wrong; nothing is guessed.
"""

import binascii
import json
from base64 import b64decode
from typing import Any

from processor.model import Partition, Record, RecordHeaders

_MEMBERS = ("topic", "partition", "offset", "timestamp_ms", "key_base64", "value_base64", "headers")
_HIGHEST = 2**63 - 1


def plain(value: bytes) -> Record:
    """A record of which nothing but its value is said."""
    return Record(Partition("", 0), 0, None, value, (), None, 0)


def read(line: bytes) -> Record:
    """The record in a line. Raises ValueError."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(said, dict) or "value_base64" not in said:
        raise ValueError("it is no record: it has to be an object with value_base64, which may be null")
    if strangers := [name for name in said if name not in _MEMBERS]:
        raise ValueError(f"{strangers[0]!r} is no member of a record: {', '.join(_MEMBERS)}")
    timestamp = said.get("timestamp_ms")
    return Record(
        Partition(_text(said.get("topic", ""), "topic"), _number(said.get("partition", 0), "partition")),
        _number(said.get("offset", 0), "offset"),
        _bytes(said.get("key_base64"), "key_base64"),
        _bytes(said["value_base64"], "value_base64"),
        _headers(said.get("headers") or []),
        None if timestamp is None else _number(timestamp, "timestamp_ms") / 1000,
        0,
    )


def _number(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _HIGHEST:
        raise ValueError(f"{name} has to be a whole number")
    return value


def _bytes(value: Any, name: str) -> bytes | None:
    try:
        if value is None or isinstance(value, str):
            return None if value is None else b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise ValueError(f"{name} has to be Base64, or null")


def _text(value: Any, name: str) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"{name} has to be text")


def _headers(value: Any) -> RecordHeaders:
    pairs = value if isinstance(value, list) else [value]
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise ValueError("headers has to be a list of [name, base64 or null]")
    return tuple(
        (_text(name, "the name of a header"), _bytes(each, f"the header {name}")) for name, each in pairs
    )

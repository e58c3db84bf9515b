"""Certificates: from when until when they are valid.

Promise: whatever a file holds is read or passed over, at a cost that its length bounds; nothing is verified.
Times are timestamps.

https://www.rfc-editor.org/rfc/rfc5280#section-4.1
"""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

_PEM = re.compile("-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----")
_SEQUENCE, _VERSION, _UTC_TIME, _TIME = 0x30, 0xA0, 0x17, 0x18
_FIELDS_BEFORE = 3
"""Of a certificate stand before its validity: serial number, algorithm, issuer."""


class Validity(NamedTuple):
    """From when until when."""

    since: float
    until: float


def validities(pem: str) -> Iterator[Validity]:
    """Those of all certificates in a text, in their order."""
    for found in _PEM.finditer(pem):
        try:
            yield _of(b64decode(found[1]))
        except (Error, ValueError, IndexError):
            continue


def _of(der: bytes) -> Validity:
    """Raises ValueError and IndexError."""
    at, _ = _inside(der, 0, _SEQUENCE)
    at, _ = _inside(der, at, _SEQUENCE)
    if der[at] == _VERSION:
        at = _behind(der, at)
    for _ in range(_FIELDS_BEFORE):
        at = _behind(der, at)
    at, _ = _inside(der, at, _SEQUENCE)
    return Validity(_moment(der, at), _moment(der, _behind(der, at)))


def _inside(der: bytes, at: int, tag: int) -> tuple[int, int]:
    """Where the content of what begins there does, and where it ends."""
    if der[at] != tag:
        raise ValueError("another tag")
    length, begin = der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, begin = int.from_bytes(der[begin : begin + size], "big"), begin + size
    if begin + length > len(der):
        raise ValueError("it is cut off")
    return begin, begin + length


def _behind(der: bytes, at: int) -> int:
    return _inside(der, at, der[at])[1]


def _moment(der: bytes, at: int) -> float:
    """`YYMMDDhhmmssZ` before 2050, `YYYYMMDDhhmmssZ` after."""
    tag = der[at]
    begin, end = _inside(der, at, tag)
    text = der[begin:end].decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _TIME:
        raise ValueError("no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()

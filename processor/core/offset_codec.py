"""What the commit metadata means: which offsets beyond the committed one are finished already.

A persisted format, read back by later versions. Layout, ASCII, at most `limit` characters:

    kwp1:<crc32, 8 hex digits>:<base64 of varints>

The varints (LEB128) are run lengths counted from the committed offset: unfinished, finished,
unfinished, finished ... and end with a finished run. The checksum covers the committed offset and
the runs, so that metadata which was moved to another offset, cut or altered is not believed.
What cannot be believed reads as "nothing finished beyond": a record is repeated, never skipped.
What does not fit into the limit is left out from the far end, with the same meaning.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zlib import crc32

PREFIX = "kwp1:"
LIMIT = 4095
"""Kafka's default `offset.metadata.max.bytes` is 4,096, and the client sends a NUL behind the text."""


class Span(NamedTuple):
    """Offsets `first` ≤ offset < `end`."""

    first: int
    end: int


def encode(base: int, finished: Iterable[Span], limit: int = LIMIT) -> tuple[str, bool]:
    """Metadata for a commit at `base`, and whether all of `finished` is in it.

    `finished` holds disjoint spans beyond `base` in ascending order.
    """
    room = (limit - len(PREFIX) - 9) // 4 * 3
    runs, at, whole = bytearray(), base, True
    for span in finished:
        pair = _varint(span.first - at) + _varint(span.end - span.first)
        if len(runs) + len(pair) > room:
            whole = False
            break
        runs += pair
        at = span.end
    if not runs:
        return "", whole
    return _written(_checksum(base, bytes(runs)), bytes(runs)), whole


def decode(base: int, metadata: str) -> tuple[Span, ...]:
    """The finished spans beyond `base`; none when the metadata is not ours, or not for this offset."""
    head, _, text = metadata.removeprefix(PREFIX).partition(":")
    try:
        runs = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return ()
    if metadata != _written(head, runs) or head != _checksum(base, runs):
        return ()
    return tuple(_spans(base, list(_lengths(runs))))


def _written(checksum: str, runs: bytes) -> str:
    return f"{PREFIX}{checksum}:{b64encode(runs).decode('ascii')}"


def _spans(base: int, lengths: list[int]) -> Iterator[Span]:
    at = base
    for unfinished, finished in zip(lengths[::2], lengths[1::2], strict=False):
        at += unfinished
        yield Span(at, at + finished)
        at += finished


def _checksum(base: int, runs: bytes) -> str:
    return f"{crc32(runs, crc32(str(base).encode('ascii'))):08x}"


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _lengths(encoded: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in encoded:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0

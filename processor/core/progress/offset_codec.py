"""What the commit metadata means: what is finished beyond the committed offset, and whose offset it is.

A persisted format, read back by later versions. ASCII, at most `limit` characters:

    kwp1:<crc32, 8 hex digits>:<base64 of runs>          without marks
    kwp2:<crc32, 8 hex digits>:<base64 of fields>        with marks

Runs are varints (LEB128), lengths counted from the committed offset: unfinished, finished, unfinished,
finished ... and end with a finished run. A field is a tag and a length (varints), then so many bytes:
1 the runs, 2 the topic's id (16 bytes), 3 `since` (varint, milliseconds), 4 the destination (UTF-8),
5 the cluster (CRC-32 of its id, 4 bytes), 6 what is finished as bits, the lowest of the first byte standing
for the committed offset; fields with other tags are passed over. Runs are short where much is finished in a
row; bits take the place of those that are too many to fit. The checksum covers the committed offset and what
is encoded.

Promises:
- metadata which was moved to another offset, cut, altered, or which leads beyond what Kafka can count
  (2^63) is not believed: it reads as "nothing finished beyond" and no marks, so that a record is
  repeated, never skipped;
- what does not fit into the limit is left out, and the offset alone always fits. The destination's
  name goes first: it warns, no more. Then finished runs go, from the far end: that repeats records.
  The topic's id, `since` and the cluster stay as long as there is room for them at all: without them
  records of a topic made anew, of a new partition, or in another cluster could be passed over.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zlib import crc32

PREFIX = "kwp1:"
MARKED = "kwp2:"
LIMIT = 4095
"""Kafka's default `offset.metadata.max.bytes` is 4,096, and the client sends a NUL behind the text."""
OFFSETS_END = 2**63
"""Kafka counts in signed 64-bit integers."""
TOPIC_ID_BYTES = 16

CLUSTER_BYTES = 4

_RUNS, _TOPIC_ID, _SINCE, _DESTINATION, _CLUSTER, _BITS = 1, 2, 3, 4, 5, 6
_ONES = re.compile("1+")


class Span(NamedTuple):
    """Offsets `first` ≤ offset < `end`."""

    first: int
    end: int


class Marks(NamedTuple):
    """Whose position it is; None: not said.

    `topic_id`: Kafka's id (16 bytes) of the topic that the offset counts in; a topic of the same name
    with another id was made anew, and the position says nothing of it.
    `destination`: the name of the destination whose process committed it; another one than ours in our
    group means that two destinations share the group by mistake, and the events are split between them.
    `since`: when the group first read this partition's topics, as a timestamp in seconds, kept to the
    millisecond. It is the same in all partitions of the group, and is handed on with every commit: a
    partition that appears later learns from any other one since when the group reads.
    `cluster`: of which cluster (`cluster_mark`) topic id, `since` and what is finished beyond are; a tool
    that copies offsets to another cluster, as MirrorMaker does, copies the metadata too.
    """

    topic_id: bytes | None = None
    destination: str | None = None
    since: float | None = None
    cluster: bytes | None = None


NO_MARKS = Marks()


class Contents(NamedTuple):
    """All that metadata says."""

    finished: tuple[Span, ...] = ()
    marks: Marks = NO_MARKS


def cluster_mark(cluster_id: str) -> bytes:
    """What marks positions of this cluster."""
    return crc32(cluster_id.encode()).to_bytes(CLUSTER_BYTES, "big")


def encode(
    base: int, finished: Iterable[Span], limit: int = LIMIT, marks: Marks = NO_MARKS
) -> tuple[str, bool]:
    """Metadata for a commit at `base`, and whether all of `finished` is in it.

    `finished` holds disjoint spans beyond `base` in ascending order.
    """
    room = (limit - len(PREFIX) - 9) // 4 * 3
    needed = b""
    for field in _needed(marks):
        needed += field if len(needed) + len(field) <= room else b""
    named = needed + (_field(_DESTINATION, marks.destination.encode()) if marks.destination else b"")
    spans = tuple(finished)
    version, fitted, whole = _fitted(base, spans, room, named)
    if named != needed and (not whole or len(named) > room):
        named = needed
        version, fitted, whole = _fitted(base, spans, room, needed)
    encoded = named + fitted
    return (_written(base, version, encoded) if encoded else ""), whole


def _fitted(base: int, spans: tuple[Span, ...], room: int, beside: bytes) -> tuple[str, bytes, bool]:
    """As many as fit beside these fields, by which version, and whether that is all."""
    runs, count = _runs(base, spans, room, beside)
    if count < len(spans):
        bits, more = _bits(base, spans, room - len(beside))
        if more > count:
            return MARKED, _field(_BITS, bits), more == len(spans)
    whole = count == len(spans)
    if not beside:
        return PREFIX, runs, whole
    return MARKED, _field(_RUNS, runs) if runs else b"", whole


def decode(base: int, metadata: str) -> tuple[Span, ...]:
    """The finished spans beyond `base`; none when the metadata is not ours, or not for this offset."""
    return read(base, metadata).finished


def read(base: int, metadata: str) -> Contents:
    """The finished spans beyond `base`, and the marks; nothing at all where that cannot be believed."""
    version, text = metadata[: len(PREFIX)], metadata.rpartition(":")[2]
    try:
        encoded = b64decode(text, validate=True)
        if version not in (PREFIX, MARKED) or metadata != _written(base, version, encoded):
            return Contents()
        fields = dict(_fields(encoded)) if version == MARKED else {_RUNS: encoded}
        runs, bits = fields.get(_RUNS, b""), fields.get(_BITS, b"")
        spans = _spans_of_bits(base, bits) if bits else _spans(base, runs)
        return Contents(tuple(spans), _marks(fields))
    except (Base64Error, ValueError):
        return Contents()


def _written(base: int, version: str, encoded: bytes) -> str:
    checksum = crc32(encoded, crc32(str(base).encode("ascii")))
    return f"{version}{checksum:08x}:{b64encode(encoded).decode('ascii')}"


# Marks


def _needed(marks: Marks) -> Iterator[bytes]:
    if marks.topic_id is not None:
        yield _field(_TOPIC_ID, marks.topic_id)
    if marks.since is not None:
        yield _field(_SINCE, _varint(max(0, round(marks.since * 1000))))
    if marks.cluster is not None:
        yield _field(_CLUSTER, marks.cluster)


def _marks(fields: dict[int, bytes]) -> Marks:
    """Raises ValueError where a mark is none."""
    topic_id, destination = fields.get(_TOPIC_ID), fields.get(_DESTINATION)
    cluster = fields.get(_CLUSTER)
    if topic_id is not None and len(topic_id) != TOPIC_ID_BYTES:
        raise ValueError
    if cluster is not None and len(cluster) != CLUSTER_BYTES:
        raise ValueError
    since = None
    if _SINCE in fields:
        (milliseconds,) = _varints(fields[_SINCE])
        since = _counted(milliseconds) / 1000
    return Marks(topic_id, None if destination is None else destination.decode(), since, cluster)


def _field(tag: int, content: bytes) -> bytes:
    return _varint(tag) + _varint(len(content)) + content


def _fields(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Raises ValueError where one is cut."""
    at = 0
    while at < len(encoded):
        tag, at = _varint_at(encoded, at)
        length, at = _varint_at(encoded, at)
        if at + length > len(encoded):
            raise ValueError
        yield tag, encoded[at : at + length]
        at += length


# Runs


def _runs(base: int, finished: tuple[Span, ...], room: int, beside: bytes) -> tuple[bytes, int]:
    """As many as fit into the room beside those fields, and how many these are."""
    runs, at = bytearray(), base
    for count, span in enumerate(finished):
        pair = _varint(span.first - at) + _varint(span.end - span.first)
        length = len(runs) + len(pair)
        frame = len(_varint(_RUNS) + _varint(length)) if beside else 0
        if len(beside) + frame + length > room:
            return bytes(runs), count
        runs += pair
        at = span.end
    return bytes(runs), len(finished)


def _spans(base: int, runs: bytes) -> Iterator[Span]:
    lengths, at = _varints(runs), base
    for unfinished, finished in zip(lengths[::2], lengths[1::2], strict=False):
        at += unfinished
        yield Span(at, _counted(at + finished))
        at += finished


def _counted(number: int) -> int:
    """Raises ValueError for what Kafka cannot count to."""
    if number >= OFFSETS_END:
        raise ValueError
    return number


# Bits


def _bits(base: int, finished: tuple[Span, ...], room: int) -> tuple[bytes, int]:
    """As many as fit into a field of that room, and how many these are."""
    most = 8 * (room - len(_field(_BITS, b"")) - len(_varint(max(0, room))) + 1)
    fitting = [span for span in finished if span.end - base <= most]
    text, at = [], base
    for first, end in fitting:
        text += ["0" * (first - at), "1" * (end - first)]
        at = end
    bits = int("".join(text)[::-1] or "0", 2)
    return bits.to_bytes((at - base + 7) // 8, "little"), len(fitting)


def _spans_of_bits(base: int, bits: bytes) -> Iterator[Span]:
    text = f"{int.from_bytes(bits, 'little'):b}"[::-1]
    for run in _ONES.finditer(text):
        yield Span(base + run.start(), _counted(base + run.end()))


# Varints


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _varints(encoded: bytes) -> list[int]:
    numbers, at = [], 0
    while at < len(encoded):
        number, at = _varint_at(encoded, at)
        numbers.append(number)
    return numbers


def _varint_at(encoded: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and what is behind it. Raises ValueError where it is cut."""
    number = shift = 0
    for behind in range(at, len(encoded)):
        number |= (encoded[behind] & 0x7F) << shift
        shift += 7
        if encoded[behind] < 0x80:
            return number, behind + 1
    raise ValueError

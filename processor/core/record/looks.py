"""What the bytes of a value look like that is no event: a guess for people, by its first bytes.

Promise: any bytes get an answer or none, from no more than `SAMPLE` of them, and none of them is repeated.

https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
"""

import re
from base64 import b64decode

import msgspec

SAMPLE = 1024
"""Bytes that are looked at."""

_MARKS = (
    (b"\x1f\x8b", "gzip: compressed by who wrote it, not by Kafka"),
    (b"\x28\xb5\x2f\xfd", "zstd: compressed by who wrote it, not by Kafka"),
    (b"\xff\x06\x00\x00sNaPpY", "snappy: compressed by who wrote it, not by Kafka"),
    (b"\x82SNAPPY\x00", "snappy: compressed by who wrote it, not by Kafka"),
    (b"\x04\x22\x4d\x18", "lz4: compressed by who wrote it, not by Kafka"),
    (b"BZh", "bzip2: compressed by who wrote it, not by Kafka"),
    (b"\xfd7zXZ\x00", "xz: compressed by who wrote it, not by Kafka"),
    (b"PK\x03\x04", "a zip archive"),
    (b"Obj\x01", "an Avro container file"),
    (b"PAR1", "a Parquet file"),
    (b"\xac\xed\x00\x05", "a serialized Java object"),
    (b"\xef\xbb\xbf", "text with a byte order mark"),
    (b"\xff\xfe", "UTF-16, not UTF-8"),
    (b"\xfe\xff", "UTF-16, not UTF-8"),
)
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}\s*")
_PAIR = r"[\w.-]+=[^=&\s]*"


def looks_like(value: bytes) -> str | None:
    """What it may be, in words; None: no idea, or nothing that its parser does not say better."""
    head = value[:SAMPLE]
    if not head.strip():
        return "nothing: it is empty or blank"
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if head.startswith(_ZLIB):
        return "zlib: compressed by who wrote it, not by Kafka"
    if _is_half_empty(head):
        return "UTF-16, not UTF-8"
    return _framed(value, head) or _encoded(value, head)


def _is_half_empty(head: bytes) -> bool:
    """Whether every second byte is 0 and no other, as Latin letters are in UTF-16."""
    one, other = sorted((head[::2], head[1::2]), key=lambda half: half.count(0))
    return len(head) > 7 and not one.count(0) and other.count(0) > 0.8 * len(other)


def _framed(value: bytes, head: bytes) -> str | None:
    """What a schema registry's serializer puts before a value."""
    if head[0] == 0 and len(value) in (4, 8):
        return "a number as Kafka's IntegerSerializer or LongSerializer writes it"
    if head[:5] == bytes(5) and head[9:10] in (b"{", b"["):
        return (
            f"JSON behind a schema registry's frame (id {int.from_bytes(head[1:9])}, in 8 bytes), for "
            "record.value: registry and schema_registry.framing: apicurio8"
        )
    if head[0] == 0 and len(value) > 4:
        what = "JSON" if head[5:6] in (b"{", b"[") else "Avro or Protobuf"
        number = int.from_bytes(head[1:5])
        return f"{what} behind a schema registry's frame (schema {number}), for record.value: registry"
    if head[:2] in (b"\x03\x00", b"\x03\x05") and len(value) > 17:
        return "Avro or Protobuf behind the frame of the AWS Glue schema registry"
    return None


def _encoded(value: bytes, head: bytes) -> str | None:
    if len(value) >= 5 and int.from_bytes(head[:4], "little") == len(value) and value[-1] == 0:
        return "BSON"
    if _is_map(head, 0x80, 0x8F, (0xDE, 0xDF), 0xA0, 0xBF):
        return "MessagePack"
    if _is_map(head, 0xA1, 0xB7, (0xBF,), 0x60, 0x7B):
        return "CBOR"
    text = head.strip().decode(errors="replace")
    if _BINARY.search(head.rstrip(b"\0")) or ("\ufffd" in text and text[0] not in "{["):
        return "Protobuf without a frame" if _is_protobuf(head) else "binary data, such as Avro unframed"
    if head.endswith(b"\0"):
        return "text with NUL bytes behind it"
    if "\ufffd" in text[:-1]:
        return "JSON in another encoding than UTF-8, such as Latin-1"
    return _text(text, is_whole=len(value) <= SAMPLE)


def _is_map(head: bytes, first: int, last: int, long: tuple[int, ...], shortest: int, longest: int) -> bool:
    """Whether a map begins whose first key is a short text."""
    at = {0xDE: 3, 0xDF: 5}.get(head[0], 1)
    is_map = first <= head[0] <= last or head[0] in long
    return is_map and len(head) > at and shortest <= head[at] <= longest


def _is_protobuf(head: bytes) -> bool:
    """Whether it can be read as fields from the beginning, to the end or as far as we look."""
    at, fields = 0, 0
    while at < len(head):
        field, kind = head[at] >> 3, head[at] & 7
        at += 1
        if field == 0 or kind not in (0, 1, 2, 5) or at >= len(head):
            return False
        if kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            number, at = _varint(head, at)
            at += number if kind == 2 else 0
        fields += 1
    return fields > 0 and (at == len(head) or len(head) == SAMPLE)


def _varint(head: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(head):
        number |= (head[at] & 0x7F) << shift
        shift += 7
        at += 1
        if head[at - 1] < 0x80:
            return number, at
    return number, at + 1


def _text(text: str, *, is_whole: bool) -> str | None:
    first, _, rest = text.partition("\n")
    match text[0]:
        case "<":
            return "XML or HTML"
        case "{" | "[":
            return _json(text, first, rest, is_whole=is_whole)
        case '"':
            return "JSON within a JSON text: encoded twice" if text[1:3] in ("{\\", "[{") else "a JSON text"
        case _:
            return _words(text, first)


def _words(text: str, first: str) -> str | None:
    if _BASE64.fullmatch(text):
        return "JSON in Base64" if _is_base64_of_json(text) else "Base64"
    if text.startswith("---"):
        return "YAML"
    if re.fullmatch(f"{_PAIR}(&{_PAIR})+", text):
        return "a form, `a=1&b=2`"
    if re.fullmatch(f"{_PAIR}( {_PAIR})+", first):
        return "logfmt, `a=1 b=2`"
    if re.fullmatch(r"[^,;\t]+([,;\t][^,;\t]*)+", first):
        return "CSV"
    return None if re.fullmatch(r"-?\d[\d.eE+-]*|true|false|null", text) else "plain text"


def _json(text: str, first: str, rest: str, *, is_whole: bool) -> str | None:
    if text[1:2] == "'":
        return "JSON5 or the `str()` of a Python dict"
    if rest and is_whole and _is_json(first):
        return "several JSON documents in one value"
    return None


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _is_base64_of_json(text: str) -> bool:
    return b64decode(text[:16], b"-_" if {"-", "_"} & set(text) else None)[:1] in (b"{", b"[")

"""CloudEvents over Kafka: what came in either content mode, as it goes out in either, over HTTP.

Promises: data is never encoded anew: its bytes are sent, or embedded, as they stand; what is sent for a
record is the same at each attempt; nothing is added that was not there, and nothing is guessed.

https://github.com/cloudevents/spec: bindings/kafka-protocol-binding.md, bindings/http-protocol-binding.md,
formats/json-format.md.
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

import msgspec

from processor.core.record.content import Content
from processor.core.record.metadata import CONTENT_TYPE, content_type, is_content_type, last, time_text
from processor.core.request.events import begins_object, decode, parse
from processor.errors import EventError
from processor.model import Headers, Record

REQUIRED = ("specversion", "id", "source", "type")
STRUCTURED_TYPE = "application/cloudevents+json; charset=utf-8"
_JSON = "application/json"
_OPAQUE = "application/octet-stream"
_FAMILY = "application/cloudevents"
_IN_JSON = (_FAMILY, "application/cloudevents+json")
_BATCH = "application/cloudevents-batch"
_PREFIX = "ce_"
_NAME = re.compile("[a-z0-9]+")
_LONGEST_NAME = 64
_AS_IT_IS = "".join(map(chr, range(0x21, 0x7F))).translate({ord('"'): None, ord("%"): None})
_TEXTS = re.compile(r"text/.*|.*[/+](?:xml|yaml)|application/(?:javascript|x-www-form-urlencoded|graphql)")
_CHARSET = re.compile(r';[ \t]*charset[ \t]*=[ \t]*"?([^;" \t]*)', re.IGNORECASE)
_NULL = b"null"

Attributes = Mapping[str, str]
"""Values by their names, in the order in which they stood."""


class Mode(StrEnum):
    """How CloudEvents are sent."""

    AS_RECEIVED = "as_received"
    BINARY = "binary"
    """Attributes as headers, data as the body."""
    STRUCTURED = "structured"
    """Both in one JSON object."""


class Otherwise(StrEnum):
    """What becomes of records that are no CloudEvents."""

    DEAD_LETTER = "dead_letter"
    WRAP = "wrap"


@dataclass(frozen=True, slots=True)
class CloudEventsPolicy:
    """How CloudEvents are sent, and what other records are, made into such; `type` empty: they are not."""

    mode: Mode = Mode.AS_RECEIVED
    otherwise: Otherwise = Otherwise.DEAD_LETTER
    type: str = ""
    source: str = ""


def received(policy: CloudEventsPolicy, record: Record) -> Content:
    """The CloudEvent in a record. Raises EventError: `invalid_event`, `tombstone`."""
    if record.headers is None:
        raise _no_event("the record's headers cannot be read, in which its attributes stand")
    said = content_type(record)
    media = _media(said or (last(record, CONTENT_TYPE) or b"").decode("latin-1"))
    if media.startswith(_FAMILY):
        return _document(policy.mode, record.value, said or STRUCTURED_TYPE, media)
    if attributes := _in_headers(record):
        beside = attributes.pop("datacontenttype", "")  # which the binding has as `content-type` alone
        said = beside if said is None and is_content_type(beside) else said
        _judge(attributes, _PREFIX)
        return _sent(policy.mode, attributes, record.value, said)
    if record.value is None:
        raise EventError("tombstone", "the record has no value")
    if policy.otherwise is Otherwise.DEAD_LETTER:
        raise _no_event(
            "neither its content type nor a header says that it is one "
            "(cloudevents.otherwise: wrap makes one)"
        )
    return wrapped(policy, record, record.value, said or _guessed(record.value))


def wrapped(policy: CloudEventsPolicy, record: Record, value: bytes, said: str) -> Content:
    """A CloudEvent made of a value that is none."""
    return _sent(policy.mode, made(policy, record), value, said)


def enclosing(policy: CloudEventsPolicy, record: Record) -> tuple[Headers, bytes]:
    """What makes a CloudEvent of a request whose body is JSON: headers, and what stands before the body."""
    attributes = made(policy, record)
    if policy.mode is not Mode.STRUCTURED:
        return _as_headers(attributes), b""
    before = _written({**attributes, "datacontenttype": _JSON}, b'"data":')
    return (("Content-Type", STRUCTURED_TYPE),), before


def made(policy: CloudEventsPolicy, record: Record) -> dict[str, str]:
    """The attributes of a record that has none: they are the same at each attempt."""
    topic, partition = record.partition
    attributes = {
        "specversion": "1.0",
        "id": f"{topic}/{partition}/{record.offset}",
        "source": policy.source,
        "type": policy.type,
    }
    time = time_text(record.timestamp)
    return attributes if time is None else {**attributes, "time": time}


def _sent(mode: Mode, attributes: Attributes, data: bytes | None, said: str | None) -> Content:
    """What came as headers and bytes, in the mode in which it goes."""
    if mode is Mode.STRUCTURED:
        told = attributes if said is None or data is None else {**attributes, "datacontenttype": said}
        return Content(None, _written(told, _member(data, said)) + b"}", STRUCTURED_TYPE)
    if data is None:
        return Content(None, b"", None, _as_headers(attributes))
    return Content(None, data, said, _as_headers(attributes))


def _document(mode: Mode, value: bytes | None, said: str, media: str) -> Content:
    """What came as one document."""
    if value is None:
        raise EventError("tombstone", "the record has no value")
    if media.startswith(_BATCH):
        raise _no_event("it is a batch, which the binding for Kafka does not have")
    if media not in _IN_JSON:
        if mode is Mode.BINARY:
            raise _no_event("its format is not JSON, so it can be sent only as it was received")
        return Content(None, value, said)
    event = parse(value)
    if not begins_object(event.value):
        raise _no_event("it is not a JSON object")
    members = dict(event.members)
    data, encoded = members.pop("data", None), members.pop("data_base64", None)
    attributes = dict(_in_members(members))
    _judge(attributes, "")
    if mode is not Mode.BINARY:
        return Content(None, value, said)
    return _taken_apart(attributes, data, encoded)


def _taken_apart(
    attributes: dict[str, str], data: msgspec.Raw | None, encoded: msgspec.Raw | None
) -> Content:
    """What came as one document, in binary mode."""
    said = attributes.pop("datacontenttype", _JSON)
    if not is_content_type(said):
        raise _no_event("its `datacontenttype` cannot be a header")
    body = _data(data, encoded, said)
    return Content(None, body or b"", None if body is None else said, _as_headers(attributes))


def _in_headers(record: Record) -> dict[str, str]:
    """The attributes among a record's headers; of several with one name the last."""
    found: dict[str, str] = {}
    for full, value in record.headers or ():
        name = full.lower()
        if not name.startswith(_PREFIX) or value is None:
            continue
        if not _is_attribute(name := name.removeprefix(_PREFIX)):
            raise _no_event(f"a header begins with `{_PREFIX}`, and goes on otherwise than an attribute")
        try:
            found[name] = value.decode()
        except UnicodeDecodeError:
            raise _no_event(f"the header `{_PREFIX}{name}` is not UTF-8") from None
    return found


def _in_members(members: Mapping[str, msgspec.Raw]) -> Iterable[tuple[str, str]]:
    """The attributes among the members of an object; null means that there is none."""
    for full, raw in members.items():
        name = full.lower()
        if not _is_attribute(name):
            raise _no_event("a member is called otherwise than an attribute")
        text = bytes(raw)
        if text[:1] in (b"{", b"["):
            raise _no_event(f"`{name}` is neither text, number nor boolean")
        if text != _NULL:
            yield name, str(decode(raw)) if text[:1] == b'"' else text.decode()


def _is_attribute(name: str) -> bool:
    return len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None and name != "data"


def _judge(attributes: Attributes, prefix: str) -> None:
    if missing := [f"`{prefix}{name}`" for name in REQUIRED if not attributes.get(name)]:
        raise _no_event(f"{', '.join(missing)} missing or empty")


def _data(data: msgspec.Raw | None, encoded: msgspec.Raw | None, said: str) -> bytes | None:
    """The bytes of the data in a document; None: there is none. `data: null` is JSON's null."""
    if encoded is not None and bytes(encoded) != _NULL:
        if data is not None:
            raise _no_event("it has both `data` and `data_base64`")
        return _from_base64(encoded)
    if data is None:
        return None
    if bytes(data)[:1] == b'"' and not _is_json(_media(said)):
        return str(decode(data)).encode()
    return bytes(data)


def _from_base64(encoded: msgspec.Raw) -> bytes:
    try:
        if bytes(encoded)[:1] == b'"':
            return b64decode(str(decode(encoded)), validate=True)
    except (binascii.Error, ValueError):
        pass
    raise _no_event("its `data_base64` is not Base64")


def _member(data: bytes | None, said: str | None) -> bytes:
    """The data as a member of a document: JSON as it stands, other text as text, else Base64."""
    if data is None:
        return b""
    if said is None or _is_json(_media(said)):
        try:
            return b'"data":' + parse(data).value
        except EventError as error:
            if said is not None:
                raise _no_event(f"its content type is JSON and its data is {error.message}") from None
    elif _TEXTS.fullmatch(_media(said)) and _is_utf8(data, said):
        return b'"data":' + msgspec.json.encode(data.decode())
    return b'"data_base64":"' + b64encode(data) + b'"'


def _is_utf8(data: bytes, said: str) -> bool:
    charset = _CHARSET.search(said)
    if charset and charset[1].lower() not in ("utf-8", "us-ascii"):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _guessed(value: bytes) -> str:
    """The content type of a record that has none: JSON where it is, else bytes."""
    try:
        parse(value)
    except EventError:
        return _OPAQUE
    return _JSON


def _written(attributes: Attributes, data: bytes) -> bytes:
    """A document with these attributes and that member, but for the brace that closes it."""
    texts = [b'"%b":%b' % (name.encode(), msgspec.json.encode(text)) for name, text in attributes.items()]
    return b"{" + b",".join([*texts, data] if data else texts)


def _as_headers(attributes: Attributes) -> Headers:
    return tuple((f"ce-{name}", quote(text, safe=_AS_IT_IS)) for name, text in attributes.items())


def _media(said: str) -> str:
    return said.partition(";")[0].strip().lower()


def _is_json(media: str) -> bool:
    return media.endswith(("/json", "+json"))


def _no_event(why: str) -> EventError:
    return EventError("invalid_event", f"no CloudEvent: {why}")

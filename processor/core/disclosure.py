"""How much of a record, a request and an answer those may see who look on from outside.

Promises: of a URL neither user info nor query is shown; of headers the values of a few harmless ones
alone; of a payload what the setting says. Secrets are struck out of whatever is shown.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum

from processor.core.redaction import MASK, Secrets
from processor.core.request.events import Event, Json, decode
from processor.core.request.nesting import is_too_deep
from processor.model import Headers

TEXT_LIMIT = 200
"""Characters of a name, a key or a message."""
BODY_LIMIT = 2048
"""Characters of an endpoint's answer."""
PAYLOAD_LIMIT = 64 * 1024
"""Characters of a payload."""
LARGEST = 4 * PAYLOAD_LIMIT
"""Bytes of a value; what is behind them is not looked into."""

HARMLESS_HEADERS = frozenset(("accept", "accept-language", "content-type", "user-agent"))
"""Names, in lower case, of headers whose values are no secret."""


class Payloads(StrEnum):
    """How much of an event's content is shown."""

    NONE = "none"
    MASKED = "masked"
    """The names of its members, with every value hidden."""
    FULL = "full"


@dataclass(frozen=True, slots=True)
class DisclosurePolicy:
    """How much of payloads is shown, and which texts never are."""

    payloads: Payloads = Payloads.NONE
    secrets: Secrets = field(default_factory=Secrets)


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, the last one an ellipsis where some are left out."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def redacted(headers: Headers) -> Headers:
    """The headers, with the values hidden that may be secret."""
    return tuple((name, value if name.lower() in HARMLESS_HEADERS else MASK) for name, value in headers)


def called(event: Event) -> tuple[str | None, str | None]:
    """Type and name of an event: `track` and its `event`, `page` or `screen` and its `name`."""
    return _text(event, "type"), _text(event, "event") or _text(event, "name")


def payload(value: bytes | None, shown: Payloads) -> str | None:
    """As much of a record's value as `shown` allows, at most of `LARGEST` bytes; None: nothing."""
    if value is None or shown is Payloads.NONE:
        return None
    if shown is Payloads.MASKED:
        return _masked(value)
    return value[:LARGEST].decode(errors="replace")


def _text(event: Event, name: str) -> str | None:
    """A member that is text, whole, so that no half of a secret is left; what is none is not decoded."""
    raw = event.members.get(name)
    if raw is None or bytes(raw)[:1] != b'"':
        return None
    return decode(raw) or None


def _masked(value: bytes) -> str:
    """The shape of a value; a text alone where it has none, or is too large or too deep to look into."""
    try:
        is_hidden = len(value) > LARGEST or is_too_deep(value)
        shape = MASK if is_hidden else _shape(json.loads(value, parse_int=bool))
        return json.dumps(shape, ensure_ascii=False)
    except ValueError:
        return json.dumps(MASK)


def _shape(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return None if value is None else MASK

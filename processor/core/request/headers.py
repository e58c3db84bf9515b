"""Headers of a request: which of them may be sent, and how many.

Promises: what is taken is bounded in number and bytes; a refusal quotes nothing but the start of a name.
"""

import re
from collections.abc import Iterable

from processor.errors import EventError

FRAMING = frozenset(
    (
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    )
)
"""Header names that belong to the connection; an event's are dropped (RFC 9110, 7.6.1)."""

MOST_HEADERS = 256
LONGEST_NAME = 256
LONGEST_VALUE = 16 * 1024
MOST_HEADER_BYTES = 32 * 1024
"""How many headers may be asked for, bytes of a name, of a value, and of all of them together."""
MOST_JSON = 2 * MOST_HEADER_BYTES
"""Bytes of the JSON that an event asks for them in."""

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
FORBIDDEN_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SHOWN = 64
_PUNCTUATION = re.compile("[^0-9a-z]")


def is_short(name: str) -> bool:
    """Whether a name is short enough to be looked into."""
    return len(name) <= LONGEST_NAME


def belongs_to_connection(name: str) -> bool:
    """Whether a header is the connection's, also by a name that CGI or WSGI makes the same (`_` for `-`)."""
    return len(name) <= LONGEST_NAME and as_read(name) in FRAMING


def encodes(name: str) -> bool:
    """Whether a header says how the body is packed, which is ours to say: an event knows nothing of it."""
    return len(name) <= LONGEST_NAME and as_read(name) == "content-encoding"


def as_read(name: str) -> str:
    """A header's name as it is read by those who know letters and digits alone."""
    return _PUNCTUATION.sub("-", name.lower())


def checked(headers: Iterable[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """The headers by their names in lower case; a later one wins."""
    found = {}
    size = 0
    for name, value in headers:
        length = len(value.encode(errors="replace"))
        size += len(name) + length
        if len(name) > LONGEST_NAME:
            raise EventError("invalid_header", f"a header name is longer than {LONGEST_NAME} bytes")
        if not TOKEN.fullmatch(name):
            raise EventError("invalid_header", "a header name is empty or has a character it may not have")
        if length > LONGEST_VALUE:
            raise EventError(
                "invalid_header", f"the value of header {_start(name)} is longer than {LONGEST_VALUE} bytes"
            )
        if size > MOST_HEADER_BYTES:
            raise too_many()
        if FORBIDDEN_IN_VALUE.search(value):
            fault = "has a line break, NUL or control character"
            raise EventError("invalid_header", f"the value of header {_start(name)} {fault}")
        found[name.lower()] = (name, value)
    return found


def too_many() -> EventError:
    limits = f"more than {MOST_HEADERS}, or more than {MOST_HEADER_BYTES} bytes of them"
    return EventError("invalid_header", f"it asks for too many headers: {limits}")


def _start(name: str) -> str:
    return name if len(name) <= _SHOWN else name[:_SHOWN] + "…"

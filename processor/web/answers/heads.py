"""What stands in the head of an answer, or in its place: looked at only where an answer is out of the way.

Promises:
- an answer that says its length several times with one and the same value, in lines or in a list, is as
  good as one that says it once (RFC 9110, 8.6); with different values it stays malformed: nobody knows
  where it ends;
- who speaks HTTP/2 only is known by what it sends in the place of a head.
"""

import re
from contextlib import suppress
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

_LONGEST_VALUE: Final = 128
_LENGTH: Final = re.compile(rb"(?<=\n)content-length:([ \t]*[0-9][0-9, \t]{,99})\r?\n", re.IGNORECASE)
_END: Final = re.compile(rb"\n\r?\n")
_FRAME: Final = re.compile(rb"\0..[\x04\x07]\0\0\0\0\0", re.DOTALL)
"""SETTINGS, with which a server begins HTTP/2, or GOAWAY, with which it ends it (RFC 9113, 3.4 and 6.8)."""
_NODE: Final = b"ALPN Protocol, expected `h2`"
"""What Node's HTTP/2 server answers by HTTP/1, with 403."""
HTTP2_ONLY: Final = "speaks HTTP/2 only: let it speak HTTP/1.1 too, or put a proxy before it"


class Fields:
    """Of the first head that is no interim one: the first `Retry-After`, and the `Content-Encoding`."""

    def __init__(self, head: bytes) -> None:
        """What stands behind the head is not our concern."""
        self.retry_after: str | None = None
        self.content_encoding = ""
        self._is_over = False
        self._parser = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_headers=True, lenient_optional_cr_before_lf=True)
        with suppress(HttpParserError, HttpParserUpgrade):
            self._parser.feed_data(head)

    def on_message_begin(self) -> None:
        if not self._is_over:
            self.retry_after, self.content_encoding = None, ""

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_over:
            return
        match name.lower():
            case b"retry-after" if self.retry_after is None:
                self.retry_after = _text(value)
            case b"content-encoding":
                self.content_encoding = _text(value).lower()

    def on_headers_complete(self) -> None:
        """It is over, unless it was an interim one."""
        self._is_over = self._is_over or self._parser.get_status_code() >= 200


def with_one_length(head: bytes) -> bytes | None:
    """`head`, and what stands behind it, with one `Content-Length` of several equal ones; else None."""
    end = _END.search(head)
    at = end.start() + 1 if end else len(head)
    lines = head[:at]
    lengths = [n.strip(b" \t") for said in _LENGTH.findall(lines) for n in said.split(b",")]
    if len(lengths) < 2 or len(set(lengths)) > 1 or not lengths[0].isdigit():
        return None
    status, _, others = _LENGTH.sub(b"", lines).partition(b"\n")
    return b"%b\nContent-Length: %b\r\n%b%b" % (status, lengths[0], others, head[at:])


def begins_http2(data: bytes) -> bool:
    """Whether a server begins as HTTP/2 does."""
    return _FRAME.match(data) is not None


def wants_http2(status: int, body: bytes) -> bool:
    """Whether an answer by HTTP/1 says that there should have been HTTP/2."""
    return status == 403 and _NODE in body[:_LONGEST_VALUE]


def _text(value: bytes) -> str:
    return value.rstrip(b" \t").decode(errors="replace")[:_LONGEST_VALUE]

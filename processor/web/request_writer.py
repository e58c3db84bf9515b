"""What a request is on the wire: HTTP/1.1 as bytes (RFC 9112).

Promise: a message is exactly one request, whatever text it is made of: what could end a line or a
word too early is refused with ValueError, whose text quotes nothing of the request.
"""

import re
from functools import lru_cache
from typing import Final

from processor.core.request.headers import FORBIDDEN_IN_VALUE, TOKEN, as_read
from processor.model import Headers, Request

_NOT_IN_TARGET: Final = re.compile(r"[^\x21-\x7e]")
_FRAMING: Final = frozenset(("content-length", "transfer-encoding"))


class RequestWriter:
    """Writes requests to one host; what is the same as in the request before is not made again."""

    def __init__(self, host: str, *, keepalive: bool = True, prefix: str = "", field: str = "") -> None:
        """`host` is the value of the Host header, such as `h.example:8080`.

        Not `keepalive`: each request says that it is the last on its connection. Where a proxy is asked,
        `prefix`, the origin, stands before each target (RFC 9112, 3.2.2); `field` is a line for the proxy.
        """
        self._host = host
        self._prefix = prefix
        self._last = field if keepalive else f"{field}Connection: close\r\n"
        self._method = self._target = ""
        self._headers: Headers | None = None
        self._fields = ""
        self._head = b""

    def write(self, request: Request, target: str, others: Headers | None = None) -> bytes:
        """The bytes of `request`, asked for at `target`, its path and query. Raises ValueError.

        `others` are headers in place of its own.
        """
        method, _, headers, body, attempt_headers, _ = request
        if others is not None:
            headers = others
        if headers is not self._headers or target != self._target or method != self._method:
            self._begin(method, target, headers)
        if body is None and method == "GET":
            return b"%b%b\r\n" % (self._head, _fields(attempt_headers))
        body = body or b""
        if attempt_headers:
            own = _fields(attempt_headers)
            return b"%b%bContent-Length: %d\r\n\r\n%b" % (self._head, own, len(body), body)
        return b"%bContent-Length: %d\r\n\r\n%b" % (self._head, len(body), body)

    def _begin(self, method: str, target: str, headers: Headers) -> None:
        if headers is not self._headers:
            self._fields = "".join(map(_field, headers))
            if not any(name.lower() == "host" for name, _ in headers):
                self._fields = f"Host: {self._host}\r\n{self._fields}"
            self._fields += self._last
        if not TOKEN.fullmatch(method) or _NOT_IN_TARGET.search(target) or target[:1] != "/":
            self._headers = None
            raise ValueError("its method or its URL has a character that it may not have")
        self._head = f"{method} {self._prefix}{target} HTTP/1.1\r\n{self._fields}".encode()
        self._method, self._target, self._headers = method, target, headers


def _fields(headers: Headers) -> bytes:
    """Those of one attempt: what is printable holds nothing that ends a line, and is not searched."""
    text = ""
    for header in headers:
        name, value = header
        is_plain = value.isprintable() and _is_sendable(name)
        text += f"{name}: {value}\r\n" if is_plain else _field(header)
    return text.encode()


def _field(header: tuple[str, str]) -> str:
    name, value = header
    if not _is_sendable(name) or FORBIDDEN_IN_VALUE.search(value):
        raise ValueError("a header has a character that it may not have, or belongs to the connection")
    return f"{name}: {value}\r\n"


@lru_cache(maxsize=256)
def _is_sendable(name: str) -> bool:
    """Remembered: what is made for every attempt has the same few names."""
    return TOKEN.fullmatch(name) is not None and as_read(name) not in _FRAMING

"""Where a request goes: the configured URL, or what an event makes of it, or EventError.

Promise: whatever an event says, the request goes to the configured scheme, host and port, or to those of
an allowed host, which are the configured ones as far as its entry names no others; user info, fragments
and segments that climb (`..`, however encoded) never leave. The text is judged as it stands (RFC 3986)
before anything is decoded or normalised: a library that normalises first would judge another URL than the
one that is sent. Text that is too long is refused before anything is done with it.
"""

import re
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple
from unicodedata import normalize
from urllib.parse import quote

from processor.errors import EventError

_URL = re.compile(
    r"(?P<scheme>[^:/?#]+)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?", re.DOTALL
)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@]+)(?::(?P<port>[0-9]{0,5}))?")
_ENTRY = re.compile(r"(?:(?P<scheme>https?)://)?(?P<authority>[^/?#]+)", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?\.?")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PORTS = {"http": 80, "https": 443}
_PATH_SAFE = "/:@!$&'()*+,;=~%"
_QUERY_SAFE = _PATH_SAFE + "?[]"
_DECODING_ROUNDS = 4
"""How often a receiver and its proxies may decode a path before it is looked up."""
_CLIMB = re.compile(r"(?:^|[/\\])\.{1,2}(?:;[^/\\]*)?(?:[/\\]|\Z)")
_CODE = re.compile("%[0-9A-Fa-f]{2}")
_DIGITS = "0123456789ABCDEFabcdef"
_CODED = {high + low: chr(int(high + low, 16)) for high in _DIGITS for low in _DIGITS}
"""What a percent code stands for; bytes beyond ASCII decide nothing here, and stand for themselves."""

LONGEST_URL = 16 * 1024
"""Bytes of a URL as it is sent."""
LONGEST_HOST = 253
"""Characters of a host name (RFC 1035, 2.3.4); what it costs to encode an international one grows with
the square of its length."""


class Origin(NamedTuple):
    """Who receives: scheme, host in lower case and ASCII, port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """As it stands in a URL, without the default port."""
        port = "" if _PORTS[self.scheme] == self.port else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


class Endpoint:
    """The configured URL, and the other hosts that an event may name.

    An entry of `allowed_hosts` is `host` (scheme and port are those of `url`), `host:port` (the scheme is),
    or `https://host:port`, where a port left out is the scheme's own. Raises EventError if `url` cannot be
    used: `invalid_url`, or `endpoint_not_allowed` for user info and climbing segments.
    """

    def __init__(self, url: str, allowed_hosts: Iterable[str] = ()) -> None:
        self._base = url
        self.origin, path, query = _split(url)
        found = (_allowed(entry, self.origin) for entry in allowed_hosts)
        self.allowed = frozenset(origin for origin in found if origin)
        self.url = f"{self.origin}{path}{query}"
        self._root = f"{self.origin}/"

    def resolve(self, full_path: str, append_path: str) -> str:
        """The URL for an event that brings a whole URL, text to append, or both ("" for neither)."""
        if not full_path and not append_path:
            return self.url
        origin, path, query = _split(full_path or self._base, append_path)
        if origin != self.origin and origin not in self.allowed:
            raise EventError("endpoint_not_allowed", "the event asks for a scheme, host or port not allowed")
        return f"{origin}{path}{query}"

    def is_own(self, url: str) -> bool:
        """Whether a URL as it is made here leads to the configured origin."""
        return url.startswith(self._root)


def origin_of(url: str) -> str:
    """The origin of a URL as it is made here."""
    return url[: url.index("/", len("https://"))]


def _split(url: str, appended: str = "") -> tuple[Origin, str, str]:
    """Origin, path and query, both encoded; the fragment is left behind."""
    if len(url) + len(appended) > LONGEST_URL:
        raise _too_long()
    url += appended
    parts = _URL.match(url)
    if not parts or parts["scheme"].lower() not in _PORTS or not parts["authority"]:
        raise EventError("invalid_url", "the URL needs http:// or https:// and a host")
    origin = _origin(parts["scheme"].lower(), parts["authority"])
    if _climbs(parts["path"]):
        raise EventError("endpoint_not_allowed", "the path has a segment '.' or '..'")
    path, query = _encode(parts["path"] or "/", _PATH_SAFE), _encode(parts["query"] or "", _QUERY_SAFE)
    if len(str(origin)) + len(path) + len(query) > LONGEST_URL:
        raise _too_long()
    return origin, path, query


def _too_long() -> EventError:
    return EventError("invalid_url", f"the URL is longer than {LONGEST_URL} bytes")


def _origin(scheme: str, authority: str) -> Origin:
    origin = _read(scheme, authority, _PORTS[scheme])
    if origin is None:
        raise EventError("endpoint_not_allowed", "the URL has user info, or a host or port that cannot be")
    return origin


def _read(scheme: str, authority: str, default: int) -> Origin | None:
    """Whom an authority names; None: nobody, or somebody with user info."""
    parts = _AUTHORITY.fullmatch(authority)
    host = parts and _ascii_host(parts["host"])
    port = int(parts["port"] or default) if parts else 0
    return Origin(scheme, host, port) if host and 0 < port < 65536 else None


def is_allowable(entry: str) -> bool:
    """Whether `entry` can stand among the allowed hosts."""
    return _allowed(entry, Origin("https", "", 443)) is not None


def _allowed(entry: str, own: Origin) -> Origin | None:
    """Who an entry of `allowed_hosts` is; an IPv6 address may stand with or without brackets."""
    parts = _ENTRY.fullmatch(entry)
    if not parts:
        return None
    scheme = (parts["scheme"] or own.scheme).lower()
    port = _PORTS[scheme] if parts["scheme"] else own.port
    authority = parts["authority"]
    return _read(scheme, authority, port) or _read(scheme, f"[{authority}]", port)


def _ascii_host(host: str) -> str | None:
    if len(host) > LONGEST_HOST or len(normalize("NFKC", host)) > LONGEST_HOST:
        return None
    if host.startswith("["):
        return _ipv6_host(host[1:-1])
    try:
        text = host.lower() if host.isascii() else host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    return text if len(text) <= LONGEST_HOST and _HOST.fullmatch(text) else None


def _ipv6_host(address: str) -> str | None:
    try:
        return f"[{IPv6Address(address).compressed}]"
    except AddressValueError:
        return None


def _climbs(path: str) -> bool:
    for _ in range(_DECODING_ROUNDS + 1):
        if "." in path and _CLIMB.search(path):
            return True
        if not _CODE.search(path):
            return False
        before, *pieces = path.split("%")
        path = before + "".join([_CODED.get(piece[:2], "%" + piece[:2]) + piece[2:] for piece in pieces])
    return False


def _encode(text: str, safe: str) -> str:
    return quote(_LONE_PERCENT.sub("%25", text), safe=safe)

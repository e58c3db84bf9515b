"""What an event asks for: the webhook request, as RudderStack's webhook destination makes it.

Promise: an event that asks for nothing special is passed on byte for byte; where something has to
be taken out or put in, every other member keeps its bytes.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import msgspec

from processor.core import query
from processor.core.endpoint import Endpoint, Origin
from processor.core.events import Event, Json, json_text, split
from processor.errors import EventError
from processor.model import Headers, Request

ENVELOPE = ("header", "fullPath", "appendPath")
"""Members that say how to send the event; they are not part of what is sent."""

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

_SPECIAL = frozenset((*ENVELOPE, "request_ip"))
_INTEGRATIONS = ("Webhook", "webhook", "WebHook", "WEBHOOK")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
FORBIDDEN_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_EMPTY = (b"null", b'""')


class Method(StrEnum):
    """What a webhook may be asked with."""

    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    GET = "GET"
    DELETE = "DELETE"

    @property
    def has_body(self) -> bool:
        """Whether the event travels as a JSON body; else as query parameters."""
        return self not in (Method.GET, Method.DELETE)


@dataclass(frozen=True, slots=True)
class RequestPolicy:
    """Where requests go, and what all of them have in common."""

    url: str
    method: Method = Method.POST
    headers: Headers = ()
    allowed_hosts: frozenset[str] = frozenset()


class Prepared(NamedTuple):
    """A request, and how many headers of the event were dropped because they belong to the connection.

    `is_foreign`: the event names another origin than the configured one, an allowed one.
    """

    request: Request
    dropped_headers: int
    is_foreign: bool


class Transform:
    """Makes requests by one policy. Raises EventError if the policy's URL or headers cannot be used."""

    def __init__(self, policy: RequestPolicy) -> None:
        self._method = policy.method
        self._endpoint = Endpoint(policy.url, policy.allowed_hosts)
        self._headers = {"user-agent": ("User-Agent", "RudderLabs")}
        if policy.method.has_body:
            self._headers["content-type"] = ("Content-Type", "application/json")
        self._headers |= _checked(policy.headers)
        self._plain_headers = tuple(self._headers.values())
        self._plain_method = policy.method.value if policy.method.has_body else None

    @property
    def origin(self) -> Origin:
        """Who receives: the configured scheme, host and port."""
        return self._endpoint.origin

    def unchanged(self, event: Event) -> Request | None:
        """The request for an event that is passed on as it is, as most are; None: it has to be prepared."""
        if self._plain_method is None or event.has_nulls() or not event.members.keys().isdisjoint(_SPECIAL):
            return None
        integrations = event.members.get("integrations")
        if integrations is not None and _may_name_a_path(integrations):
            return None
        return Request(self._plain_method, self._endpoint.url, self._plain_headers, event.value)

    def prepare(self, event: Event) -> Prepared:
        """The request for `event`.

        Raises EventError: `invalid_header`, `invalid_url`, `endpoint_not_allowed`, `invalid_event`.
        """
        headers, dropped = self._headers_for(event)
        url, body = self._url(event), None
        if self._method.has_body:
            body = _body(event)
        elif pairs := query.parameters(event):
            url = query.joined(url, pairs)
        request = Request(self._method.value, url, headers, body)
        return Prepared(request, dropped, not self._endpoint.is_own(url))

    def _headers_for(self, event: Event) -> tuple[Headers, int]:
        own = event.get("header") if "header" in event.members else None
        if not isinstance(own, dict) or not own:
            return self._plain_headers, 0
        sendable = [(name, _header_text(value)) for name, value in own.items() if name.lower() not in FRAMING]
        headers = self._headers | _checked(sendable)
        return tuple(headers.values()), len(own) - len(sendable)

    def _url(self, event: Event) -> str:
        integrations = _integrations(event)
        if not integrations and "fullPath" not in event.members and "appendPath" not in event.members:
            return self._endpoint.url
        own = {name: event.get(name) for name in ENVELOPE[1:]}
        return self._endpoint.resolve(
            _path_text("fullPath", own, *integrations), _path_text("appendPath", own, *integrations)
        )


def _checked(headers: Iterable[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """The headers by their names in lower case; a later one wins."""
    checked = {}
    for name, value in headers:
        if not TOKEN.fullmatch(name):
            raise EventError("invalid_header", "a header name is empty or has a character it may not have")
        if FORBIDDEN_IN_VALUE.search(value):
            raise EventError(
                "invalid_header", f"the value of header {name} has a line break, NUL or control character"
            )
        checked[name.lower()] = (name, value)
    return checked


def _header_text(value: Json) -> str:
    return str(value) if isinstance(value, str) else json_text(value)


def _integrations(event: Event) -> list[Mapping[str, Json]]:
    """The objects in `integrations` that may name a path; looked into only where one can stand."""
    raw = event.members.get("integrations")
    if raw is None or not _may_name_a_path(raw):
        return []
    integrations = event.get("integrations")
    if not isinstance(integrations, dict):
        return []
    candidates = (integrations.get(name) for name in _INTEGRATIONS)
    return [candidate for candidate in candidates if isinstance(candidate, dict)]


def _may_name_a_path(integrations: msgspec.Raw) -> bool:
    text = bytes(integrations)
    return b"Path" in text or b"\\" in text


def _path_text(name: str, *sources: Mapping[str, Json]) -> str:
    """The first of the sources' values that is there, as text."""
    for value in (source.get(name) for source in sources):
        if value is None or value == "":
            continue
        if not isinstance(value, str):
            raise EventError("invalid_url", f"{name} is neither text nor a number")
        return str(value)
    return ""


def _body(event: Event) -> bytes:
    members = event.members
    changed = event.has_nulls() or any(name in members for name in ENVELOPE)
    context = _context_with_ip(event)
    if not changed and context is None:
        return event.value
    kept = {n: raw for n, raw in members.items() if n not in ENVELOPE and bytes(raw) != b"null"}
    if context is not None:
        kept["context"] = context
    return msgspec.json.encode(kept)


def _context_with_ip(event: Event) -> msgspec.Raw | None:
    """The context with `request_ip` as its `ip`, where it needs one and has none; else None."""
    ip = event.members.get("request_ip")
    if ip is None or bytes(ip) in _EMPTY:
        return None
    raw = event.members.get("context")
    if raw is None or bytes(raw) == b"null":
        return msgspec.Raw(msgspec.json.encode({"ip": ip}))
    if bytes(raw)[:1] != b"{":
        return None
    members = split(raw)
    if bytes(members.get("ip", b"null")) not in _EMPTY:
        return None
    return msgspec.Raw(msgspec.json.encode(members | {"ip": ip}))

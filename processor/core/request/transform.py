"""What an event asks for: the webhook request, as RudderStack's webhook destination makes it.

Promises: an event that asks for nothing special is passed on byte for byte; where something has to
be taken out or put in, the value of every other member keeps its bytes. What an event asks for is
bounded before it is looked into, and a refusal quotes nothing of the event but the start of a header's name.
A host that an event names gets none of the configured headers that are the configured host's own.

With `Envelope.NONE` no member asks for anything: every event is passed on byte for byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from processor.core.request import query
from processor.core.request.endpoint import LONGEST_URL, Endpoint, Origin
from processor.core.request.events import (
    Event,
    Json,
    decode,
    is_object,
    is_present,
    is_truthy,
    json_text,
    split,
    written,
)
from processor.core.request.headers import (
    MOST_HEADERS,
    MOST_JSON,
    as_read,
    belongs_to_connection,
    checked,
    encodes,
    is_short,
    too_many,
)
from processor.core.request.templates.policy import TemplatePolicy
from processor.errors import EventError
from processor.model import Headers, Request, request_of

ENVELOPE = ("header", "fullPath", "appendPath")
"""Members that say how to send the event; they are not part of what is sent."""

_SPECIAL = frozenset((*ENVELOPE, "request_ip"))
_INTEGRATIONS = ("webhook", "Webhook", "WebHook", "WEBHOOK")
_SHORTEST_PATH = len('{"webhook":{"fullPath":1}}')
_MOST_PATH_JSON = 8 * LONGEST_URL
_NEITHER_TEXT_NOR_NUMBER = b"{[tf"
NO_HEADERS: Mapping[str, tuple[str, str]] = MappingProxyType({})
JSON_BODY = ("Content-Type", "application/json")
"""What a body is said to be where the configuration says nothing of it."""


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


class Envelope(StrEnum):
    """Whether members of an event say how it is sent."""

    RUDDERSTACK = "rudderstack"
    """`header`, `fullPath`, `appendPath`, `request_ip` and those in `integrations` do; nulls are left out."""
    NONE = "none"
    """None does: the value is sent as it is."""


@dataclass(frozen=True, slots=True)
class RequestPolicy:
    """Where requests go, and what all of them have in common."""

    url: str = field(repr=False)
    method: Method = Method.POST
    headers: Headers = field(default=(), repr=False)
    allowed_hosts: frozenset[str] = frozenset()
    envelope: Envelope = Envelope.RUDDERSTACK
    reserved_headers: frozenset[str] = frozenset()
    """Names of headers that are made for each attempt: an event's are dropped, configured ones refused."""
    own_headers: frozenset[str] = frozenset()
    """Names of configured headers that no host gets that an event names, in lower case."""
    proof_headers: frozenset[str] = frozenset(("authorization",))
    """Names of headers that prove who sends, in lower case: an event that says one answers for it itself."""
    templates: TemplatePolicy | None = None
    id_member: str | None = None
    """Which member of an event says by what it is known; None: none does."""


class Prepared(NamedTuple):
    """A request, and how many headers of the event were dropped: the connection's, and those that we make.

    `is_foreign`: the event names another origin than the configured one, an allowed one. `brings_proof`: it
    says what proves who sends.
    """

    request: Request
    dropped_headers: int
    is_foreign: bool
    brings_proof: bool = False


class Transform:
    """Makes requests by one policy. Raises EventError if the policy's URL or headers cannot be used."""

    def __init__(self, policy: RequestPolicy) -> None:
        self._method = policy.method
        self._endpoint = Endpoint(policy.url, policy.allowed_hosts)
        self._headers = {"user-agent": ("User-Agent", "RudderLabs")}
        if policy.method.has_body:
            self._headers["content-type"] = JSON_BODY
        self._headers |= checked(policy.headers)
        self._reserved = frozenset(map(as_read, policy.reserved_headers))
        if not self._reserved.isdisjoint(map(as_read, self._headers)):
            raise EventError("invalid_header", "a header that is made for each attempt is configured too")
        self._plain_headers = tuple(self._headers.values())
        self._foreign_headers = {
            name: header
            for name, header in self._headers.items()
            if name not in {"host", *policy.own_headers}
        }
        self._plain_foreign_headers = tuple(self._foreign_headers.values())
        self._proof = policy.proof_headers
        self._plain_method = policy.method.value if policy.method.has_body else None
        self._has_envelope = policy.envelope is Envelope.RUDDERSTACK

    @property
    def origin(self) -> Origin:
        """Who receives: the configured scheme, host and port."""
        return self._endpoint.origin

    def unchanged(self, event: Event) -> Request | None:
        """The request for an event that is passed on as it is, as most are; None: it has to be prepared."""
        if self._plain_method is None:
            return None
        if not self._has_envelope:
            return request_of(
                (self._plain_method, self._endpoint.url, self._plain_headers, event.whole, (), None)
            )
        if event.has_nulls() or not event.members.keys().isdisjoint(_SPECIAL):
            return None
        integrations = event.members.get("integrations")
        if integrations is not None and _may_name_a_path(integrations):
            return None
        return request_of(
            (self._plain_method, self._endpoint.url, self._plain_headers, event.value, (), None)
        )

    def prepare(self, event: Event, said: Headers = ()) -> Prepared:
        """The request for `event`, whose record says these headers; they win over all others.

        Raises EventError: `invalid_header`, `invalid_url`, `endpoint_not_allowed`, `invalid_event`.
        """
        asked, dropped, url = self._asked(event, said)
        body = None
        is_foreign = not self._endpoint.is_own(url)
        if self._method.has_body:
            body = self._body(event)
        elif pairs := query.parameters(event):
            url = query.joined(url, pairs)
        request = Request(self._method.value, url, self._headers_with(asked, is_foreign=is_foreign), body)
        return Prepared(request, dropped, is_foreign, self._brings_proof(asked))

    def _asked(self, event: Event, said: Headers) -> tuple[Mapping[str, tuple[str, str]], int, str]:
        """What the event and its record ask for: headers, how many of them are dropped, and the URL."""
        asked, dropped, url = NO_HEADERS, 0, self._endpoint.url
        if self._has_envelope:
            asked, dropped = self._asked_headers(event)
            url = self._url(event)
        if said:
            told, more = self._told(said)
            asked, dropped = {**asked, **told}, dropped + more
        return asked, dropped, url

    def carry(self, body: bytes, content_type: str | None, said: Headers) -> Prepared:
        """The request for bytes that are no event. Raises EventError `invalid_header`."""
        told, dropped = self._told(said)
        headers = {**self._headers, **told}
        headers.pop("content-type", None)
        if content_type is not None:
            headers["content-type"] = ("Content-Type", content_type)
        request = Request(self._method.value, self._endpoint.url, tuple(headers.values()), body)
        return Prepared(request, dropped, False, self._brings_proof(told))

    def _brings_proof(self, asked: Mapping[str, tuple[str, str]]) -> bool:
        return bool(asked) and not self._proof.isdisjoint(asked)

    def _body(self, event: Event) -> bytes:
        return _without_envelope(event) if self._has_envelope else event.whole

    def _told(self, said: Headers) -> tuple[Mapping[str, tuple[str, str]], int]:
        """Those that a record says, by their names in lower case, and how many were dropped."""
        kept = [(name, value) for name, value in said if not self._is_ours(name)]
        return checked(kept), len(said) - len(kept)

    def _headers_with(self, asked: Mapping[str, tuple[str, str]], *, is_foreign: bool) -> Headers:
        if not asked:
            return self._plain_foreign_headers if is_foreign else self._plain_headers
        return tuple({**(self._foreign_headers if is_foreign else self._headers), **asked}.values())

    def _asked_headers(self, event: Event) -> tuple[Mapping[str, tuple[str, str]], int]:
        """Those that the event asks for, by their names in lower case, and how many were dropped."""
        raw = event.members.get("header")
        if not is_object(raw):
            return NO_HEADERS, 0
        if len(raw) > MOST_JSON:
            raise too_many()
        own = decode(raw)
        asked = [
            (name, value) for name, value in own.items() if not self._is_ours(name) and not encodes(name)
        ]
        if len(asked) > MOST_HEADERS:
            raise too_many()
        return checked((name, _header_text(value)) for name, value in asked), len(own) - len(asked)

    def _is_ours(self, name: str) -> bool:
        """Whether a header is not an event's to set."""
        return belongs_to_connection(name) or (is_short(name) and as_read(name) in self._reserved)

    def _url(self, event: Event) -> str:
        members = event.members
        integrations = _integrations(members.get("integrations"))
        if not integrations and "fullPath" not in members and "appendPath" not in members:
            return self._endpoint.url
        return self._endpoint.resolve(
            _path_text("fullPath", members, integrations), _path_text("appendPath", members, integrations)
        )


def _header_text(value: Json) -> str:
    return str(value) if isinstance(value, str) else json_text(value)


def _integrations(raw: msgspec.Raw | None) -> Mapping[str, msgspec.Raw]:
    """The members of what may name a path in `integrations`: of four spellings the first that is truthy."""
    if raw is None or not _may_name_a_path(raw) or not is_object(raw):
        return {}
    first = next(filter(is_truthy, map(split(raw).get, _INTEGRATIONS)), None)
    return split(first) if is_object(first) else {}


def _may_name_a_path(integrations: msgspec.Raw) -> bool:
    if len(integrations) < _SHORTEST_PATH:
        return False
    text = bytes(integrations)
    return b"Path" in text or b"\\" in text


def _path_text(name: str, *sources: Mapping[str, msgspec.Raw]) -> str:
    """The first of the sources' values that is there, as text."""
    raw = next(filter(is_present, (source.get(name) for source in sources)), None)
    if raw is None:
        return ""
    if bytes(raw)[0] in _NEITHER_TEXT_NOR_NUMBER:
        raise EventError("invalid_url", f"{name} is neither text nor a number")
    if len(raw) > _MOST_PATH_JSON:
        raise EventError("invalid_url", f"{name} is longer than a URL may be")
    return str(decode(raw))


def _without_envelope(event: Event) -> bytes:
    members = event.members
    changed = event.has_nulls() or any(name in members for name in ENVELOPE)
    context = _context_with_ip(event)
    if not changed and context is None:
        return event.value
    kept = {n: raw for n, raw in members.items() if n not in ENVELOPE and bytes(raw) != b"null"}
    if context is not None:
        kept["context"] = context
    return written(kept)


def _context_with_ip(event: Event) -> msgspec.Raw | None:
    """The context with `request_ip` as its `ip`, where it needs one and has none; else None."""
    ip = event.members.get("request_ip")
    if not is_truthy(ip):
        return None
    raw = event.members.get("context")
    if raw is None or bytes(raw) == b"null":
        return msgspec.Raw(written({"ip": ip}))
    if not is_object(raw):
        return None
    members = split(raw)
    if bytes(members.get("ip", b"null")) != b"null":
        return None
    return msgspec.Raw(written(members | {"ip": ip}))

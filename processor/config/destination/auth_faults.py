"""What is wrong with how we say who we are, and with what stands beside it.

Promises: one way is said, and nothing that belongs to another; what cannot be sent is refused before anything
is. No value is repeated.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from processor.config.destination.auth import AuthSettings, header_names
from processor.core.request.headers import (
    FORBIDDEN_IN_VALUE,
    LONGEST_VALUE,
    TOKEN,
    as_read,
    belongs_to_connection,
)
from processor.core.services import keys

_VISIBLE = re.compile("[!-~]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_KEYS = ("access_key_id", "secret_access_key", "session_token")
_NEEDS = (
    ("access_key_id", "secret_access_key"),
    ("secret_access_key", "access_key_id"),
    ("session_token", "access_key_id"),
)
"""Of these the one is nothing without the other."""


class _Members(NamedTuple):
    """What belongs to a way."""

    needed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


_OAUTH = (
    *(
        "scopes",
        "audience",
        "resource",
        "parameters",
        "client_auth",
        "client_secret",
        "private_key",
        "key_id",
    ),
    *("assertion_file", "assertion_audience", "token_member", "default_lifetime", "tls"),
)
_WAYS = {
    "none": _Members(),
    "basic": _Members(("username", "password")),
    "bearer": _Members(("token",)),
    "api_key": _Members(("name", "value"), ("in_",)),
    "oauth2": _Members(("token_url", "client_id"), _OAUTH),
    "aws_sigv4": _Members(("region", "service"), ("access_key_id", "secret_access_key", "session_token")),
}
_ANY_WAY = frozenset(("type", "refused_statuses", "event_may_override"))
_CLIENT_AUTH = {
    "basic": ("client_secret",),
    "post": ("client_secret",),
    "client_secret_jwt": ("client_secret",),
    "private_key_jwt": ("private_key",),
    "assertion_file": ("assertion_file",),
    "mtls": (),
}
_PROVE_A_CLIENT = ("client_secret", "private_key", "assertion_file")


def faults(auth: AuthSettings, headers: Iterable[str], forwarded: Iterable[str]) -> Iterator[str]:
    """What cannot be together: in it, and with the static `headers` and those `forwarded` of records."""
    yield from _of_members(auth)
    yield from _unsendable(auth)
    ours = frozenset(map(as_read, header_names(auth)))
    for name in headers:
        if as_read(name) in ours:
            yield (
                f"destination.auth and destination.headers.{name} both say who sends: leave one of them out"
            )
    for name in forwarded:
        if as_read(name) in ours and not auth.event_may_override:
            yield (
                f"destination.forward_headers: {name} is what destination.auth sets: leave it out, or say "
                "destination.auth.event_may_override: true"
            )


def _of_members(auth: AuthSettings) -> Iterator[str]:
    way, said = _WAYS[auth.type], auth.model_fields_set
    for name in way.needed:
        if getattr(auth, name) is None:
            yield f"destination.auth.type: {auth.type} needs destination.auth.{name}: give it"
    for name in sorted(said - {*way.needed, *way.others} - _ANY_WAY):
        shown = f"destination.auth.{name.rstrip('_')}"
        yield f"{shown} is not part of destination.auth.type: {auth.type}: leave one of them out"
    if auth.type == "none" and said & {"refused_statuses", "event_may_override"}:
        yield "destination.auth has no type: say basic, bearer, api_key, oauth2 or aws_sigv4"
    if auth.type == "oauth2":
        yield from _of_client(auth)
    for name, needed in _NEEDS:
        if getattr(auth, name) is not None and getattr(auth, needed) is None:
            yield f"destination.auth.{name} needs destination.auth.{needed}: give it"


def _of_client(auth: AuthSettings) -> Iterator[str]:
    needed = _CLIENT_AUTH[auth.client_auth]
    for name in needed:
        if getattr(auth, name) is None:
            yield f"destination.auth.client_auth: {auth.client_auth} needs destination.auth.{name}: give it"
    for name in _PROVE_A_CLIENT:
        if getattr(auth, name) is not None and name not in needed:
            yield (
                f"destination.auth.{name} is not used by destination.auth.client_auth: {auth.client_auth}: a "
                "client proves who it is in one way, leave one of them out"
            )
    if auth.client_auth == "mtls" and auth.tls.certificate_file is None:
        yield "destination.auth.client_auth: mtls needs destination.auth.tls.certificate_file: give it"
    key = auth.plain("private_key") if auth.client_auth == "private_key_jwt" else ""
    if key and (fault := keys.fault_of(key)):
        yield f"destination.auth.private_key {fault}"


def _unsendable(auth: AuthSettings) -> Iterator[str]:
    for name in ("token", "username", "password", "value", *_KEYS):
        if (text := auth.plain(name)) and (fault := fault_of(name, text)):
            yield f"destination.auth.{name} {fault}"
    if auth.type == "api_key" and auth.name is not None and auth.in_ == "header":
        if not TOKEN.fullmatch(auth.name):
            yield "destination.auth.name has a character that no header's name may have: take it out"
        elif belongs_to_connection(auth.name):
            yield f"destination.auth.name: {auth.name} belongs to the connection: name another header"


def fault_of(name: str, text: str) -> str:
    """Why the value of that setting cannot be sent, or nothing; the value is not repeated."""
    if len(text) > LONGEST_VALUE:
        return f"is longer than {LONGEST_VALUE} characters: it cannot be sent"
    if name in ("token", "access_key_id", "secret_access_key", "session_token"):
        return (
            "" if _VISIBLE.fullmatch(text) else "has a character that cannot be sent: give visible ASCII only"
        )
    if name == "private_key":
        return keys.fault_of(text)
    if name == "username" and ":" in text:
        return "has a colon, at which a login ends: leave it out"
    wrong = _CONTROL if name in ("username", "password") else FORBIDDEN_IN_VALUE
    if name in ("username", "password", "value") and wrong.search(text):
        return "has a line break or another control character: take it out"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "is no UTF-8 text"
    return ""

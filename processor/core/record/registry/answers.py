"""Answers of a schema registry: a schema, none of that id, or something that only the operator can mend.

Promise: whatever was answered is one of the three, and nothing of what the registry said is repeated but the
schema. That an id is not there counts only where the registry says so itself, by its error code: any other
404 is a wrong path, and whatever is no JSON comes from somebody else.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html
"""

from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

NOT_THERE = frozenset((40401, 40402, 40403))
"""Error codes: no such subject, version, schema."""
_OWN_WORDS = {
    401: "it refuses our login: mend schema_registry.username and .password, .token or .oauth",
    403: "it does not allow us to read schemas: give our login the right to",
    404: "it knows no such path: schema_registry.url has to end with its base path",
    429: "it asks for fewer questions",
}


class Result(StrEnum):
    """What a question came to."""

    FOUND = "found"
    MISSING = "missing"
    UNREACHABLE = "unreachable"
    """No connection: name, address, TLS, certificate."""
    UNANSWERED = "unanswered"
    """Reset, or not in time."""
    SERVER_ERROR = "server_error"
    THROTTLED = "throttled"
    UNAUTHORIZED = "unauthorized"
    """The login is wrong, or no token is to be had."""
    FORBIDDEN = "forbidden"
    WRONG_PATH = "wrong_path"
    MALFORMED = "malformed"
    """No answer of a schema registry: not JSON, a redirect, too large."""


OF_ALL = frozenset(
    (Result.UNREACHABLE, Result.UNANSWERED, Result.SERVER_ERROR, Result.THROTTLED, Result.UNAUTHORIZED)
)
"""What is so whatever is asked for."""


class Reference(NamedTuple):
    """Another schema that one refers to, by the name that it has there."""

    name: str
    subject: str
    version: int


class Definition(NamedTuple):
    """A schema as it stands in a registry; `type` is `AVRO`, `JSON`, `PROTOBUF`, or another word."""

    text: str
    type: str = "AVRO"
    references: tuple[Reference, ...] = ()


class Missing(NamedTuple):
    """The registry says that it is not there."""

    message: str


class Away(NamedTuple):
    """It is not to be had now, by no fault of a record; `reason` is a sentence for the operator."""

    result: Result
    reason: str


Answer = Definition | Missing | Away


class _Reference(msgspec.Struct):
    name: str
    subject: str
    version: int


class _Schema(msgspec.Struct):
    schema: str
    schemaType: str | None = None  # noqa: N815 - its name there
    references: list[_Reference] | None = None


class _Error(msgspec.Struct):
    error_code: int


_SCHEMA, _ERROR = msgspec.json.Decoder(_Schema), msgspec.json.Decoder(_Error)


def read(status: int, content_type: str, body: bytes) -> Answer:
    """What an answer means."""
    if status == 404 and (code := _error_code(body)) in NOT_THERE:
        return Missing(f"404, error code {code}")
    if status != 200:
        return refusal(status)
    try:
        said = _SCHEMA.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Away(
            Result.MALFORMED, f"it answers 200 with {_what(content_type, body)}, and no schema: {_ELSE}"
        )
    references = tuple(Reference(each.name, each.subject, each.version) for each in said.references or ())
    return Definition(said.schema, (said.schemaType or "AVRO").upper()[:32], references)


def refusal(status: int) -> Away:
    """What a status means that is neither 200 nor the registry's own 404."""
    if status == 401:
        return Away(Result.UNAUTHORIZED, _status(status))
    if status == 403:
        return Away(Result.FORBIDDEN, _status(status))
    if status == 404:
        return Away(Result.WRONG_PATH, _status(status))
    if status in (408, 429):
        return Away(Result.THROTTLED, _status(status))
    if 300 <= status < 400:
        return Away(Result.MALFORMED, f"status {status}: it redirects, which is not followed: {_ELSE}")
    return Away(Result.SERVER_ERROR if status >= 500 else Result.MALFORMED, _status(status))


_ELSE = "schema_registry.url leads to something else, such as a login page or a proxy"


def _status(status: int) -> str:
    words = _OWN_WORDS.get(status)
    return f"status {status}: {words}" if words else f"status {status}"


def _error_code(body: bytes) -> int | None:
    try:
        return _ERROR.decode(body).error_code
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _what(content_type: str, body: bytes) -> str:
    """What it is, in words of ours."""
    begins = body[:64].lstrip().lower()
    if "html" in content_type.lower() or begins.startswith((b"<!doctype html", b"<html")):
        return "HTML"
    try:
        _ANYTHING.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "what is not JSON" if body else "nothing"
    return "other JSON"


_ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder(msgspec.Raw)

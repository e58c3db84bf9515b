"""What is written down of a failure, beside the record itself.

Key, value and headers of the record stay as they are; of headers that could not be read nothing is
left but word of it. Behind them stand the headers of Kafka
Connect (KIP-298) and ours, each a UTF-8 string, together below 12 KiB. A record that was a dead
letter before carries only the newest set. Nothing secret is written: no query, no user info, no
header of the request, and configured secrets are struck out of what the endpoint answered.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import NamedTuple

from processor.core.disclosure import bare, struck
from processor.errors import EventError
from processor.model import DeadLetter, Record, RecordHeaders, Request, Response

CONNECT = "__connect.errors."
OURS = "__webhook_processor."
CODES = (
    "refused",
    "retries_exhausted",
    "invalid_event",
    "invalid_header",
    "invalid_url",
    "endpoint_not_allowed",
    "tombstone",
)
"""What can be wrong with a record."""
BODY_BYTES = 4096
TEXT_BYTES = 1024
NAME_BYTES = 256


class Detail(IntEnum):
    """How much is written down; a letter that the broker finds too large is written with less."""

    COORDINATES = 0
    """Where the record stood, and the error code."""
    SHORT = 1
    """The same, and everything else that is short: no response body, URL or message."""
    FULL = 2


@dataclass(frozen=True, slots=True)
class DeadLetterPolicy:
    """Who writes, and which texts may not be written."""

    destination: str
    group_id: str
    version: str
    secrets: tuple[str, ...] = ()


class Failure(NamedTuple):
    """What became of a record.

    `code` is an EventError's or a retry Reason's; `attempts` were made from `first_attempt` to
    `last_attempt` (timestamps in seconds), and the last one came to `response`, or to none.
    """

    code: str
    message: str
    stage: str
    error_class: str
    attempts: int = 0
    first_attempt: float | None = None
    last_attempt: float | None = None
    request: Request | None = None
    response: Response | None = None


def of_event(error: EventError) -> Failure:
    """An event that could not become a request."""
    stage = "VALUE_CONVERTER" if error.code in ("invalid_event", "tombstone") else "TRANSFORMATION"
    return Failure(error.code, error.message, stage, "processor.errors.EventError")


def write_down(
    policy: DeadLetterPolicy, record: Record, failure: Failure, detail: Detail = Detail.FULL
) -> DeadLetter:
    """The dead letter for `record`."""
    kept = [h for h in record.headers or () if not h[0].startswith((CONNECT, OURS))]
    ours = _headers(_texts(policy, record, failure, detail))
    return DeadLetter(record.key, record.value, (*kept, *ours))


def _texts(
    policy: DeadLetterPolicy, record: Record, failure: Failure, detail: Detail
) -> Iterable[tuple[str, str | None]]:
    for name, text in _coordinates(record, failure):
        yield name, _cut(text, NAME_BYTES)
    for name, short in _short(policy, record, failure) if detail >= Detail.SHORT else ():
        yield name, short and _cut(short, NAME_BYTES)
    for name, text, limit in _long(failure) if detail >= Detail.FULL else ():
        yield name, _cut(struck(policy.secrets, text), limit)


def _coordinates(record: Record, failure: Failure) -> Iterable[tuple[str, str]]:
    yield CONNECT + "topic", record.partition.topic
    yield CONNECT + "partition", str(record.partition.number)
    yield CONNECT + "offset", str(record.offset)
    yield OURS + "error.code", failure.code


def _short(policy: DeadLetterPolicy, record: Record, failure: Failure) -> Iterable[tuple[str, str | None]]:
    yield CONNECT + "connector.name", policy.group_id
    yield CONNECT + "task.id", "0"
    yield CONNECT + "stage", failure.stage
    yield CONNECT + "class.name", "processor.delivery.Delivery"
    yield CONNECT + "exception.class.name", failure.error_class
    yield OURS + "status", str(failure.response.status) if failure.response else None
    yield OURS + "attempts", str(failure.attempts)
    yield OURS + "first_attempt", _iso(failure.first_attempt)
    yield OURS + "last_attempt", _iso(failure.last_attempt)
    yield OURS + "timestamp", _iso(record.timestamp)
    yield OURS + "record.headers", "unreadable" if record.headers is None else None
    yield OURS + "destination", policy.destination
    yield OURS + "version", policy.version


def _long(failure: Failure) -> Iterable[tuple[str, str, int]]:
    yield CONNECT + "exception.message", f"{failure.code}: {failure.message}", TEXT_BYTES
    yield CONNECT + "exception.stacktrace", "", 0
    if failure.request:
        yield OURS + "method", failure.request.method, TEXT_BYTES
        yield OURS + "url", bare(failure.request.url), TEXT_BYTES
    if failure.response:
        yield OURS + "response.body", failure.response.body.decode(errors="replace"), BODY_BYTES


def _headers(texts: Iterable[tuple[str, str | None]]) -> RecordHeaders:
    return tuple((name, text.encode()) for name, text in texts if text is not None)


def _cut(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, no character halved."""
    return text.encode(errors="replace")[:limit].decode(errors="ignore")


def _iso(timestamp: float | None) -> str | None:
    if timestamp is None:
        return None
    try:
        return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError, OSError):
        return str(timestamp)

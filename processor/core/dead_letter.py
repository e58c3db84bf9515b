"""What is written down of a failure, beside the record itself.

Key, value and headers of the record stay as they are, and so does its timestamp, as long as the topic takes
it and keeps the letter long enough with it. Behind its headers stand those of Kafka
Connect (KIP-298) and ours, each a UTF-8 string, together below 12 KiB. A record that was a dead letter
before keeps the headers of Kafka Connect that it came with, whoever wrote them: they tell where it stood
first, and why it failed; ours tell of the newest failure, carry its coordinates, and keep the record's own
time, when it was first tried, and how often it was sent again and failed. Nothing secret is
written: no query, no user info, no header of the request, nothing behind the host of a URL that is secret
itself, and secrets are struck out of what the endpoint answered.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from hashlib import sha256
from typing import NamedTuple

from processor.core.redaction import Secrets
from processor.core.request.signing.ids import CARRIED, Ids, carried
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
    "invalid_schema",
    "unknown_schema",
)
"""What can be wrong with a record."""
_OF_THE_VALUE = ("invalid_event", "tombstone", "invalid_schema", "unknown_schema")
DELIVERY = "webhook_processor.Delivery"
"""Who writes, as `class.name` tells: names of the product, whatever its modules are called."""
UNUSABLE = "webhook_processor.EventError"
ANSWERED = "webhook_processor.Response"
UNANSWERED = "webhook_processor.TransportError"
"""Why, as `exception.class.name` tells: an event that can be no request, an answer, or the lack of one."""
REDELIVERIES = OURS + "redeliveries"
"""How often a letter was sent again and failed: it stops one that can never be delivered from going round."""
_COUNT = re.compile(rb"[0-9]{1,6}")
_MOMENT = re.compile(rb"[0-9TZ:+.-]{10,40}")
"""A time as it is written down; what else stands there is not believed."""
UNTOLD_SECONDS = 7200.0
"""For how long a topic keeps a letter of which that is not told: hardly any keeps it less."""
BODY_BYTES = 4096
TEXT_BYTES = 1024
NAME_BYTES = 256
_ORIGIN = frozenset(CONNECT + name for name in ("topic", "partition", "offset"))


class Detail(IntEnum):
    """How much is written down; a letter that the broker finds too large is written with less."""

    COORDINATES = 0
    """Where the record stood, and the error code."""
    SHORT = 1
    """The same, and everything else that is short: no response body, URL or message."""
    FULL = 2


@dataclass(frozen=True, slots=True)
class DeadLetterPolicy:
    """Who writes, and what may not be written."""

    destination: str
    group_id: str
    version: str
    secrets: Secrets = field(default_factory=Secrets)
    may_reduce: bool = False
    """Whether a letter that can never be written may go without the value, or with a key of ours."""
    keeps_time: bool = True
    """Whether a letter has the record's timestamp, or that of when it is written."""
    ids: Ids | None = None
    """By what receivers know events; None: by nothing of ours, and an id that a record brings is kept."""


class Form(NamedTuple):
    """How much of a letter is written; less is tried only when the broker takes no more."""

    detail: Detail = Detail.FULL
    has_value: bool = True
    """Whether value and headers of the record are there, or only what identifies them."""
    has_made_key: bool = False
    has_time: bool = True


WHOLE = Form()


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
    stage = "VALUE_CONVERTER" if error.code in _OF_THE_VALUE else "TRANSFORMATION"
    return Failure(error.code, error.message, stage, UNUSABLE)


def oldest_time(kept: float | None, now: float) -> float:
    """The oldest timestamp of a letter in a topic that keeps letters for so many seconds; None: not told.

    Retention counts from the timestamp: at least half of it is to be left when the letter is written.
    """
    return now - (UNTOLD_SECONDS if kept is None else kept) / 2


def has_other_time(policy: DeadLetterPolicy, record: Record, letter: DeadLetter) -> bool:
    """Whether a letter that was to have its record's time has that of when it is written."""
    return policy.keeps_time and record.timestamp is not None and letter.timestamp is None


def lesser(policy: DeadLetterPolicy, record: Record, form: Form, reason: str) -> Form | None:
    """What to write after `form` was refused for `reason`; None: the same again, later.

    A time that is out of bounds is told as that of a letter that is sent alone, and as `invalid_record` of
    one among others. The time is given up first, since it also stands in the headers.
    """
    has_time = form.has_time and policy.keeps_time and record.timestamp is not None
    if reason in ("invalid_timestamp", "invalid_record") and has_time:
        return form._replace(has_time=False)
    if reason == "too_large" and form.detail > Detail.COORDINATES:
        return form._replace(detail=Detail(form.detail - 1))
    if reason == "too_large" and policy.may_reduce and form.has_value:
        return form._replace(has_value=False)
    if reason == "invalid_record" and policy.may_reduce and record.key is None and not form.has_made_key:
        return form._replace(has_made_key=True)
    return None


def was_letter(record: Record) -> bool:
    """Whether it comes from a dead-letter topic, or was put back from one."""
    return any(name.startswith(CONNECT) or name == REDELIVERIES for name, _ in record.headers or ())


def write_down(
    policy: DeadLetterPolicy,
    record: Record,
    failure: Failure,
    form: Form = WHOLE,
    oldest: float = -math.inf,
) -> DeadLetter:
    """The dead letter for `record`; with its time unless that is before `oldest`."""
    before = record.headers or ()
    is_again = any(name.startswith(CONNECT) for name, _ in before)
    kept = [each for each in before if not each[0].startswith(OURS) and (form.has_value or _is_origin(each))]
    beside = _again if is_again else _connect
    ours = [*beside(policy, record, failure, form), *_ours(policy, record, failure, form)]
    return DeadLetter(
        _key(record, form),
        record.value if form.has_value else None,
        (*kept, *_headers(ours)),
        _time(policy, record, form, oldest),
    )


def _time(policy: DeadLetterPolicy, record: Record, form: Form, oldest: float) -> float | None:
    is_kept = policy.keeps_time and form.has_time and (record.timestamp or 0.0) >= oldest
    return record.timestamp if is_kept else None


def _is_origin(header: tuple[str, bytes | None]) -> bool:
    name, value = header
    return name in _ORIGIN and len(value or b"") <= NAME_BYTES


def _key(record: Record, form: Form) -> bytes | None:
    """The record's; its coordinates where none can be written, or one that takes much room of a letter."""
    key = record.key
    if form.has_made_key or (not form.has_value and len(key or b"") > TEXT_BYTES):
        return f"{record.partition}/{record.offset}".encode()
    return key


def _connect(
    policy: DeadLetterPolicy, record: Record, failure: Failure, form: Form
) -> Iterable[tuple[str, str | None]]:
    """What Kafka Connect writes."""
    yield CONNECT + "topic", record.partition.topic[:NAME_BYTES]
    yield CONNECT + "partition", str(record.partition.number)
    yield CONNECT + "offset", str(record.offset)
    if form.detail >= Detail.SHORT:
        yield CONNECT + "connector.name", _cut(policy.group_id, NAME_BYTES)
        yield CONNECT + "task.id", "0"
        yield CONNECT + "stage", _cut(failure.stage, NAME_BYTES)
        yield CONNECT + "class.name", DELIVERY
        yield CONNECT + "exception.class.name", _cut(failure.error_class, NAME_BYTES)
    if form.detail >= Detail.FULL:
        yield CONNECT + "exception.message", _message(policy, failure)
        yield CONNECT + "exception.stacktrace", ""


def _again(
    policy: DeadLetterPolicy, record: Record, failure: Failure, form: Form
) -> Iterable[tuple[str, str | None]]:
    """What the headers it came with do not tell, for they tell of the first time."""
    before = dict(record.headers or ())
    yield OURS + "topic", record.partition.topic[:NAME_BYTES]
    yield OURS + "partition", str(record.partition.number)
    yield OURS + "offset", str(record.offset)
    first = before.get(OURS + "first.error.code") or before.get(OURS + "error.code") or b""
    yield OURS + "first.error.code", _cut(first[:NAME_BYTES].decode(errors="replace"), NAME_BYTES) or None
    if form.detail >= Detail.FULL:
        yield OURS + "error.message", _message(policy, failure)


def _ours(
    policy: DeadLetterPolicy, record: Record, failure: Failure, form: Form
) -> Iterable[tuple[str, str | None]]:
    """What Kafka Connect has no headers for."""
    before = dict(record.headers or ())
    yield OURS + "error.code", _cut(failure.code, NAME_BYTES)
    yield CARRIED, _id(policy, record, failure)
    yield REDELIVERIES, _redeliveries(before)
    if not form.has_value and record.value is not None:
        yield OURS + "value.size", str(len(record.value))
        yield OURS + "value.sha256", sha256(record.value).hexdigest()
    if form.detail >= Detail.SHORT:
        for name, short in _short(policy, record, failure, before):
            yield OURS + name, short and _cut(short, NAME_BYTES)
    if form.detail >= Detail.FULL:
        for name, text, limit in _long(policy, failure):
            yield OURS + name, _cut(policy.secrets.excerpt(text, limit), limit)


def _id(policy: DeadLetterPolicy, record: Record, failure: Failure) -> str | None:
    """By what a receiver knows it, whenever and from wherever it is sent again."""
    if policy.ids is None:
        return carried(record)
    request = failure.request
    return policy.ids.of_letter(record, request and request.id, is_request=request is not None)


def _redeliveries(before: Mapping[str, bytes | None]) -> str | None:
    """One more than it came with; None: it was no letter before."""
    said = before.get(REDELIVERIES)
    if said is None:
        return "1" if CONNECT + "topic" in before else None
    return str(int(said) + 1) if _COUNT.fullmatch(said) else "1"


def _first(before: Mapping[str, bytes | None], name: str, said: str | None) -> str | None:
    """The time that a letter tells of the first time; else what is said now."""
    first = before.get(OURS + name) or b""
    return first.decode() if _MOMENT.fullmatch(first) else said


def _short(
    policy: DeadLetterPolicy, record: Record, failure: Failure, before: Mapping[str, bytes | None]
) -> Iterable[tuple[str, str | None]]:
    yield "status", str(failure.response.status) if failure.response else None
    yield "attempts", str(failure.attempts)
    yield "first_attempt", _first(before, "first_attempt", written(failure.first_attempt))
    yield "last_attempt", written(failure.last_attempt)
    yield "timestamp", _first(before, "timestamp", written(record.timestamp))
    yield "record.headers", "unreadable" if record.headers is None else None
    yield "destination", policy.destination
    yield "version", policy.version


def _long(policy: DeadLetterPolicy, failure: Failure) -> Iterable[tuple[str, str, int]]:
    if failure.request:
        yield "method", failure.request.method, TEXT_BYTES
        yield "url", policy.secrets.url(failure.request.url), TEXT_BYTES
    if failure.response:
        yield "response.body", failure.response.body.decode(errors="replace"), BODY_BYTES


def _message(policy: DeadLetterPolicy, failure: Failure) -> str:
    return _cut(policy.secrets.excerpt(f"{failure.code}: {failure.message}", TEXT_BYTES), TEXT_BYTES)


def _headers(texts: Iterable[tuple[str, str | None]]) -> RecordHeaders:
    return tuple((name, text.encode()) for name, text in texts if text is not None)


def _cut(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, no character halved."""
    return text.encode(errors="replace")[:limit].decode(errors="ignore")


def written(timestamp: float | None) -> str | None:
    """A time in seconds since 1970, as letters tell it; None where there is none."""
    if timestamp is None:
        return None
    try:
        return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError, OSError):
        return str(timestamp)

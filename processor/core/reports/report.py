"""A report: how one event was settled, for whoever reads the topic of reports.

Promises:
- its value is one JSON object in UTF-8, of the same members whatever became of the event, null where there
  is nothing to tell; its key is the record's, so that the reports of a key stand in one partition;
- nothing secret is written: no query, no user info, nothing behind the host of a URL that is secret itself,
  and secrets are struck out of what the endpoint answered;
- of a letter that is sent again its record is told of, by where and when that stood first, and of one that
  is passed over nothing: it was told of when it became a letter;
- in its least form it has less than `LEAST_BYTES`, whatever the record: only the topic can be in its way.

Headers are called as Confluent's HTTP sink calls those of its success and error topics; the event itself
(`payload` there) is not written again: it stands where the coordinates say.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from processor.core.dead_letter import Failure
from processor.core.letters.letter import Place, read
from processor.core.letters.redelivery import Verdict, original
from processor.core.record.metadata import time_text
from processor.core.redaction import Secrets
from processor.core.request.signing.ids import Ids, carried
from processor.model import Message, Record, RecordHeaders, Request, Response

LEAST_BYTES = 4096
TEXT_BYTES = 1024
NAME_BYTES = 256


class Outcome(StrEnum):
    """How an event was settled, as `deliveries_total` calls it."""

    DELIVERED = "delivered"
    DEAD_LETTERED = "dead_lettered"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class ReportPolicy:
    """Who reports, and what of an answer; `is_required`: nothing is settled that is not reported."""

    destination: str
    is_required: bool = False
    body_bytes: int = 0
    """How much of the endpoint's answer is told; 0: nothing, and there is no member for it."""
    secrets: Secrets = field(default_factory=Secrets)
    ids: Ids | None = None
    """By what receivers know events; None: by nothing of ours, and an id that a record brings is told."""
    outcomes: frozenset[Outcome] = frozenset(Outcome)
    """Which are told."""
    are_letters: bool = False
    """Whether what is read are dead letters, to be sent again."""


class Settlement(NamedTuple):
    """How a record was settled: by which rule, or what came of its attempts.

    `seconds` is how long the last attempt took; timestamps are seconds. `reason` is the code of a dead
    letter, or the rule that left the event out, `message` what was wrong.
    """

    outcome: Outcome
    reason: str | None = None
    attempts: int = 0
    first_attempt: float | None = None
    last_attempt: float | None = None
    seconds: float | None = None
    request: Request | None = None
    response: Response | None = None
    message: str = ""


class Form(NamedTuple):
    """How much of a report is written; less is tried only when the broker takes no more."""

    is_whole: bool = True
    """Whether it tells of the answer's body and has headers: the rest is short."""
    has_made_key: bool = False
    """Whether its key is the record's coordinates."""


WHOLE = Form()
_PASSED_OVER = frozenset(Verdict) - {Verdict.SENT}
_JSON = msgspec.json.Encoder(enc_hook=str)  # a topic may be a text of a kind of its own


def skipped(reason: str) -> Settlement:
    """That rule left it out."""
    return Settlement(Outcome.SKIPPED, reason)


def dead_lettered(failure: Failure, seconds: float | None) -> Settlement:
    """Its dead letter is acknowledged; the last attempt took so long, if there was one."""
    return Settlement(
        Outcome.DEAD_LETTERED,
        failure.code,
        failure.attempts,
        failure.first_attempt,
        failure.last_attempt,
        seconds,
        failure.request,
        failure.response,
        failure.message,
    )


def is_told(policy: ReportPolicy, settlement: Settlement) -> bool:
    """Whether it is to be reported."""
    is_passed_over = policy.are_letters and settlement.reason in _PASSED_OVER
    return settlement.outcome in policy.outcomes and not is_passed_over


def lesser(record: Record, form: Form, reason: str) -> Form | None:
    """What to write after `form` was refused for `reason`; None: the same again, later.

    Whatever is left out, the coordinates stand in the value.
    """
    if reason == "too_large" and form.is_whole:
        return form._replace(is_whole=False)
    is_for_its_key = reason == ("invalid_record" if record.key is None else "too_large")
    return form._replace(has_made_key=True) if is_for_its_key and not form.has_made_key else None


def written(policy: ReportPolicy, record: Record, settlement: Settlement, form: Form = WHOLE) -> Message:
    """The report that `record` was settled so; its time is that of when it is written."""
    body = _body(policy, settlement) if form.is_whole and policy.body_bytes else None
    was = original(record, read(record)) if policy.are_letters else record
    place = Place(was.partition, was.offset)
    key = str(place).encode() if form.has_made_key else record.key
    headers = _headers(policy, was, place, settlement, body) if form.is_whole else ()
    return Message(key, _JSON.encode(_members(policy, record, place, settlement, body)), headers)


def _members(
    policy: ReportPolicy, record: Record, place: Place, settlement: Settlement, body: str | None
) -> dict[str, Any]:
    response, seconds = settlement.response, settlement.seconds
    members = {
        "id": _id(policy, record, settlement),
        "topic": place.partition.topic,
        "partition": place.partition.number,
        "offset": place.offset,
        "destination": policy.destination,
        "outcome": settlement.outcome,
        "reason": settlement.reason,
        "status": None if response is None else response.status,
        "attempts": settlement.attempts,
        "first_attempt": time_text(settlement.first_attempt),
        "last_attempt": time_text(settlement.last_attempt),
        "latency_ms": None if seconds is None else round(seconds * 1000, 3),
    }
    return members | {"body": body} if policy.body_bytes else members


def _id(policy: ReportPolicy, record: Record, settlement: Settlement) -> str | None:
    """By what a receiver knows it; of what never became a request, the id that its dead letter carries."""
    if policy.ids is None:
        return carried(record)
    request = settlement.request
    return policy.ids.of_letter(record, request and request.id, is_request=request is not None)


def _body(policy: ReportPolicy, settlement: Settlement) -> str | None:
    if settlement.response is None:
        return None
    text = settlement.response.body.decode(errors="replace")
    return _cut(policy.secrets.excerpt(text, policy.body_bytes), policy.body_bytes)


def _headers(
    policy: ReportPolicy, was: Record, place: Place, settlement: Settlement, body: str | None
) -> RecordHeaders:
    said = {
        "input_record_topic": place.partition.topic,
        "input_record_partition": str(place.partition.number),
        "input_record_offset": str(place.offset),
        "input_record_timestamp": None if was.timestamp is None else str(round(was.timestamp * 1000)),
    }
    if settlement.outcome is Outcome.DEAD_LETTERED:
        said |= _of_error(policy, settlement, body)
    return tuple((name, text.encode()) for name, text in said.items() if text is not None)


def _of_error(policy: ReportPolicy, settlement: Settlement, body: str | None) -> dict[str, str | None]:
    request, response = settlement.request, settlement.response
    message = policy.secrets.excerpt(f"{settlement.reason}: {settlement.message}", TEXT_BYTES)
    return {
        "error_message": _cut(message, TEXT_BYTES),
        "status_code": response and str(response.status),
        "reason_phrase": response and _PHRASES.get(response.status),
        "url": request and _cut(policy.secrets.url(request.url), TEXT_BYTES),
        "response_content": body,
    }


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def _cut(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, no character halved."""
    return text.encode(errors="replace")[:limit].decode(errors="ignore")

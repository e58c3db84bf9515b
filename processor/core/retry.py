"""What an answer means: delivered, again after a while, or never.

Promise: only a delivered status is delivered; redirects are not followed and never count as delivered;
a record that may not be retried any more is given up, whatever `Retry-After` says; an attempt that
was no fault of the record is not held against it, and one that was refused for who we are never is.

Attempts are counted in this process alone: a count kept in the commit metadata would take room from
the finished offsets there. What has to survive a rebalance is bounded by the record's own timestamp
(`max_age`), which every process reads alike.

By default time ends the tries, not their number: full jitter halves the waits on average, so that the
same number of attempts may be over in minutes or in an hour.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import NamedTuple

from processor.core.pace.quota_fields import quota
from processor.errors import TransportError
from processor.model import Answer, Quota, Response, Signal

_DELIVERED = Signal.DELIVERED
_UNREACHABLE = frozenset(("blocked", "certificate", "connect", "dns", "http2_only", "proxy", "tls"))
_NO_PROOF = "credentials"
_NO_CREDENTIALS = (_NO_PROOF, "client_certificate")
_NO_CERTIFICATE = re.compile(
    rb"\s*<html>\s*<head><title>400 (No required SSL certificate was sent|The SSL certificate error)</title>"
)
"""nginx completes the handshake with whoever shows no good certificate, and says so afterwards."""
CONFLICT = 409
"""Where it is tried again, an earlier attempt is still worked on: what it asks for is of that event alone."""
_PUSHED_BACK = {429: Signal.THROTTLED, 503: Signal.UNAVAILABLE}
"""What asks for fewer requests, or may; these may say for how long (`Retry-After`)."""
_MAX_EXPONENT = 64


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Which answers are worth another attempt, how long to wait for it, and when to give up.

    Waiting times, `max_elapsed` (from the first attempt) and `max_age` (from the record's timestamp)
    are seconds; None: no such limit.
    """

    delivered_statuses: frozenset[int] = frozenset(range(200, 300))
    retried_statuses: frozenset[int] = frozenset((408, 425, 429, *range(500, 600)))
    max_attempts: int | None = None
    max_elapsed: float | None = 10_800.0
    max_age: float | None = None
    initial_backoff: float = 0.5
    max_backoff: float = 60.0
    max_retry_after: float = 300.0
    rate_limit_hints: bool = True
    """Whether header fields that say what is left of a quota are read."""
    credential_statuses: frozenset[int] = frozenset((401, 407))
    """Answers that refuse us, whatever we send: they come before `retried_statuses`."""


class Reason(StrEnum):
    """Why a record is given up."""

    REFUSED = "refused"
    RETRIES_EXHAUSTED = "retries_exhausted"
    ENDPOINT_NOT_ALLOWED = "endpoint_not_allowed"
    """The event chose a host whose address may not be spoken to."""


class Again(NamedTuple):
    """Worth another attempt after so many seconds."""

    after: float


class Never(NamedTuple):
    """Not to be attempted again."""

    reason: Reason


Verdict = Again | Never


class Effort(NamedTuple):
    """What was spent on a record.

    `attempts` were answered, `counted` of them are held against it; seconds since the first one
    (without those in which the endpoint was down) and since the record's timestamp (None: unknown).
    `is_spared`: the endpoint is down, so that this attempt ends nothing. `is_foreign`: the event chose
    another host.
    """

    attempts: int
    counted: int
    elapsed: float
    age: float | None = 0.0
    is_spared: bool = False
    is_foreign: bool = False


class Reading(NamedTuple):
    """An answer, read once: what it says of the endpoint, and for how long that asks to be left alone.

    `pause` is seconds, as far as the policy follows them; None: it does not ask. `quota`: what is left.
    `wait`: the same of what asks to leave this event alone, and no other.
    """

    sign: Signal
    pause: float | None = None
    quota: Quota | None = None
    wait: float | None = None


_ACCEPTED = Reading(_DELIVERED)
_UNKNOWN = Reading(Signal.CREDENTIALS)
_SILENT = Reading(Signal.NO_ANSWER)
_UNANSWERED = {
    **dict.fromkeys(_UNREACHABLE, Reading(Signal.UNREACHABLE)),
    **dict.fromkeys(_NO_CREDENTIALS, _UNKNOWN),
}


def read(policy: RetryPolicy, answer: Answer, now: float) -> Reading:
    """What `answer` says; `now` is the time as a timestamp, for `Retry-After` dates."""
    if isinstance(answer, TransportError):
        return _UNANSWERED.get(answer.reason, _SILENT)
    if answer.status in policy.delivered_statuses:
        if answer.quota_fields:
            return Reading(_DELIVERED, None, _quota(policy, answer, now))
        return _ACCEPTED
    if answer.status in policy.credential_statuses or _lacks_certificate(answer):
        return _UNKNOWN
    if answer.status not in policy.retried_statuses:
        return Reading(Signal.REFUSED)
    if answer.status not in _PUSHED_BACK:
        wait = _pause(policy, answer, None, now) if answer.status == CONFLICT else None
        return Reading(Signal.SERVER_ERROR, wait=wait)
    left = _quota(policy, answer, now) if answer.quota_fields else None
    return Reading(_PUSHED_BACK[answer.status], _pause(policy, answer, left, now), left)


def is_for_want_of_proof(answer: Answer) -> bool:
    """Whether nothing left, as we had nothing to prove who we are: whoever receives has no part in it."""
    return isinstance(answer, TransportError) and answer.reason == _NO_PROOF


def of_its_own(reading: Reading, answer: Answer) -> Reading:
    """The same of an event that chose its receiver, or what proves who sends: it answers for that itself."""
    is_refused = reading.sign is Signal.CREDENTIALS and isinstance(answer, Response)
    return Reading(Signal.REFUSED) if is_refused else reading


def judge(policy: RetryPolicy, answer: Answer, reading: Reading, effort: Effort, *, chance: float) -> Verdict:
    """What to do after `answer`, which delivered nothing; `chance` is a number from 0 to 1."""
    if reading.sign is Signal.REFUSED:
        return Never(Reason.REFUSED)
    if effort.is_foreign and isinstance(answer, TransportError) and answer.reason == "blocked":
        return Never(Reason.ENDPOINT_NOT_ALLOWED)
    pause = reading.wait if reading.pause is None else reading.pause
    after = _wait(policy, effort.attempts, chance, pause)
    if not effort.is_spared and _is_exhausted(policy, effort, after):
        return Never(Reason.RETRIES_EXHAUSTED)
    return Again(after)


def _pause(policy: RetryPolicy, answer: Response, left: Quota | None, now: float) -> float | None:
    seconds = seconds_from(answer.retry_after, now) if answer.retry_after else None
    if seconds is None and left is not None and not left.remaining:
        seconds = left.reset
    return None if seconds is None else min(seconds, policy.max_retry_after)


def _quota(policy: RetryPolicy, answer: Response, now: float) -> Quota | None:
    return quota(answer.quota_fields, now) if policy.rate_limit_hints else None


def _lacks_certificate(answer: Response) -> bool:
    return answer.status == 400 and _NO_CERTIFICATE.match(answer.body) is not None


def _is_exhausted(policy: RetryPolicy, effort: Effort, after: float) -> bool:
    return (
        (policy.max_attempts is not None and effort.counted >= policy.max_attempts)
        or (policy.max_elapsed is not None and effort.elapsed + after > policy.max_elapsed)
        or (policy.max_age is not None and effort.age is not None and effort.age + after > policy.max_age)
    )


def backoff(initial: float, maximum: float, attempts: int, chance: float) -> float:
    """Exponential with full jitter: evenly between 0 and the ceiling of this attempt, in seconds.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return chance * min(maximum, initial * 2.0 ** min(attempts - 1, _MAX_EXPONENT))


def seconds_from(retry_after: str, now: float) -> float | None:
    """Seconds to wait by a `Retry-After` value, a number or an HTTP date (RFC 9110, 10.2.3); else None."""
    try:
        seconds = float(retry_after)
    except ValueError:
        seconds = _seconds_until(retry_after, now)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds_until(date: str, now: float) -> float:
    try:
        moment = parsedate_to_datetime(date)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now
    except (ValueError, OverflowError):
        return math.nan


def _wait(policy: RetryPolicy, attempts: int, chance: float, pause: float | None) -> float:
    """Never sooner than the endpoint asked; the jitter on top keeps the waiting from returning at once."""
    jittered = backoff(policy.initial_backoff, policy.max_backoff, attempts, chance)
    return jittered if pause is None else pause + min(jittered, policy.initial_backoff)

"""What an answer means: done, again after a while, or never.

Promise: only a delivered status is done; redirects are not followed and never count as delivered;
a record that may not be retried any more is given up, whatever `Retry-After` says.
"""

import math
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import NamedTuple

from processor.errors import TransportError
from processor.model import Answer

_RETRY_AFTER_STATUSES = frozenset((429, 503))
_MAX_EXPONENT = 64


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Which answers are worth another attempt, how long to wait for it, and when to give up.

    Waiting times and `max_elapsed` are seconds; None: no such limit.
    """

    delivered_statuses: frozenset[int] = frozenset(range(200, 300))
    retried_statuses: frozenset[int] = frozenset((408, 425, 429, *range(500, 600)))
    max_attempts: int | None = 20
    max_elapsed: float | None = 3600.0
    initial_backoff: float = 0.5
    max_backoff: float = 60.0
    max_retry_after: float = 300.0


class Reason(StrEnum):
    """Why a record is given up."""

    REFUSED = "refused"
    RETRIES_EXHAUSTED = "retries_exhausted"


class Done(NamedTuple):
    """Delivered."""


class Again(NamedTuple):
    """Worth another attempt after so many seconds."""

    after: float


class Never(NamedTuple):
    """Not to be attempted again."""

    reason: Reason


Verdict = Done | Again | Never


class Effort(NamedTuple):
    """What was spent on a record: attempts that were answered, and seconds since the first one."""

    attempts: int
    elapsed: float


def judge(policy: RetryPolicy, answer: Answer, effort: Effort, *, now: float, chance: float) -> Verdict:
    """What to do after `answer`.

    `now` is the time as a timestamp (for `Retry-After` dates), `chance` a number from 0 to 1.
    """
    retry_after = None
    if not isinstance(answer, TransportError):
        if answer.status in policy.delivered_statuses:
            return Done()
        if answer.status not in policy.retried_statuses:
            return Never(Reason.REFUSED)
        if answer.status in _RETRY_AFTER_STATUSES and answer.retry_after:
            retry_after = seconds_from(answer.retry_after, now)
    after = _wait(policy, effort.attempts, chance, retry_after)
    if policy.max_attempts is not None and effort.attempts >= policy.max_attempts:
        return Never(Reason.RETRIES_EXHAUSTED)
    if policy.max_elapsed is not None and effort.elapsed + after > policy.max_elapsed:
        return Never(Reason.RETRIES_EXHAUSTED)
    return Again(after)


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


def _wait(policy: RetryPolicy, attempts: int, chance: float, retry_after: float | None) -> float:
    """Never sooner than the endpoint asked; the jitter on top keeps the waiting from returning at once."""
    jittered = backoff(policy.initial_backoff, policy.max_backoff, attempts, chance)
    if retry_after is None:
        return jittered
    return min(retry_after, policy.max_retry_after) + min(jittered, policy.initial_backoff)

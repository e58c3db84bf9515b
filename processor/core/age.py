"""How old a record is, by its timestamp, which is the producer's word and may be none.

Promise: an age is never below 0 and never above `LONGEST_SECONDS`; where the timestamp is missing or
cannot be true the age is unknown, and it is said why. Nothing is given up, and nothing is late, by an
age that is unknown.
"""

from enum import StrEnum

AHEAD_SECONDS = 60.0
"""So far a producer's clock may be ahead of ours: the record is new."""
LONGEST_SECONDS = 10 * 365.25 * 86_400
"""Older than this is no record, but a timestamp in seconds where milliseconds belong, or none but 0."""


class Unknown(StrEnum):
    """Why an age is not known."""

    MISSING = "missing"
    """There is no timestamp, as in formats before Kafka 0.10."""
    AHEAD = "ahead"
    """The timestamp lies in the future."""
    ANCIENT = "ancient"
    """The timestamp lies before there was anything to write down."""


Age = float | Unknown
"""Seconds, or why they are not known."""


def age(timestamp: float | None, now: float) -> Age:
    """How old a record of `timestamp` is; both are seconds since 1970."""
    if timestamp is None:
        return Unknown.MISSING
    seconds = now - timestamp
    if 0.0 <= seconds <= LONGEST_SECONDS:
        return seconds
    if seconds > 0.0:
        return Unknown.ANCIENT
    return 0.0 if seconds >= -AHEAD_SECONDS else Unknown.AHEAD


def known(one: Age) -> float | None:
    """The seconds; None: they are not known."""
    return None if isinstance(one, Unknown) else one

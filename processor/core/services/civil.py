"""Moments as services write them: in UTC, by the calendar.

Promise: what is no moment is none, and no clock is asked.
"""

from contextlib import suppress
from datetime import UTC, datetime


def stamp(timestamp: float) -> str:
    """`20150830T123600Z`, as AWS writes a time in what is signed."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y%m%dT%H%M%SZ")


def moment(text: str) -> float | None:
    """The timestamp of `2026-11-28T05:00:00Z`; None for what is none."""
    with suppress(ValueError, OverflowError):
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    return None

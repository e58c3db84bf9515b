"""Header fields that say what is left of a quota: how many requests, until when.

    RateLimit: "default";r=50;t=30                             draft-ietf-httpapi-ratelimit-headers-08
    RateLimit: limit=100, remaining=50, reset=30               -07
    RateLimit-Remaining: 50, RateLimit-Reset: 30               -06 and before
    X-RateLimit-Remaining: 50, X-RateLimit-Reset: 1700000030   before all of them: GitHub and many others

A reset is seconds from now, or the time of it as a timestamp in seconds or in milliseconds: its size tells
which. Of several quotas the scarcest counts.

Promises: what is none of these says nothing, and nothing raises; cost: linear in what is looked at, a bounded
number of bounded fields.
"""

import re
from collections.abc import Iterator

from processor.model import Headers, Quota

SOON = 3.0
"""Seconds; what is renewed so soon is left to the learnt rate. Resets are whole seconds, mostly, so that of
such a one hardly anything is known."""

_NUMBER = re.compile(r"(\d{1,15})(?:\.\d{0,15})?(?![\w.])", re.ASCII)
_PARAMETER = re.compile(r"\b(r|t|remaining|reset) *= *(\d{1,15}(?:\.\d{0,15})?)(?![\w.])", re.ASCII)
_QUOTED = re.compile(r'"[^"]*"')
_MOST_QUOTAS = 8
_LONGEST = 1e8
"""Seconds from now, more than three years; above it stands a timestamp, or nothing of sense."""
_SECONDS, _MILLISECONDS = (1e9, 1e11), (1e12, 1e14)
"""From 2001 to 5138, both."""


def quota(fields: Headers, now: float) -> Quota | None:
    """What `fields`, of which each comes with its name in lower case, say is left; `now` is a timestamp."""
    found = [each for each in _quotas(fields, now) if each.reset > SOON]
    return min(found, key=_ease, default=None)


def _ease(quota: Quota) -> tuple[float, float]:
    """Of the scarcest the lowest: where nothing is left, of that which lasts longest."""
    return quota.remaining / quota.reset, -quota.reset


def _quotas(fields: Headers, now: float) -> Iterator[Quota]:
    said = dict(reversed(fields))  # of several of one name the first counts
    if "ratelimit" in said:
        value = _QUOTED.sub("", said["ratelimit"])
        members = [value] if "remaining" in value else value.split(",")[:_MOST_QUOTAS]
        for member in members:
            of = {name[:3].strip(): number for name, number in _PARAMETER.findall(member)}
            yield from _read(of.get("r", of.get("rem", "")), of.get("t", of.get("res", "")), now)
    yield from _read(said.get("ratelimit-remaining", ""), said.get("ratelimit-reset", ""), now)


def _read(remaining: str, reset: str, now: float) -> Iterator[Quota]:
    left, at = _NUMBER.match(remaining), _NUMBER.match(reset)
    if left and at and (seconds := _seconds(float(at[0]), now)) is not None:
        yield Quota(int(left[1]), seconds)


def _seconds(reset: float, now: float) -> float | None:
    if reset < _LONGEST:
        return reset
    if _SECONDS[0] <= reset < _SECONDS[1]:
        return reset - now
    return reset / 1000 - now if _MILLISECONDS[0] <= reset < _MILLISECONDS[1] else None

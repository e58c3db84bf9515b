"""Where a partition begins of which the group has committed nothing.

The setting is `earliest`, `latest`, `error`, a duration (`2h`: so long before the group starts) or a
time (`2026-11-27T00:00:00Z`). It is about the moment at which the group first starts, and no later one:

- `earliest`: at the start of the partition, always.
- The group has committed nothing at all: it starts now. `latest` begins at the end, a duration or a
  time at the first record from then on; with `error` that is for the operator to say. From when on the
  group reads (`since`) is kept beside every position that it commits.
- The group has committed something, and the partition was not there when this process first looked:
  at its start. Its records may bear any timestamp.
- Else at the first record at or after `since`: all of a partition that was added while nobody looked,
  and of one that was there, but was never committed, no more than the group was to read. (By the
  timestamps of the records: what a producer stamped earlier is passed over there.)
- The group has positions that say no `since`, as those of 0.1.0 or set by a tool: at its start, since
  0.1.0 committed all that was there. It is taken to read from the beginning of time then; with `error`
  only once it has a position everywhere, and before that it is for the operator to say.
"""

import re
from datetime import datetime
from enum import Enum
from typing import NamedTuple

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
PATTERN = r"^(earliest|latest|error|[0-9]{1,9}[smhd]|[0-9]{4}-[0-9]{2}-[0-9]{2}T.*)$"
UNKNOWN = "is none of earliest, latest, error, a duration such as 2h, a time such as 2026-11-27T00:00:00Z"


class Edge(Enum):
    """An end of a partition, by the number that the protocol has for it."""

    START = -2
    END = -1


Begin = Edge | float | None
"""An end of the partition, or the first record from a timestamp on, or (None) the operator has to say."""


class StartPolicy(NamedTuple):
    """The setting: a word, or seconds before the group starts, or a timestamp."""

    word: str = ""
    before: float = 0.0
    at: float | None = None


class Group(NamedTuple):
    """What is known of the group: whether it has committed anything, or everywhere; from when on it reads."""

    has_positions: bool
    since: float | None = None
    is_complete: bool = False

    @property
    def has_started(self) -> bool:
        """Whether it reads already, be it that we have not committed yet."""
        return self.has_positions or self.since is not None


def policy_of(text: str) -> StartPolicy:
    """The policy that the setting names. Raises ValueError with what is wrong."""
    if text in ("earliest", "latest", "error"):
        return StartPolicy(text)
    if found := re.fullmatch("([0-9]{1,9})([smhd])", text):
        return StartPolicy(before=int(found[1]) * UNITS[found[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} {UNKNOWN}") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text[:40]!r} names no time zone: write it as 2026-11-27T00:00:00Z")
    return StartPolicy(at=moment.timestamp())


def begin(policy: StartPolicy, group: Group, *, is_new: bool, now: float) -> Begin:
    """Where a partition without a position begins; `is_new`: it was not there when we first looked."""
    if policy.word == "earliest":
        return Edge.START
    if not group.has_started:
        return _first(policy, now)
    if is_new:
        return Edge.START
    if group.since is None and policy.word == "error":
        return None
    return group.since or Edge.START


def since(policy: StartPolicy, group: Group, now: float) -> float | None:
    """From when on the group reads, to be kept; None: there is nothing to keep."""
    if policy.word == "earliest" or group.since is not None:
        return group.since
    if group.has_positions:
        return 0.0 if group.is_complete or policy.word != "error" else None
    first = _first(policy, now)
    return now if isinstance(first, Edge) else first


def _first(policy: StartPolicy, now: float) -> Begin:
    if policy.word:
        return Edge.END if policy.word == "latest" else None
    return now - policy.before if policy.at is None else policy.at

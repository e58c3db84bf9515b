"""How long we may believe that our partitions are still ours.

A process that was stopped for longer than the session time-out (or cannot reach its coordinator)
still believes that it owns partitions which others read by now. What the broker last acknowledged
is the proof: a commit that it took, or refused only because a rebalance was under way or for its
metadata, was judged against our membership first (so does Apache Kafka's coordinator: who is no
member hears that). An unknown topic, or one that may not be read, is no proof: that is answered before
the coordinator is asked. The proof counts from when the commit was asked for, and is renewed by
committing the same positions again when nothing moved.

An assignment is no proof: it may have been handed to us just before we were stopped.

Promise: `until()` lies before the earliest moment at which the broker can have given our
partitions away unseen. Times are monotonic seconds.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST_MARGIN = 5.0
"""Heartbeats leave every 3 s at the most, and the broker counts from the last one."""

METADATA_REFUSED = "OFFSET_METADATA_TOO_LARGE"
_OF_MEMBERS = (None, "REBALANCE_IN_PROGRESS", METADATA_REFUSED)
_OF_STRANGERS = ("UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "STALE_MEMBER_EPOCH", "FENCED_INSTANCE_ID")


def is_proof(errors: Iterable[str | None]) -> bool:
    """Whether these answers to a commit, Kafka's names of errors or None, are given to members only."""
    return any(error in _OF_MEMBERS for error in errors)


def is_disproof(errors: Iterable[str | None]) -> bool:
    """Whether one of these answers is given to those who are no members, or not of this generation."""
    return any(error in _OF_STRANGERS for error in errors)


@dataclass(frozen=True, slots=True)
class LeasePolicy:
    """`session_timeout`: after so long without a heartbeat the broker gives partitions away."""

    session_timeout: float = 45.0


class Lease:
    """Our membership in the group, as far as it is proven."""

    def __init__(self, policy: LeasePolicy) -> None:
        session = policy.session_timeout
        self._lasts = session - min(LONGEST_MARGIN, session / 3)
        self._renewed_after = session / 4
        self._proved_at = -math.inf

    def proved(self, at: float) -> None:
        """Whoever was asked at `at` took us for a member."""
        self._proved_at = max(self._proved_at, at)

    def disproved(self) -> None:
        """We are no member any more, or not as we believe: what was proven before counts no longer."""
        self._proved_at = -math.inf

    def until(self) -> float:
        """Nothing may leave from then on."""
        return self._proved_at + self._lasts

    def is_due(self, now: float) -> bool:
        """Whether it is time to ask again."""
        return now - self._proved_at >= self._renewed_after

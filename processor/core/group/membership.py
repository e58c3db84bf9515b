"""Our place in the consumer group: that it is proven, or what is missing.

With partitions the proof is the lease: commits that the broker acknowledges. Without, there is nothing
to commit, and a word stands for it: an assignment, though it be empty, or the client's, which calls
itself a member only while its coordinator is there and has answered heartbeats.

Promise: `fault` is None only while a proof is fresh. What is heard of a loss ends it at once, and it stays
ended until there is another. Times are monotonic seconds.
"""

import math

from processor.model import Assigned, Lost, MemberState, SourceEvent, Troubled

WORD_SECONDS = 15.0
"""How long a word is good for."""

TROUBLE_SECONDS = 60.0
"""How long what the client reported may be the reason."""

NOT_JOINED = "not joined yet"
LOST = "no member: the brokers took us for gone, or are away"
UNACKNOWLEDGED = "membership not proven: commits are not acknowledged"
UNHEARD = "membership not proven: the group's coordinator is away, or takes us for no member"


class Membership:
    """What has been heard of it."""

    def __init__(self) -> None:
        self.hint = ""
        """Why we may never become a member, where it is known."""
        self._vouched_at = -math.inf
        self._missing = NOT_JOINED
        self._trouble = ""
        self._troubled_at = -math.inf

    def heard(self, event: SourceEvent, now: float) -> None:
        """Something came from the source."""
        match event:
            case Assigned() | MemberState(is_settled=True):
                self._vouched_at = now
                self._missing = UNHEARD
                self.hint = ""
            case Lost():
                self._vouched_at = -math.inf
                self._missing = LOST
            case MemberState(has_coordinator=False):
                self._vouched_at = -math.inf
            case Troubled(error):
                self._trouble, self._troubled_at = error, now
            case _:
                pass

    def fault(self, now: float, *, has_partitions: bool, is_leased: bool) -> str | None:
        """What is missing of the proof, and what may be the reason; None: nothing."""
        if is_leased if has_partitions else now - self._vouched_at < WORD_SECONDS:
            return None
        missing = UNACKNOWLEDGED if has_partitions else self._missing
        trouble = self._trouble if now - self._troubled_at < TROUBLE_SECONDS else ""
        return "; ".join(filter(None, (missing, self.hint or trouble)))

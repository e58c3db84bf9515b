"""Sampling: which records are followed by spans.

Promises: no more than `max_per_second`, whatever the records say; by a share, all who go by the trace's id
decide alike; the question costs about as much as reading the record's context.
"""

from dataclasses import dataclass
from typing import Final

from processor.core.request.tracing.trace_context import TraceContext

_RANDOM_BITS: Final = (1 << 56) - 1
"""Of a trace's id these are random (level 2 of the specification); a share goes by them."""


@dataclass(frozen=True, slots=True)
class SamplingPolicy:
    """`share`: of all records, from 0 to 1; None: those whose producer keeps their trace."""

    share: float | None = None
    max_per_second: float = 100.0


class Sampling:
    """That of one process. Times are monotonic seconds, chances from 0 to 1."""

    def __init__(self, policy: SamplingPolicy) -> None:
        self._share = policy.share
        self._most = policy.max_per_second
        self._burst = max(1.0, policy.max_per_second)
        self._left, self._counted_at = self._burst, 0.0

    def wants(self, context: TraceContext | None, chance: float) -> bool:
        """Whether a record is to be followed, by its trace; `chance` is asked where it has none."""
        if self._share is None:
            return context is not None and context.is_sampled
        if context is None:
            return chance < self._share
        return (context.trace_id & _RANDOM_BITS) < self._share * _RANDOM_BITS

    def takes(self, now: float) -> bool:
        """Whether there is room for one more."""
        self._left = min(self._burst, self._left + max(0.0, now - self._counted_at) * self._most)
        self._counted_at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

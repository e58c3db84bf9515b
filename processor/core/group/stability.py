"""How long the last stable offset of a partition has stood still while records lie behind it.

A transaction that stays open keeps everything behind its first record from those who read what is
committed: nothing is behind by their own count, and nothing comes.

Promise: a partition without records behind its last stable offset stands still for no time, and so
does one whose last stable offset has moved since it was measured before.
"""

from collections.abc import Mapping
from typing import NamedTuple

from processor.model import Partition


class Stand(NamedTuple):
    """A last stable offset with records behind it, and since when that is known (monotonic seconds)."""

    offset: int
    since: float


class Stability:
    """All partitions that are measured."""

    def __init__(self) -> None:
        self._stands: dict[Partition, Stand] = {}

    def measured(self, stable: Mapping[Partition, int], high: Mapping[Partition, int], now: float) -> None:
        """These are the last stable offsets and the high watermarks; what is in neither is not known."""
        stands = {}
        for partition, offset in stable.items():
            if high.get(partition, offset) > offset:
                before = self._stands.get(partition)
                is_same = before is not None and before.offset == offset
                stands[partition] = before if before and is_same else Stand(offset, now)
        self._stands = stands

    def still(self, partition: Partition, now: float) -> float:
        """For how many seconds it has stood still."""
        stand = self._stands.get(partition)
        return 0.0 if stand is None else now - stand.since

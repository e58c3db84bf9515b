"""Of which partitions nothing is to be taken for now.

A pause throws away what was fetched already, so it is put off: for some time nothing is polled at all,
in the hope that there is room again soon. A rest is no more than that: when it gets long, it is over.

Promise: no pause outlives the assignment it was made in. (The library keeps one beyond it: a
partition that was paused when it went would never be read again after it came back.)
"""

import math

import confluent_kafka
from confluent_kafka import TopicPartition

from processor.model import Partition

PATIENCE_SECONDS = 1.0


class Pauses:
    """The holds of one consumer; to be called in its thread. Times are monotonic seconds."""

    def __init__(self, client: confluent_kafka.Consumer) -> None:
        self._client = client
        self._wanted: frozenset[Partition] = frozenset()
        self._paused: frozenset[Partition] = frozenset()
        self._parked: frozenset[Partition] = frozenset()
        self._impatient_at: float | None = None
        self._restless_at = -math.inf

    def rest(self, resting: bool, now: float) -> None:
        """Poll nothing for a while, or do so again."""
        self._restless_at = now + PATIENCE_SECONDS if resting else -math.inf

    def are_resting(self, now: float) -> bool:
        """Whether little should be polled for now."""
        return now < self._restless_at

    def wanted(self, partitions: frozenset[Partition], *, at_once: bool = False) -> None:
        """Take nothing from these, which are assigned; from all others again. `at_once`: without patience."""
        self._wanted = partitions - self._parked
        if at_once:
            self._impatient_at = -math.inf
        self._resume(self._paused - partitions)

    def park(self, partitions: frozenset[Partition]) -> None:
        """Nothing is fetched of these, whatever is wanted, until they are forgotten."""
        self._client.pause([TopicPartition(*partition) for partition in partitions])
        self._wanted -= partitions
        self._paused -= partitions
        self._parked |= partitions

    def forget(self, partitions: frozenset[Partition]) -> None:
        """These go, or begin anew: they are held no longer."""
        self._wanted -= partitions
        self._resume((self._paused | self._parked) & partitions)

    def are_waited_for(self, now: float) -> bool:
        """Whether nothing should be polled for now; when patience ends, what is still held is paused."""
        added = self._wanted - self._paused
        if not added:
            self._impatient_at = None
            return False
        if self._impatient_at is None:
            self._impatient_at = now + PATIENCE_SECONDS
        if now < self._impatient_at:
            return True
        self._client.pause([TopicPartition(*partition) for partition in added])
        self._paused |= added
        self._impatient_at = None
        return False

    def _resume(self, partitions: frozenset[Partition]) -> None:
        if partitions:
            self._client.resume([TopicPartition(*partition) for partition in partitions])
            self._paused -= partitions
            self._parked -= partitions

"""What the library fetches of our partitions, and from where on.

Promises:
- a partition of which it is not known where it begins is ours, and parked: nothing of it is fetched, and it
  holds no other; (the library would say at once again that it has no offset, and a look-up may take seconds)
- what is refused is looked up again and again, in no haste, and begins once it is known where.
"""

import time
from collections.abc import Callable, Collection, Mapping

import confluent_kafka
from confluent_kafka import OFFSET_INVALID, TopicPartition

from processor.kafka.partitions.patience import Patience
from processor.kafka.partitions.pauses import Pauses
from processor.kafka.partitions.start_positions import AGAIN_SECONDS, StartPositions
from processor.kafka.partitions.tenures import MIXED, PARKED, UNHEARD, UNREAD, Tenure, Tenures
from processor.model import Partition

PARKED_SECONDS = 1.0
"""After so long it is tried again to learn where a partition begins."""
SHARE = 4
"""And after so many times what the last try took: most of the time is for reading."""


class Fetching:
    """The assignments and seeks of one consumer; to be called in its thread."""

    def __init__(
        self,
        client: confluent_kafka.Consumer,
        tenures: Tenures,
        holds: Pauses,
        beginnings: StartPositions,
        is_made_anew: Callable[[Partition], bool],
    ) -> None:
        """`is_made_anew`: whether the topic is another one by now; then the partition has begun anew."""
        self._client = client
        self._tenures = tenures
        self._holds = holds
        self._beginnings = beginnings
        self._is_made_anew = is_made_anew

    def begin(
        self,
        epoch: int,
        starts: Mapping[Partition, int],
        *,
        parked: Collection[Partition] = (),
        unread: Collection[Partition] = (),
    ) -> None:
        """These partitions are ours from these offsets on, the `parked` from where only time will tell.

        The `unread` are ours too, and never read.

        The group takes them for read: only so do the others of the same assignment come to rest.
        """
        every = (*starts, *parked, *unread)
        if again := frozenset(p for p in every if (t := self._tenures.find(p)) and t.state is PARKED):
            self._leave(again)
        for partition, offset in starts.items():
            self._tenures.begin(partition, epoch, offset, UNHEARD)
        for partition in parked:
            self._tenures.begin(partition, epoch, OFFSET_INVALID, PARKED)
        for partition in unread:
            self._tenures.begin(partition, epoch, OFFSET_INVALID, UNREAD)
        paused = [TopicPartition(*partition, 0) for partition in (*unread, *parked)]
        self._client.incremental_assign(
            [TopicPartition(*partition, offset) for partition, offset in starts.items()] + paused
        )
        if paused:
            self._client.pause(paused)
        if parked:
            self._holds.park(frozenset(parked))

    def begin_anew(self, epoch: int, partitions: Collection[Partition], offset: int) -> None:
        """These, which are read, begin at `offset` in a new assignment; what is read just now is left out."""
        for partition in partitions:
            self.begin_at(self._tenures.begin(partition, epoch, offset, UNHEARD), offset)

    def put_off(self, partitions: Collection[Partition], since: float) -> None:
        """What was asked of these from `since` on, in monotonic seconds, is not known: ask later."""
        now = time.monotonic()
        for partition in partitions:
            if tenure := self._tenures.find(partition):
                tenure.due = now + PARKED_SECONDS + SHARE * (now - since)

    def unknown(self, now: float) -> frozenset[Partition]:
        """Of which it is time to ask what the group has committed."""
        return frozenset(tenure.partition for tenure in self._due(now) if tenure.missing is None)

    def settle(self, now: float) -> None:
        """Let those begin whose offset was not held; with the first that does not answer it is enough.

        So it is once that has taken as long as a go may: the others begin in the next rounds.
        """
        patience = Patience(AGAIN_SECONDS)
        for tenure in self._due(now):
            # One look-up may begin others anew, whose tenures are over then.
            if tenure.missing is None or tenure.state is not PARKED:
                continue
            if patience.is_over:
                return
            since = time.monotonic()
            self._beginnings.take_time(is_again=True)
            if not self._is_made_anew(tenure.partition):
                place = self._beginnings.instead_of(tenure.partition, tenure.missing)
                if place is not None:
                    self.begin_at(tenure, place)
                    continue
            self.put_off((tenure.partition,), since)
            return

    def begin_at(self, tenure: Tenure, offset: int) -> None:
        """Read it from there on; where it is mixed, once all is read that is being read."""
        tenure.start = offset
        if tenure.state is not MIXED:
            self._tenures.become(tenure, UNHEARD)
        self._leave(frozenset((tenure.partition,)))
        self._client.incremental_assign([TopicPartition(*tenure.partition, offset)])

    def park(self, tenure: Tenure, missing: int | None) -> None:
        """Fetch nothing of it: its topic does not hold that offset, or (None) the group has none."""
        self._tenures.become(tenure, PARKED)
        tenure.missing, tenure.due = missing, 0.0
        self._holds.park(frozenset((tenure.partition,)))

    def _due(self, now: float) -> list[Tenure]:
        if not self._tenures.count(PARKED):
            return []
        return [tenure for tenure in self._tenures.of((PARKED,)) if tenure.due <= now]

    def _leave(self, partitions: frozenset[Partition]) -> None:
        self._holds.forget(partitions)
        self._client.incremental_unassign([TopicPartition(*partition) for partition in partitions])

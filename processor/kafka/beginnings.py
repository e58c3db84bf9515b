"""Where a partition begins to be read: by what was committed, what the topic holds, and the setting.

Without a committed offset it is as `core.start` says, and known as an offset before anything is read,
so that it can be committed however long nothing comes.

Promise: no offset is ever reset unseen. What was deleted before it was read is told as `Missed`; a
position behind the end of the log, which only a topic made anew or cut can have, is fatal.
"""

import math
import time
from collections.abc import Callable, Collection, Mapping

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, OFFSET_INVALID, KafkaException, TopicPartition

from processor.core import offset_codec
from processor.core.start import Begin, Edge, Group, begin, policy_of, since
from processor.errors import FatalError
from processor.model import Missed, Partition, Position, SourceEvent, Troubled

ANSWER_SECONDS = 10.0
LOOK_SECONDS = 5.0
TRIES = 3
PAST_THE_END = (
    "ends below its committed offset: was it made anew, or cut? Set the group's offsets, then start again"
)
NO_OFFSET = "has no committed offset, and kafka.auto_offset_reset is `error`"
GONE = "no longer holds the records from its committed offset on, and kafka.auto_offset_reset is `error`"

_LOGICAL = {Edge.START: OFFSET_BEGINNING, Edge.END: OFFSET_END}

Committed = Mapping[Partition, Position]


class Beginnings:
    """Asks the client; to be called in its thread.

    `is_ours`: whether a topic is one to read; `setting`: `kafka.auto_offset_reset`; `since`: from when on
    the group reads, None: not known.
    """

    def __init__(
        self,
        client: confluent_kafka.Consumer,
        is_ours: Callable[[str], bool],
        setting: str,
        tell: Callable[[SourceEvent], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.since: float | None = None
        self._client = client
        self._policy = policy_of(setting)
        self._is_ours = is_ours
        self._tell = tell
        self._now = now
        self._there: Mapping[str, int] | None = None
        """How many partitions each topic had when we first looked."""

    def committed(self, assigned: list[TopicPartition]) -> dict[Partition, Position] | None:
        """What the group has committed; None: that cannot be learned now."""
        for _ in range(TRIES if assigned else 0):
            try:
                found = self._client.committed(assigned, timeout=ANSWER_SECONDS)
            except KafkaException as error:
                self._trouble(error, "committed offsets")
                continue
            return {partition_of(c): Position(c.offset, _metadata(c)) for c in found if c.offset >= 0}
        return None

    def of(self, partitions: Collection[Partition], committed: Committed | None) -> dict[Partition, int]:
        """Where they begin; what cannot be learned now is left to the library's own look-up."""
        self._look()
        if committed is None:
            return dict.fromkeys(partitions, OFFSET_INVALID)
        fresh = [partition for partition in partitions if partition not in committed]
        group = self._group(committed, is_whole=not fresh)
        begun = {p: committed[p].offset if p in committed else OFFSET_INVALID for p in partitions}
        return begun if group is None else begun | self._offsets(self._wanted(fresh, group))

    def instead_of(self, partition: Partition, offset: int | None) -> int:
        """Where to begin when the topic does not hold `offset`, or (None) when the group has none.

        Raises FatalError where that is for the operator to say.
        """
        if offset is None or offset < 0:
            group = self._group({}, is_whole=False)
            wanted = {} if group is None else self._wanted([partition], group)
            if wanted and wanted[partition] is None:
                raise FatalError(f"{partition} {NO_OFFSET}")
            return self._offsets(wanted).get(partition, OFFSET_INVALID)
        low, high = self._held(partition) or (offset, offset)
        if offset > high:
            raise FatalError(f"{partition} {PAST_THE_END}")
        if offset < low:
            if self._policy.word == "error":
                raise FatalError(f"{partition} {GONE}")
            self._tell(Missed(partition, offset, low))
        return max(offset, low)

    def _wanted(self, fresh: Collection[Partition], group: Group) -> dict[Partition, Begin]:
        return {p: begin(self._policy, group, is_new=self._is_new(p), now=self._now()) for p in fresh}

    def _look(self) -> None:
        if self._there is None and self._policy.word != "earliest":
            self._there = self._topics()

    def _is_new(self, partition: Partition) -> bool:
        """Whether it was not there when we first looked."""
        return self._there is not None and partition.number >= self._there.get(partition.topic, 0)

    def _group(self, committed: Committed, *, is_whole: bool) -> Group | None:
        """What its positions tell; `is_whole`: these will do. None: that cannot be learned now."""
        if self._policy.word == "earliest":
            return Group(bool(committed))
        ours: Collection[Partition] = ()
        known = self._known(committed)
        if not is_whole or not known:
            ours = self._ours()
            found = self.committed([TopicPartition(*partition) for partition in ours])
            if found is None:
                return None
            committed = {**found, **committed}
            known = self._known(committed)
        is_complete = bool(ours) and committed.keys() >= set(ours)
        group = Group(bool(committed), min(known, default=None), is_complete)
        self.since = since(self._policy, group, self._now())
        return group

    def _known(self, committed: Committed) -> list[float]:
        """From when on the group reads, as its positions say it, and as we know it."""
        marks = (offset_codec.read(*position).marks.since for position in committed.values())
        return [at for at in (self.since, *marks) if at is not None]

    def _ours(self) -> list[Partition]:
        """All partitions of the topics that the group reads."""
        topics = self._topics() or {}
        ours = {topic: count for topic, count in topics.items() if self._is_ours(topic)}
        return [Partition(topic, number) for topic, count in ours.items() for number in range(count)]

    def _topics(self) -> dict[str, int] | None:
        try:
            topics = self._client.list_topics(timeout=LOOK_SECONDS).topics
        except KafkaException as error:
            self._trouble(error, "topics")
            return None
        return {topic: len(found.partitions) for topic, found in topics.items()}

    def _offsets(self, wanted: Mapping[Partition, Begin]) -> dict[Partition, int]:
        """As offsets; the ends first, so that what comes meanwhile lies behind them."""
        behind = [p for p, at in wanted.items() if at is not None and at is not Edge.START]
        ends = self._at(dict.fromkeys(behind, Edge.END.value))
        found = self._at({p: _asked(at) for p, at in wanted.items() if at is not None and at is not Edge.END})
        offsets = {}
        for partition, at in wanted.items():
            logical = _LOGICAL[at] if isinstance(at, Edge) else OFFSET_INVALID
            offset = found.get(partition, logical)
            if at is Edge.END or (partition in found and offset < 0):
                offset = ends.get(partition, logical)
            offsets[partition] = offset
        return offsets

    def _at(self, asked: Mapping[Partition, int]) -> dict[Partition, int]:
        """The first offsets from these times on, in milliseconds; −1 where there is none."""
        if not asked:
            return {}
        places = [TopicPartition(*partition, at) for partition, at in asked.items()]
        try:
            found = self._client.offsets_for_times(places, timeout=LOOK_SECONDS)
        except KafkaException as error:
            self._trouble(error, "offsets by time")
            return {}
        return {partition_of(each): each.offset for each in found if each.error is None}

    def _held(self, partition: Partition) -> tuple[int, int] | None:
        """The first offset that the topic holds, and the one behind its last; None: not to be learned now."""
        try:
            return self._client.get_watermark_offsets(TopicPartition(*partition), timeout=ANSWER_SECONDS)
        except KafkaException as error:
            self._trouble(error, f"the ends of {partition}")
            return None

    def _trouble(self, error: KafkaException, what: str) -> None:
        self._tell(Troubled(error.args[0].name(), f"{what}: {error.args[0].str()}"))


def _asked(at: Edge | float) -> int:
    return at.value if isinstance(at, Edge) else max(0, math.ceil(at * 1000))


def partition_of(each: TopicPartition) -> Partition:
    """The partition that the library speaks of."""
    return Partition(each.topic, each.partition)


def _metadata(each: TopicPartition) -> str:
    """Empty where another client wrote it: without the NUL that this library expects, it reads too far."""
    try:
        return each.metadata or ""
    except UnicodeDecodeError:
        return ""

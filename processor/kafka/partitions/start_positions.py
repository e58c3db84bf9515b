"""Where a partition begins to be read: by what was committed, what the topic holds, and the setting.

Without a committed offset it is as `core.start` says, and known as an offset before anything is read,
so that it can be committed however long nothing comes.

Promises:
- no offset is ever reset unseen. What was deleted before it was read is told as `Missed`; a position
  behind the end of the log, which only a topic made anew or cut can have, is fatal, also where the log
  has grown beyond it by the time it is looked at;
- what cannot be learned is never taken for something else: it has no place until it is learned;
- a broker that does not answer costs a look-up `LOOK_SECONDS` and, where others lead partitions too,
  once more that for all of them; it hides nothing of what the others lead;
- all look-ups of one go take no longer than the `patience` they were given.
"""

import math
import time
from collections.abc import Callable, Collection, Mapping

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, TopicPartition

from processor.core.progress import offset_codec
from processor.core.progress.start import Begin, Edge, Group, begin, policy_of, since
from processor.errors import FatalError
from processor.kafka.partitions.patience import Patience
from processor.model import Missed, Partition, Position, SourceEvent, Troubled

ANSWER_SECONDS = 10.0
LOOK_SECONDS = 5.0
TRIES = 3
FIRST_SECONDS, AGAIN_SECONDS = 20.0, 5.0
"""What all look-ups of an assignment may take together, and those that are tried again later."""
PAST_THE_END = (
    "ended below its committed offset: was it made anew, or cut? What was written there since is not read: "
    "set the group's offsets, then start again"
)
FOREIGN = (
    "positions of the group were committed in another cluster, and copied: it is read on from them as they "
    "are, and what was finished beyond them is delivered again"
)
NO_OFFSET = "has no committed offset, and kafka.auto_offset_reset is `error`"
GONE = "no longer holds the records from its committed offset on, and kafka.auto_offset_reset is `error`"

_LOGICAL = {Edge.START: OFFSET_BEGINNING, Edge.END: OFFSET_END}

Committed = Mapping[Partition, Position | None]
"""None: the group has committed nothing of it."""


class StartPositions:
    """Asks the client; to be called in its thread.

    `is_ours`: whether a topic is one to read; `setting`: `kafka.auto_offset_reset`; `since`: from when on
    the group reads, None: not known. What cannot be learned is told once, until it can.
    """

    def __init__(
        self,
        client: confluent_kafka.Consumer,
        is_ours: Callable[[str], bool],
        setting: str,
        tell: Callable[[SourceEvent], None],
        now: Callable[[], float] = time.time,
        *,
        own_topics: Collection[str] = (),
        cluster: Callable[[float], bytes | None] = lambda _: None,
    ) -> None:
        """`own_topics` are those that we write.

        `cluster`: what marks positions of our cluster, if that is told in so many seconds.
        """
        self.since: float | None = None
        self._cluster = cluster
        self.patience = Patience(FIRST_SECONDS)
        self._client = client
        self._policy = policy_of(setting)
        self._is_ours = is_ours
        self._assigned: set[str] = set()
        """Topics that are ours whatever our reading of the patterns says: the library assigned them."""
        self._own_topics = own_topics
        self._troubles: set[str] = set()
        self._is_apart = False
        """Whether leaders are asked apart, as one of them once did not answer for all."""
        self._tell = tell
        self._now = now
        self._there: Mapping[str, int] | None = None
        """How many partitions each topic had when we first looked."""

    def take_time(self, *, is_again: bool) -> Patience:
        """Begin a go: what is asked from now on may take so long together."""
        self.patience = Patience(AGAIN_SECONDS if is_again else FIRST_SECONDS)
        return self.patience

    def committed(self, assigned: list[TopicPartition], tries: int = TRIES) -> Committed:
        """What the group has committed; those of which that cannot be learned now are left out."""
        for n in range(tries if assigned else 0):
            if n and self.patience.is_over:
                break
            try:
                found = self._client.committed(assigned, timeout=self.patience.at_most(ANSWER_SECONDS))
            except KafkaException as error:
                self._trouble(error.args[0], "committed offsets")
                continue
            self._troubles.discard("committed offsets")
            for each in found:
                if each.error is not None:
                    self._trouble(each.error, f"the committed offset of {partition_of(each)}")
            learned = [each for each in found if each.error is None]
            return {partition_of(c): self._position(c) if c.offset >= 0 else None for c in learned}
        return {}

    def _position(self, each: TopicPartition) -> Position:
        """Copied from another cluster the offset counts alone: what else is said, is said of that one."""
        metadata = _metadata(each)
        mark = offset_codec.read(each.offset, metadata).marks.cluster
        ours = self._cluster(self.patience.at_most(LOOK_SECONDS)) if mark else None
        if mark is None or ours in (None, mark):
            return Position(each.offset, metadata)
        if "cluster" not in self._troubles:
            self._troubles.add("cluster")
            self._tell(Troubled("foreign_cluster", FOREIGN))
        return Position(each.offset)

    def of(
        self, partitions: Collection[Partition], committed: Committed, *, is_asked: bool = False
    ) -> dict[Partition, int]:
        """Where they begin; those of which that cannot be learned now, or is for the operator, are left out.

        `is_asked`: raises FatalError where the operator has to say.
        """
        self._assigned.update(partition.topic for partition in partitions)
        self._look()
        learned = [partition for partition in partitions if partition in committed]
        if not learned:
            return {}
        begun = {p: at.offset for p in learned if (at := committed[p]) is not None}
        fresh = [partition for partition in learned if partition not in begun]
        group = self._group(committed, is_whole=not fresh)
        if group is None:
            return begun
        wanted = self._wanted(fresh, group)
        for partition in (p for p, at in wanted.items() if is_asked and at is None):
            raise FatalError(f"{partition} {NO_OFFSET}")
        return begun | self._offsets(wanted)

    def instead_of(self, partition: Partition, offset: int) -> int | None:
        """Where to begin when the topic does not hold `offset`; None: that cannot be learned now.

        Raises FatalError where that is for the operator to say.
        """
        held = self._held(partition)
        if held is None:
            return None
        low, _ = held
        if (
            offset >= low
        ):  # be it that it is held by now: it was not, so the log ended below and has grown anew
            raise FatalError(f"{partition} {PAST_THE_END}")
        if self._policy.word == "error":
            raise FatalError(f"{partition} {GONE}")
        self._tell(Missed(partition, offset, low))
        return low

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
        positions = {p: at for p, at in committed.items() if at is not None}
        if self._policy.word == "earliest":
            return Group(bool(positions))
        ours: Collection[Partition] = ()
        known = self._known(positions)
        if not is_whole or not known:
            topics = self._topics()
            if topics is None or not topics.keys() >= {partition.topic for partition in committed}:
                return None
            ours = self._ours(topics)
            found = self.committed([TopicPartition(*each) for each in ours if each not in committed], tries=1)
            if not {*found, *committed}.issuperset(ours):
                return None
            positions |= {p: at for p, at in found.items() if at is not None}
            known = self._known(positions)
        is_complete = bool(ours) and positions.keys() >= set(ours)
        group = Group(bool(positions), min(known, default=None), is_complete)
        self.since = since(self._policy, group, self._now())
        return group

    def _known(self, positions: Mapping[Partition, Position]) -> list[float]:
        """From when on the group reads, as its positions say it, and as we know it."""
        marks = (offset_codec.read(*position).marks.since for position in positions.values())
        return [at for at in (self.since, *marks) if at is not None]

    def _ours(self, topics: Mapping[str, int]) -> list[Partition]:
        """All partitions of the topics that the group reads; nothing of those that we write is committed."""
        ours = {t for t in topics if self._is_ours(t)} | (self._assigned & topics.keys())
        ours.difference_update(self._own_topics)
        return [Partition(topic, number) for topic in sorted(ours) for number in range(topics[topic])]

    def _topics(self) -> dict[str, int] | None:
        try:
            topics = self._client.list_topics(timeout=self.patience.at_most(LOOK_SECONDS)).topics
        except KafkaException as error:
            self._trouble(error.args[0], "topics")
            return None
        self._troubles.discard("topics")
        return {topic: len(found.partitions) for topic, found in topics.items()}

    def _offsets(self, wanted: Mapping[Partition, Begin]) -> dict[Partition, int]:
        """As offsets; the ends first, so that what comes meanwhile lies behind them.

        A logical end needs no look-up of ours; a time does, so what is not found has none.
        """
        behind = [p for p, at in wanted.items() if at is not None and at is not Edge.START]
        ends = self._at(dict.fromkeys(behind, Edge.END.value))
        later = {p: at for p, at in wanted.items() if p in ends or at is Edge.START}
        found = self._at({p: _asked(at) for p, at in later.items() if at is not None and at is not Edge.END})
        offsets = {}
        for partition, at in wanted.items():
            offset = found.get(partition)
            if at is Edge.END or (offset is not None and offset < 0):
                offset = ends.get(partition)
            if offset is None and isinstance(at, Edge):
                offset = _LOGICAL[at]
            if offset is not None:
                offsets[partition] = offset
        return offsets

    def _at(self, asked: Mapping[Partition, int]) -> dict[Partition, int]:
        """The first offsets from these times on, in milliseconds; −1 where there is none.

        One leader that does not answer costs the answers of all that are asked with it.
        """
        if not asked:
            return {}
        shares = self._shares(asked)
        found: dict[Partition, int] = {}
        is_answered = True
        each_takes = self.patience.at_most(LOOK_SECONDS) / len(shares)
        for share in shares:
            places = [TopicPartition(*partition, asked[partition]) for partition in share]
            try:
                answers = self._client.offsets_for_times(places, timeout=each_takes)
            except KafkaException as error:
                self._trouble(error.args[0], "offsets by time")
                is_answered = False
                continue
            found |= {partition_of(each): each.offset for each in answers if each.error is None}
        if is_answered:
            self._troubles.discard("offsets by time")
        elif not self._is_apart and len(asked) > 1:
            self._is_apart = True
            return self._at(asked)
        return found

    def _shares(self, asked: Collection[Partition]) -> list[list[Partition]]:
        """These by their leaders, once one of them did not answer."""
        leaders: dict[Partition, int] = {}
        if self._is_apart and len(asked) > 1:
            leaders = self._leaders_now()
        shares: dict[int | None, list[Partition]] = {}
        for partition in asked:
            shares.setdefault(leaders.get(partition), []).append(partition)
        return list(shares.values())

    def _leaders_now(self) -> dict[Partition, int]:
        try:
            topics = self._client.list_topics(timeout=self.patience.at_most(LOOK_SECONDS)).topics
        except KafkaException as error:
            self._trouble(error.args[0], "topics")
            return {}
        return {
            Partition(t, n): each.leader
            for t, found in topics.items()
            for n, each in found.partitions.items()
        }

    def _held(self, partition: Partition) -> tuple[int, int] | None:
        """The first offset that the topic holds, and the one behind its last; None: not to be learned now."""
        what = f"the ends of {partition}"
        try:
            held = self._client.get_watermark_offsets(
                TopicPartition(*partition), timeout=self.patience.at_most(LOOK_SECONDS)
            )
        except KafkaException as error:
            self._trouble(error.args[0], what)
            return None
        self._troubles.discard(what)
        return held

    def _trouble(self, error: KafkaError, what: str) -> None:
        if what not in self._troubles:
            self._troubles.add(what)
            self._tell(Troubled(error.name(), f"{what}: {error.str()}"))


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

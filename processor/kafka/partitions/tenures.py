"""The partitions that are ours, as the thread that owns the consumer knows them: one tenure each.

A tenure lasts from one assignment to its end; a partition that is assigned anew has another, with another
epoch. One look-up, by topic and number as the library's messages have them, finds all that is known.

Promises:
- nothing that comes of a partition counts but in `READ` and `UNHEARD`;
- a commit is of a tenure that is ours or being handed back, or it is not made;
- what went, or began anew, while messages were read is known as such until all of them are read.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from typing import Final

from processor.model import Commit, Partition


class State(Enum):
    """What is done with what comes of a partition."""

    UNHEARD = "unheard"
    """It is read, and nothing has come of it yet: with the first it is told how far its log goes."""
    READ = "read"
    """What comes is taken."""
    MIXED = "mixed"
    """It began while messages are read in which it may be an earlier tenure that speaks: nothing is taken
    until these are read, and then it is read anew from its start."""
    PARKED = "parked"
    """It is not known where it begins: it is paused, and that is asked again when it is `due`."""
    UNREAD = "unread"
    """It is ours, and never read."""
    LEAVING = "leaving"
    """It is asked back, and not released yet: nothing of it is read, and what is finished is committed."""
    GONE = "gone"
    """It is over, and forgotten once the messages are read that are being read."""


UNHEARD, READ, MIXED, PARKED = State.UNHEARD, State.READ, State.MIXED, State.PARKED
UNREAD, LEAVING, GONE = State.UNREAD, State.LEAVING, State.GONE

NEXT: Final[Mapping[State, frozenset[State]]] = {
    UNHEARD: frozenset((READ, PARKED, LEAVING, GONE)),
    READ: frozenset((PARKED, LEAVING, GONE)),
    MIXED: frozenset((UNHEARD, LEAVING, GONE)),
    PARKED: frozenset((UNHEARD, LEAVING, GONE)),
    UNREAD: frozenset((LEAVING, GONE)),
    LEAVING: frozenset((GONE,)),
    GONE: frozenset(),
}
"""What may follow: read on from elsewhere it is unheard again; begun anew it is over, and another begins."""
OURS: Final = frozenset((UNHEARD, READ, MIXED, PARKED))
"""What is read, or is to be as soon as it may."""
TAKEN: Final = frozenset((UNHEARD, READ))
_PASSING: Final = frozenset((MIXED, GONE))


class Tenure:
    """One of them. Its state changes by `Tenures.become` alone."""

    __slots__ = ("due", "epoch", "missing", "partition", "start", "state")

    def __init__(self, partition: Partition, epoch: int, start: int, state: State) -> None:
        self.partition = partition
        self.epoch = epoch
        self.state = state
        self.start = start
        """Where it begins, an offset of Kafka's or one of the library's logical ones; nothing lies below."""
        self.missing: int | None = None
        """Of what is parked: the offset that its topic does not hold; None: what the group has is unknown."""
        self.due = 0.0
        """Of what is parked: when to try again, in monotonic seconds."""


class Tenures:
    """All of them; for the thread alone."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, int], Tenure] = {}
        self._counts = dict.fromkeys(State, 0)
        self._upset: list[Tenure] = []
        """What went or began anew since messages were last read to the end."""
        self.find = self._all.get
        """By topic and number; None: nobody has told us of it."""

    def count(self, state: State) -> int:
        """How many are in this state."""
        return self._counts[state]

    def of(self, states: Collection[State]) -> list[Tenure]:
        """Those in one of these states."""
        return [tenure for tenure in self._all.values() if tenure.state in states]

    def ours(self) -> frozenset[Partition]:
        """The partitions that are read, or are to be as soon as they may."""
        return frozenset(tenure.partition for tenure in self.of(OURS))

    def are_current(self, commits: Mapping[Partition, Commit]) -> bool:
        """Whether each of these is for a tenure that is not over."""
        for partition, (epoch, _) in commits.items():
            tenure = self.find(partition)
            if tenure is None or tenure.epoch != epoch or tenure.state is GONE:
                return False
        return True

    def begin(self, partition: Partition, epoch: int, start: int, state: State) -> Tenure:
        """A new one; what there was of the partition is over.

        What would be read is mixed, where there was an earlier one in the messages that are being read.
        """
        if before := self.find(partition):
            self.become(before, GONE)
            state = MIXED if state is UNHEARD else state
        tenure = self._all[partition] = Tenure(partition, epoch, start, state)
        self._counts[state] += 1
        if state is MIXED:
            self._upset.append(tenure)
        return tenure

    def become(self, tenure: Tenure, state: State) -> None:
        """Its next state, which may be the one it is in."""
        before = tenure.state
        if state is before:
            return
        assert state in NEXT[before], f"{tenure.partition} is {before}, and cannot be {state}"
        tenure.state = state
        self._counts[before] -= 1
        self._counts[state] += 1
        if state is GONE:
            self._upset.append(tenure)

    def leave(self, partitions: Iterable[Partition]) -> None:
        self._all_become(partitions, OURS | {UNREAD}, LEAVING)

    def released(self, partitions: Iterable[Partition]) -> None:
        """These may go, if they are asked back."""
        self._all_become(partitions, {LEAVING}, GONE)

    def gone(self, partitions: Iterable[Partition]) -> None:
        """These are ours no longer."""
        self._all_become(partitions, set(State), GONE)

    def upset(self) -> frozenset[Partition]:
        """What went or began anew: what was read of these before tells of what is over."""
        return frozenset(tenure.partition for tenure in self._upset)

    def settled(self) -> list[Tenure]:
        """All messages are read: what is over is forgotten; returns what can be read from now on."""
        if not self._upset:
            return []
        upset, self._upset = dict.fromkeys(self._upset), []
        mixed = [tenure for tenure in upset if tenure.state is MIXED]
        for tenure in mixed:
            self.become(tenure, UNHEARD)
        for tenure in upset:
            if tenure.state is GONE:
                self._counts[GONE] -= 1
                if self.find(tenure.partition) is tenure:
                    del self._all[tenure.partition]
        return mixed

    def check(self) -> None:
        """What is counted is the sum of what is there, and nothing passing is forgotten."""
        over = {tenure: None for tenure in self._upset if self.find(tenure.partition) is not tenure}
        known = [*self._all.values(), *over]
        assert all(tenure.state is GONE for tenure in over)
        assert self._counts == {state: sum(t.state is state for t in known) for state in State}
        assert all(key == tenure.partition for key, tenure in self._all.items())
        assert {tenure for tenure in known if tenure.state in _PASSING} <= set(self._upset)

    def _all_become(self, partitions: Iterable[Partition], before: Collection[State], after: State) -> None:
        for partition in partitions:
            tenure = self.find(partition)
            if tenure is not None and tenure.state in before:
                self.become(tenure, after)

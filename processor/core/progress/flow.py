"""What happens next: assignments, lanes and commits meet here.

Facts come in as past participles, in the order in which they happened; questions come out. What is
known of a partition lives exactly as long as its assignment: a result that belongs to an earlier
one (`epoch`) is recognised here, and only here, and changes nothing.

Promises, with those of `lanes` and `offsets`:
- nothing of a revoked or lost partition is started;
- nothing of a released or lost partition is committed; a position goes out with its epoch;
- what is received and not finished stays below twice the limits of the policy, and what comes
  before a hold is carried out: above the limits `held()` names the partitions that have more than
  their share, above twice the limits all of them.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from processor.core.progress.assignment import Assignment, Hold, PartitionStatus
from processor.core.progress.lanes import Order
from processor.core.progress.metadata_room import MetadataRoom
from processor.core.progress.offset_codec import LIMIT, Marks
from processor.model import Assigned, Commit, Partition, Position, Record

PLENTY = 500
"""So many records that may start are enough to go on with: what is read later fills no caches meanwhile."""


@dataclass(frozen=True, slots=True)
class FlowPolicy:
    """What keeps its order, and how much may wait before intake is held."""

    order: Order = Order.KEY
    max_waiting_records: int = 10_000
    max_waiting_bytes: int = 64 * 1024 * 1024
    max_metadata_bytes: int = LIMIT
    plenty: int = PLENTY
    destination: str | None = None
    """Whose processes these are: marked beside what is committed."""


_CROWDS = frozenset((Hold.RECORDS, Hold.BYTES))


class Flow:
    """All partitions of this process, from assignment to release."""

    def __init__(self, policy: FlowPolicy) -> None:
        self._policy = policy
        self._assignments: dict[Partition, Assignment] = {}
        self._ready: deque[Record] = deque()
        self._records = self._bytes = 0
        self._held: dict[Partition, Hold] = {}
        self._look_again = self._is_full = self._was_over = self._has_plenty = False
        self._metadata = MetadataRoom(policy.max_metadata_bytes)

    # Facts

    def assigned(self, assigned: Assigned) -> None:
        """These partitions are ours, from their committed positions on."""
        self.released([partition for partition in assigned.positions if partition in self._assignments])
        for partition, position in assigned.positions.items():
            topic_id = assigned.topic_ids.get(partition.topic)
            marks = Marks(topic_id, self._policy.destination, assigned.since, assigned.cluster)
            self._assignments[partition] = Assignment(assigned.epoch, position, self._policy.order, marks)
            if position is None and (start := assigned.starts.get(partition, -1)) >= 0:
                self._assignments[partition].offsets.reached(start)

    def identified(self, topic_ids: Mapping[str, bytes | None]) -> None:
        """Topics have these ids, or are not there (None): then what does not move is not committed."""
        for partition, assignment in self._assignments.items():
            if partition.topic in topic_ids:
                assignment.identified(topic_ids[partition.topic])

    def bounded(self, ends: Mapping[Partition, int]) -> None:
        """The logs of these partitions end there."""
        for partition, end in ends.items():
            if assignment := self._assignments.get(partition):
                assignment.offsets.bounded(end)

    def received(self, records: Iterable[Record]) -> int:
        """Records were read; returns how many of them have still to be done."""
        before = self._records
        for record in records:
            assignment = self._assignment_of(record)
            if assignment is None or assignment.revoked:
                continue
            if not assignment.offsets.received(record.offset, record.timestamp):
                continue
            self._weigh(assignment, record, 1)
            if assignment.lanes.received(record):
                self._ready.append(record)
        self._look_again |= self._fullness() >= 1
        return self._records - before

    def reached(self, ends: Mapping[Partition, int]) -> None:
        """All records of these partitions below these offsets were received."""
        for partition, end in ends.items():
            if (assignment := self._assignments.get(partition)) and not assignment.revoked:
                assignment.offsets.reached(end)

    def finished(self, record: Record) -> bool:
        """`record` needs nothing more; False when it came too late and counts for nothing."""
        assignment = self._assignment_of(record)
        if assignment is None:
            return False
        self._look_again |= assignment.finished(record.offset)
        self._weigh(assignment, record, -1)
        following = assignment.lanes.finished(record)
        if following is not None and not assignment.revoked:
            self._ready.append(following)
        if self._is_full and assignment.hold is not None and self._is_small(assignment):
            self._look_again = True
        return True

    def abandoned(self, record: Record) -> None:
        """Work on `record` of a revoked partition was given up: it is not finished, and not running."""
        if assignment := self._assignment_of(record):
            del assignment.running[record.offset]

    def blocked(self, record: Record, why: Hold | None = Hold.DEAD_LETTER) -> None:
        """`record` cannot go on: its partition is held until it is finished, or (None) can go on again."""
        if assignment := self._assignment_of(record):
            assignment.block(record.offset, why)
            self._look_again = True

    def withheld(self, record: Record) -> None:
        """`record` waits until deliveries have paid for its dead letter."""
        if assignment := self._assignment_of(record):
            assignment.withheld.add(record.offset)

    def revoked(self, partitions: Collection[Partition]) -> None:
        """These partitions have to be handed back: nothing of them starts any more."""
        for partition in partitions:
            if assignment := self._assignments.get(partition):
                assignment.revoked = True
        self._drop_ready(partitions)

    def released(self, partitions: Collection[Partition]) -> None:
        """These partitions were handed back or lost: what still runs of them counts for nothing."""
        for partition in partitions:
            if assignment := self._assignments.pop(partition, None):
                self._records -= assignment.offsets.unfinished()
                self._bytes -= assignment.bytes
                self._look_again = True
        self._drop_ready(partitions)

    def committed(self, commits: Mapping[Partition, Commit]) -> None:
        for partition, (epoch, position) in commits.items():
            assignment = self._assignments.get(partition)
            if assignment and assignment.epoch == epoch:
                assignment.committed = position
                self._metadata.accepted(len(position.metadata))

    def refused_metadata(self, longest: int) -> int:
        """The broker refused a commit for its metadata, of which the longest was so long; the limit now."""
        return self._metadata.refused(longest)

    # Questions

    def start(self, limit: int) -> list[Record]:
        """Up to `limit` records that may start now; they run until `finished` or `abandoned`."""
        started: list[Record] = []
        while self._ready and len(started) < limit:
            record = self._ready.popleft()
            self._assignments[record.partition].running[record.offset] = record
            started.append(record)
        return started

    def look_further(self, share: float) -> None:
        """Leave a share of what may start for later; it is of different lanes, so that its order is free."""
        self._ready.rotate(-int(share * len(self._ready)))

    def running(self, partitions: Iterable[Partition]) -> list[Record]:
        """What was started of these partitions and is neither finished nor abandoned."""
        known = (self._assignments.get(partition) for partition in partitions)
        return list(chain.from_iterable(a.running.values() for a in known if a))

    def is_leaving(self, record: Record) -> bool:
        """Whether the partition of `record` is to be handed back, or gone: nothing more is begun for it."""
        assignment = self._assignment_of(record)
        return assignment is None or assignment.revoked

    def idle(self, partitions: Iterable[Partition]) -> bool:
        """Whether nothing of these partitions runs."""
        known = (self._assignments.get(partition) for partition in partitions)
        return not any(a.running for a in known if a)

    def assignment(self) -> frozenset[Partition]:
        """The partitions that are ours, those to be handed back included."""
        return frozenset(self._assignments)

    def commits(
        self, partitions: Collection[Partition] | None = None, *, unmoved: bool = False
    ) -> dict[Partition, Commit]:
        """The positions that moved since the last acknowledged commit; of all partitions, or of these.

        `unmoved`: also the others.
        """
        asked = {}
        for partition, assignment in self._assignments.items():
            if partitions is not None and partition not in partitions:
                continue
            position = self._position(assignment)
            is_wanted = position != assignment.committed or (unmoved and not assignment.is_away)
            if position is not None and is_wanted:
                asked[partition] = Commit(assignment.epoch, position)
        return asked

    def shortened(self, commits: Mapping[Partition, Commit]) -> dict[Partition, Commit]:
        """Those whose metadata may be too long for the broker, with as much as it has taken before."""
        room = self._metadata.accepted_bytes
        long = {p: self._assignments[p] for p, at in commits.items() if len(at.position.metadata) > room}
        return {p: Commit(a.epoch, at[0]) for p, a in long.items() if (at := a.offsets.commit(room))}

    def held(self) -> Mapping[Partition, Hold]:
        """The partitions of which no more is to be taken for now, and why."""
        if self._look_again or (self._is_full and self._is_eased()):
            self._look_again = False
            for assignment in self._assignments.values():
                assignment.hold = self._hold(assignment)
            self._held = {p: a.hold for p, a in self._assignments.items() if a.hold}
            self._was_over = self._fullness() >= 1.5
            self._is_full = not _CROWDS.isdisjoint(self._held.values())
        return self._held

    def has_plenty(self) -> bool:
        """Whether so much may start that nothing more need be read for now; until half of it has."""
        enough = self._policy.plenty
        self._has_plenty = len(self._ready) >= (enough // 2 if self._has_plenty else enough)
        return self._has_plenty

    def marks(self) -> Mapping[Partition, Marks]:
        """What was marked beside the positions with which our partitions began, whoever committed them.

        A `destination` that is not ours means that two destinations share the group by mistake.
        """
        return {partition: assignment.found for partition, assignment in self._assignments.items()}

    def waiting(self) -> tuple[int, int]:
        """How many records were received and are not finished, and their bytes."""
        return self._records, self._bytes

    def standings(self) -> Iterator[tuple[Partition, PartitionStatus]]:
        return ((partition, assignment.standing()) for partition, assignment in self._assignments.items())

    def check(self) -> None:
        """What is counted is the sum of its parts, and all that waits for nothing may start."""
        assignments = self._assignments.values()
        assert self._records == sum(a.offsets.unfinished() for a in assignments)
        assert self._bytes == sum(a.bytes for a in assignments)
        kept = [a for a in assignments if not a.revoked]
        started_or_behind = sum(len(a.running) + a.lanes.behind() for a in kept)
        assert len(self._ready) + started_or_behind == sum(a.offsets.unfinished() for a in kept)
        assert all(a.blocked.keys() | a.withheld <= a.running.keys() for a in kept)

    # How they are answered

    def _assignment_of(self, record: Record) -> Assignment | None:
        """The fence: None when `record` belongs to an assignment that is over."""
        assignment = self._assignments.get(record.partition)
        return assignment if assignment and assignment.epoch == record.epoch else None

    def _position(self, assignment: Assignment) -> Position | None:
        limit = self._metadata.limit
        commit = assignment.offsets.commit(limit)
        if commit is None:
            return None
        position, whole = commit
        self._look_again |= assignment.crowds(len(position.metadata) if whole else None, limit)
        return position

    def _hold(self, assignment: Assignment) -> Hold | None:
        if assignment.blocked:
            return next(iter(assignment.blocked.values()))
        if assignment.crowded:
            return Hold.METADATA
        if assignment.hold in _CROWDS:
            return None if self._relieved(assignment) else assignment.hold
        share, fullness = self._share(assignment), self._fullness()
        if fullness < 1 or (fullness < 2 and share < 1 / len(self._assignments)):
            return None
        policy = self._policy
        by_records = self._records / policy.max_waiting_records >= self._bytes / policy.max_waiting_bytes
        return Hold.RECORDS if by_records else Hold.BYTES

    def _relieved(self, assignment: Assignment) -> bool:
        """Well below the high water: a pause throws away what was fetched already, so they should be few."""
        fullness = self._fullness()
        return fullness <= 0.5 or (fullness < 1.5 and self._is_small(assignment))

    def _is_small(self, assignment: Assignment) -> bool:
        return self._share(assignment) <= 0.5 / len(self._assignments)

    def _is_eased(self) -> bool:
        """Whether so much less waits, all told, that holds may end."""
        fullness = self._fullness()
        return fullness <= 0.5 or (self._was_over and fullness < 1.5)

    def _fullness(self) -> float:
        policy = self._policy
        return max(self._records / policy.max_waiting_records, self._bytes / policy.max_waiting_bytes)

    def _share(self, assignment: Assignment) -> float:
        policy = self._policy
        records = assignment.offsets.unfinished() / policy.max_waiting_records
        return max(records, assignment.bytes / policy.max_waiting_bytes)

    def _weigh(self, assignment: Assignment, record: Record, sign: int) -> None:
        weight = sign * record.weight()
        assignment.bytes += weight
        self._bytes += weight
        self._records += sign

    def _drop_ready(self, partitions: Collection[Partition]) -> None:
        self._ready = deque(record for record in self._ready if record.partition not in partitions)

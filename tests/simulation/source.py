"""The consumer of one process, as `processor.kafka.poll_thread` is: one thread, one stream of events.

What the thread learns from the group comes out of a poll, as the library does it: so nothing is
learned, commit answers included, while it waits for a release, for a busy loop, or with a hold. In a
rest it polls, for little, while it waits for the answer to a commit.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import partial
from random import Random
from typing import Protocol

from processor.core.progress.offset_codec import read
from processor.core.progress.topic_identity import TopicIdentities
from processor.kafka.partitions.pauses import PATIENCE_SECONDS
from processor.kafka.poll_thread import AHEAD
from processor.model import (
    Assigned,
    Commit,
    Identified,
    Lost,
    MadeAnew,
    Partition,
    Position,
    Received,
    Record,
    Revoked,
    SourceEvent,
)
from tests.simulation.clock import Call, Gate
from tests.simulation.group import LONGEST_SYNC, NO_GENERATION, Errors, Group, Member, Positions
from tests.simulation.topic import Item, Log

FENCES = True
"""Whether the thread refuses commits that were asked for in an assignment which is over by now."""


Commits = Mapping[Partition, Commit]


class Watcher(Protocol):
    """Who wants to know what the pipeline is told and says."""

    def told(self, event: SourceEvent, fetched: Positions) -> None:
        """The pipeline is about to take an event; `fetched` is what was committed in truth."""
        ...

    def took(self, event: SourceEvent) -> None:
        """The pipeline has taken it."""
        ...

    def asked(self, commits: Commits) -> None:
        """The pipeline commits."""
        ...

    def acknowledged(self, errors: Errors) -> None:
        """The pipeline is about to be told what came of it."""
        ...

    def let_go(self, partitions: Collection[Partition]) -> None:
        """The pipeline releases revoked partitions."""
        ...


class Source:
    """One client of the group."""

    def __init__(
        self,
        name: str,
        group: Group,
        logs: dict[Partition, Log],
        loop: Gate,
        thread: Gate,
        random: Random,
        watcher: Watcher,
        *,
        max_wait: float,
        batch: int,
        damage: Callable[[Position], Position | None],
    ) -> None:
        self._name = name
        self._group = group
        self._logs = logs
        self._loop = loop
        self._thread = thread
        self._random = random
        self._watcher = watcher
        self._max_wait = max_wait
        self._batch = batch
        self._damage = damage
        self._memberships = 0
        self._epoch = 0
        self._generation = NO_GENERATION
        self._epochs: dict[Partition, int] = {}
        self._cursors: dict[Partition, int] = {}
        self._leaving: dict[Partition, int] = {}
        self._ends_told: dict[Partition, int] = {}
        self._unheard: set[Partition] = set()
        self._identities = TopicIdentities()
        self._commands: deque[Call] = deque()
        self._ops: deque[Call] = deque()
        self._inbox: deque[Call] = deque()
        self._ahead = 0
        self._wanted: frozenset[Partition] = frozenset()
        self._paused: frozenset[Partition] = frozenset()
        self._impatient_at: float | None = None
        self._restless_at = 0.0
        self._unanswered = 0
        self._waiting_for: set[Partition] = set()
        self._callback_ends: float | None = None
        self._after_callback: Call = _nothing
        self._round_is_due = False
        self._must_rejoin = False
        self._join_is_under_way = False
        self._awaits_sync = False
        self._left: Call | None = None
        self._is_closed = False
        self.member = self._new_member()

    # From the loop

    def open(self, sink: Callable[[SourceEvent], None]) -> None:
        """Join; events come to `sink`."""
        self._sink = sink
        self._thread.call_soon(self._join)

    def hold(self, partitions: Collection[Partition], *, at_once: bool) -> None:
        """Take nothing from these."""
        wanted = frozenset(partitions)
        self._command(partial(self._want, wanted))

    def rest(self, resting: bool) -> None:
        """Take nothing for a while."""
        self._command(partial(self._rest, resting))

    def commit(self, commits: Commits, done: Callable[[Errors], None]) -> None:
        """Commit."""
        self._watcher.asked(commits)
        self._command(partial(self._commit, commits, done))

    def released(self, partitions: Collection[Partition]) -> None:
        """These may go."""
        self._watcher.let_go(partitions)
        self._command(partial(self._waiting_for.difference_update, partitions))

    def identify(self) -> None:
        """Ask which topics these are."""
        self._command(self._ask_ids)

    def close(self, left: Call) -> None:
        """Hand everything back and leave the group; then `left` is called."""
        self._left = left
        self._wake()

    def appended(self, partition: Partition) -> None:
        """There are new records."""
        if partition in self._cursors:
            self._wake(self._random.uniform(0.001, 0.02))

    # The thread

    def _command(self, command: Call) -> None:
        self._commands.append(command)
        self._wake()

    def _wake(self, after: float = 0.0) -> None:
        if not self._round_is_due:
            self._round_is_due = True
            self._thread.call_later(after, self._go_round)

    def _go_round(self) -> None:
        self._round_is_due = False
        while self._commands:
            self._commands.popleft()()
        if self._callback_ends is not None:
            if self._waiting_for and self._thread.time() < self._callback_ends:
                return
            self._end_callback()
        if self._left is not None and not self._is_closed:
            self._close()
        elif self._ahead < AHEAD and not self._is_patient() and (most := self._most()):
            self._poll(most)

    def _most(self) -> int:
        """How many records may be read now: few in a rest, and none without need."""
        if self._thread.time() >= self._restless_at:
            return self._batch
        return 1 if self._unanswered else 0

    def _poll(self, most: int) -> None:
        while self._ops and self._callback_ends is None:
            self._ops.popleft()()
        if self._callback_ends is None and not self._is_closed:
            self._rejoin_if_asked()
            self._read(most)

    def _read(self, most: int) -> None:
        records: list[Record] = []
        ends: dict[Partition, int] = {}
        room = self._random.randint(1, most)
        if any(at > self._logs[partition].end for partition, at in self._cursors.items()):
            self._identified(self._ids())
        for partition in self._cursors:
            if partition not in self._paused:
                self._read_of(partition, room - len(records), records, ends)
        if records or ends:
            self._ahead += 1
            heard = self._unheard & ({record.partition for record in records} | ends.keys())
            self._unheard -= heard
            bounds = {partition: self._logs[partition].end for partition in heard}
            self._tell(Received(records, ends, bounds=bounds))
            self._wake(0.001)

    def _read_of(
        self, partition: Partition, room: int, records: list[Record], ends: dict[Partition, int]
    ) -> None:
        log, at = self._logs[partition], self._cursors[partition]
        first = log.index(at)
        items = log.items[first : first + max(0, room)]
        records.extend(_record(item, self._epochs[partition]) for item in items)
        if first + len(items) < len(log.items):
            self._cursors[partition] = items[-1].offset + 1 if items else at
            return
        self._cursors[partition] = log.end
        if self._ends_told.get(partition) != log.end:
            self._ends_told[partition] = ends[partition] = log.end

    # Identities

    def _ids(self) -> dict[str, bytes]:
        return {partition.topic: log.topic_id for partition, log in self._logs.items()}

    def _ask_ids(self) -> None:
        self._identified(self._ids())

    def _identified(self, told: dict[str, bytes]) -> None:
        if self._waiting_for:
            return
        self._tell(Identified(told))
        anew = self._identities.learned(list(self._cursors), told, self._loop.time())
        if anew:
            self._epoch += 1
            for partition in anew:
                self._epochs[partition] = self._epoch
                self._cursors[partition] = self._logs[partition].start
                self._ends_told.pop(partition, None)
                self._wanted -= {partition}
                self._paused -= {partition}
            self._unheard |= anew
            self._tell(MadeAnew(anew))
            self._tell(Assigned(self._epoch, dict.fromkeys(anew), told))
            self._wake(0.001)

    # Membership

    def _new_member(self) -> Member:
        self._memberships += 1
        return Member(f"{self._name}/{self._memberships}", self)

    def _join(self) -> None:
        self._must_rejoin = False
        self._join_is_under_way = True
        self._group.send(self.member, partial(self._joins, self.member, list(self._cursors)))

    def _joins(self, member: Member, claims: list[Partition]) -> None:
        """The request arrives."""
        if member is self.member:
            self._join_is_under_way, self._awaits_sync = False, True
        self._group.join(member, claims)

    def must_rejoin(self) -> None:
        """A rebalance has begun."""
        self._thread.call_soon(self._hear_of_rebalance)

    def _hear_of_rebalance(self) -> None:
        """Who waits for an answer hears of none: what it holds now is not what it will hold after that."""
        if self._join_is_under_way:
            return
        if self._awaits_sync:
            self._awaits_sync = False
            self._thread.call_later(LONGEST_SYNC, self._hear_of_rebalance)
            return
        self._must_rejoin |= self._group.asks(self.member)
        self._rejoin_if_asked()

    def _rejoin_if_asked(self) -> None:
        if self._must_rejoin and self._callback_ends is None and not self._ops and self._left is None:
            self._join()

    def synced(self, member: Member, generation: int, partitions: list[Partition]) -> None:
        """An assignment."""
        self._thread.call_soon(partial(self._hear_of_sync, member, generation, partitions))

    def _hear_of_sync(self, member: Member, generation: int, partitions: list[Partition]) -> None:
        if member is self.member:
            self._generation, self._awaits_sync = generation, False
            self._op(partial(self._on_synced, member, partitions))

    def unknown(self, member: Member) -> None:
        """The group has forgotten us."""
        self._thread.call_soon(partial(self._op, partial(self._on_lost, member)))

    def _op(self, op: Call) -> None:
        self._ops.append(op)
        self._wake()

    def _on_synced(self, member: Member, partitions: list[Partition]) -> None:
        if member is not self.member:
            return
        revoked = [p for p in self._cursors if p not in partitions]
        added = [p for p in partitions if p not in self._cursors]
        if revoked:
            self._revoke(revoked, partial(self._assign_and_rejoin, member, added))
        else:
            self._assign(added)

    def _assign_and_rejoin(self, member: Member, added: list[Partition]) -> None:
        if member is self.member:
            if added:
                self._assign(added)
            self._must_rejoin = True

    def _assign(self, added: list[Partition]) -> None:
        self._epoch += 1
        known = {p: self._group.committed[p] for p in added if p in self._group.committed}
        told = self._ids()
        marked = {p: read(*known[p]).marks.topic_id if p in known else None for p in added}
        anew = self._identities.begun(marked, told)
        if anew:
            self._tell(MadeAnew(anew))
        fetched = {p: at for p, at in known.items() if p not in anew}
        for partition in added:
            self._epochs[partition] = self._epoch
            self._cursors[partition] = (
                fetched[partition].offset if partition in fetched else self._logs[partition].start
            )
            self._ends_told.pop(partition, None)
        self._unheard.update(added)
        seen = {p: self._damage(fetched[p]) if p in fetched else None for p in added}
        self._tell(Assigned(self._epoch, seen, told), fetched)
        self._wake(self._random.uniform(0.001, 0.05))

    def _on_lost(self, member: Member) -> None:
        if member is not self.member:
            return
        self.member = self._new_member()
        self.member.is_reachable = member.is_reachable
        self._join_is_under_way = self._awaits_sync = False
        self._group.cut(member)
        self._generation = NO_GENERATION
        if self._cursors:
            self._tell(Lost(self._drop(list(self._cursors))))
        self._must_rejoin = True

    def _revoke(self, revoked: list[Partition], after: Call) -> None:
        self._waiting_for = set(revoked)
        self._leaving = {partition: self._epochs[partition] for partition in revoked}
        self._after_callback = after
        self._callback_ends = self._thread.time() + self._max_wait
        self._thread.call_later(self._max_wait, self._wake)
        self._tell(Revoked(self._drop(revoked)))

    def _end_callback(self) -> None:
        self._callback_ends = None
        self._waiting_for.clear()
        self._after_callback()

    def _drop(self, gone: list[Partition]) -> frozenset[Partition]:
        for partition in gone:
            del self._cursors[partition], self._epochs[partition]
        self._unheard -= set(gone)
        self._identities.forgotten(gone)
        self._wanted -= frozenset(gone)
        self._paused -= frozenset(gone)
        return frozenset(gone)

    def _close(self) -> None:
        self._is_closed = True
        if self._cursors:
            self._revoke(list(self._cursors), self._leave)
            self._wake()
        else:
            self._leave()

    def _leave(self) -> None:
        self._group.send(self.member, partial(self._group.leave, self.member))
        if self._left is not None:
            self._thread.call_later(0.01, self._left)

    # Commands

    def _epoch_of(self, partition: Partition) -> int | None:
        """Of what is ours, and of what is being handed back."""
        leaving = self._leaving.get(partition) if partition in self._waiting_for else None
        return self._epochs.get(partition, leaving)

    def _commit(self, commits: Commits, done: Callable[[Errors], None]) -> None:
        member, generation = self.member, self._generation
        if FENCES and any(self._epoch_of(p) != epoch for p, (epoch, _) in commits.items()):
            self._tell_answer(done, dict.fromkeys(commits, "_STATE"))
            return
        positions = {partition: commit.position for partition, commit in commits.items()}
        self._unanswered += 1
        answered = partial(self._answered, done)
        self._group.send(member, partial(self._group.commit, member, generation, positions, answered))

    def _answered(self, done: Callable[[Errors], None], errors: Errors) -> None:
        self._thread.call_soon(partial(self._op, partial(self._hear_answer, done, errors)))

    def _hear_answer(self, done: Callable[[Errors], None], errors: Errors) -> None:
        self._unanswered -= 1
        self._tell_answer(done, errors)

    def _want(self, partitions: frozenset[Partition]) -> None:
        self._wanted = frozenset(p for p in partitions if p in self._cursors)
        self._paused &= self._wanted

    def _rest(self, resting: bool) -> None:
        self._restless_at = self._thread.time() + PATIENCE_SECONDS if resting else 0.0
        if resting:
            self._thread.call_later(PATIENCE_SECONDS, self._wake)

    def _is_patient(self) -> bool:
        added = self._wanted - self._paused
        now = self._thread.time()
        if not added:
            self._impatient_at = None
            return False
        if self._impatient_at is None:
            self._impatient_at = now + PATIENCE_SECONDS
            self._thread.call_later(PATIENCE_SECONDS, self._wake)
        if now < self._impatient_at:
            return True
        self._paused |= added
        return False

    # To the loop

    def _tell(self, event: SourceEvent, fetched: Positions | None = None) -> None:
        self._post(partial(self._hand_over, event, fetched or {}))

    def _tell_answer(self, done: Callable[[Errors], None], errors: Errors) -> None:
        self._post(partial(self._hand_answer, done, errors))

    def _post(self, call: Call) -> None:
        self._inbox.append(call)
        self._loop.call_soon(self._take_one)

    def _take_one(self) -> None:
        self._inbox.popleft()()

    def _hand_over(self, event: SourceEvent, fetched: Positions) -> None:
        self._watcher.told(event, fetched)
        self._sink(event)
        self._watcher.took(event)
        if isinstance(event, Received):
            self._command(self._took)

    def _hand_answer(self, done: Callable[[Errors], None], errors: Errors) -> None:
        self._watcher.acknowledged(errors)
        done(errors)

    def _took(self) -> None:
        self._ahead -= 1


def _record(item: Item, epoch: int) -> Record:
    return Record(item.partition, item.offset, item.key, item.value, (), item.produced_at, epoch)


def _nothing() -> None:
    """Nothing follows."""

"""The consumer group at its coordinator: members, generations, rebalances and committed positions.

As Kafka does, it accepts a commit from any member of the current generation for any partition, and
any position, lower ones too, and judges each partition by itself; as the client library does, it tells
one partition's error for all of a request. Rebalances are cooperative: who has too much keeps the rest,
gives the surplus back, joins again, and only then somebody else gets it.
"""

from collections.abc import Callable, Collection, Mapping
from enum import Enum
from functools import partial
from random import Random
from typing import Protocol

from processor.model import Partition, Position
from tests.simulation.clock import Call, World

HEARTBEAT = 3.0
FOREVER = 1e9
NO_GENERATION = -1
LONGEST_SYNC = 0.05
"""Seconds in which an assignment reaches its member."""

Positions = Mapping[Partition, Position]
Errors = Mapping[Partition, str | None]


class Trouble(Enum):
    """What is wrong with the coordinator."""

    NONE = "none"
    REFUSES = "refuses"
    LOSES_REQUESTS = "loses requests"
    LOSES_ANSWERS = "loses answers"
    SLOW = "slow"
    HALVES = "halves"
    """Of every commit some partitions are refused."""


REFUSALS = ("NOT_COORDINATOR", "COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE")


class Phase(Enum):
    """How far a rebalance has come."""

    PREPARING = 1
    COMPLETING = 2
    STABLE = 3


class Contact(Protocol):
    """The client behind a member."""

    def must_rejoin(self) -> None:
        """A rebalance has begun."""
        ...

    def synced(self, member: "Member", generation: int, partitions: list[Partition]) -> None:
        """What the member owns from now on."""
        ...

    def unknown(self, member: "Member") -> None:
        """The group has forgotten the member."""
        ...


class Member:
    """One membership, from a join to a leave or an expiry."""

    def __init__(self, name: str, contact: Contact) -> None:
        self.name = name
        self.contact = contact
        self.claims: list[Partition] = []
        self.has_joined = False
        self.is_known = False
        self.is_reachable = True
        self.heard_at = 0.0
        self.line_free_at = 0.0
        self.kept: list[Call] = []


class Watcher(Protocol):
    """Who wants to know of applied commits."""

    def committed(self, member: str, positions: Positions, before: Positions) -> None:
        """The broker has these now, and had those."""
        ...

    def note(self, who: str, what: str, detail: object = "") -> None:
        """For the timeline."""
        ...


class Group:
    """The coordinator of one group."""

    def __init__(
        self, world: World, random: Random, partitions: list[Partition], session: float, watcher: Watcher
    ) -> None:
        self._world = world
        self._random = random
        self._partitions = partitions
        self._session = session
        self._watcher = watcher
        self._phase = Phase.STABLE
        self._unrest: set[Partition] = set()
        self.generation = 0
        self.members: list[Member] = []
        self.owners: dict[Partition, Member] = {}
        self.committed: dict[Partition, Position] = {}
        self.trouble = Trouble.NONE
        self.refused: dict[str, str] = {}
        """Topics of which no commit is taken, and what is said."""
        self.metadata_limit = FOREVER
        self.settled_at = 0.0

    # Requests

    def send(self, member: Member, request: Call) -> None:
        """Requests of a member arrive in order; what it sends while cut off arrives when it is back."""
        if not member.is_reachable:
            member.kept.append(request)
            return
        now = self._world.now
        at = max(now + self._latency(), member.line_free_at + 1e-6)
        member.line_free_at = at
        self._world.call_later(at - now, request)

    def join(self, member: Member, claims: list[Partition]) -> None:
        """A member joins, or joins again, and says what it owns."""
        member.heard_at = self._world.now
        if member not in self.members:
            if member.is_known:
                self._forgotten(member)
                return
            member.is_known = True
            self.members.append(member)
            if not member.is_reachable:
                self._expire_later(member)
        if self._phase is not Phase.PREPARING:
            self._prepare()
        member.claims = claims
        member.has_joined = True
        self._complete_if_all_joined()

    def leave(self, member: Member) -> None:
        """A member goes."""
        if member in self.members:
            self._remove(member)

    def commit(
        self,
        member: Member,
        generation: int,
        positions: Positions,
        answered: Callable[[Errors], None],
    ) -> None:
        """A commit arrives."""
        lost = self.trouble is Trouble.LOSES_REQUESTS and self._random.random() < 0.7
        if not lost:
            judged = self._judged(member, generation, positions)
            accepted = {p: at for p, at in positions.items() if judged[p] is None}
            errors = dict.fromkeys(judged, next(filter(None, judged.values()), None))
            if accepted:
                member.heard_at = self._world.now
                self._apply(member, accepted)
            if not (self.trouble is Trouble.LOSES_ANSWERS and self._random.random() < 0.7):
                self._world.call_later(self._latency(), partial(answered, errors))
                return
        if self._random.random() < 0.6:
            late = dict.fromkeys(positions, "_TIMED_OUT")
            self._world.call_later(self._random.uniform(5, 60), partial(answered, late))

    def _judged(self, member: Member, generation: int, positions: Positions) -> dict[Partition, str | None]:
        error = self._refusal(member, generation)
        errors: dict[Partition, str | None] = dict.fromkeys(positions, error)
        if error is None and self.trouble is Trouble.HALVES:
            return {p: "UNKNOWN_SERVER_ERROR" if self._random.random() < 0.5 else None for p in errors}
        return {p: self._refusal_of(p, at) for p, at in positions.items()} if error is None else errors

    def _refusal_of(self, partition: Partition, position: Position) -> str | None:
        too_long = len(position.metadata) > self.metadata_limit
        return self.refused.get(partition.topic) or ("OFFSET_METADATA_TOO_LARGE" if too_long else None)

    def made_anew(self, partitions: Collection[Partition]) -> None:
        """The topic of these was deleted: their positions are dropped."""
        for partition in partitions:
            self.committed.pop(partition, None)

    def _refusal(self, member: Member, generation: int) -> str | None:
        if self.trouble is Trouble.REFUSES:
            return self._random.choice(REFUSALS)
        if generation == NO_GENERATION and not self.members:
            return None
        if member not in self.members:
            return "UNKNOWN_MEMBER_ID"
        if generation != self.generation:
            return "ILLEGAL_GENERATION"
        return "REBALANCE_IN_PROGRESS" if self._phase is Phase.COMPLETING else None

    def _apply(self, member: Member, positions: Positions) -> None:
        before = {p: self.committed[p] for p in positions if p in self.committed}
        self.committed.update(positions)
        self._watcher.committed(member.name, positions, before)

    def _latency(self) -> float:
        if self.trouble is Trouble.SLOW:
            return self._random.uniform(0.5, 20)
        return self._random.uniform(0.001, 0.05)

    # Being there

    def cut(self, member: Member) -> None:
        """Nothing is heard of a member from now on; its last heartbeat is a while ago."""
        member.is_reachable = False
        last = self._world.now - self._random.uniform(0, min(HEARTBEAT, self._session / 3))
        member.heard_at = max(member.heard_at, last)
        self._expire_later(member)

    def heal(self, member: Member) -> None:
        """The member is heard again."""
        member.is_reachable = True
        member.heard_at = self._world.now
        kept, member.kept = member.kept, []
        for request in kept:
            self.send(member, request)
        if member in self.members:
            self._tell_to_rejoin(member)
        elif member.is_known:
            self._forgotten(member)

    def _expire_later(self, member: Member) -> None:
        left = member.heard_at + self._session - self._world.now
        self._world.call_later(max(0.0, left), partial(self._expire, member))

    def _expire(self, member: Member) -> None:
        if member.is_reachable or member not in self.members:
            return
        if member.heard_at + self._session > self._world.now + 1e-6:
            self._expire_later(member)
            return
        self._watcher.note("group", "expires", member.name)
        self._remove(member)

    # Rebalances

    def disturb(self, partition: Partition) -> None:
        """A rebalance in which this partition leaves its owner."""
        self._unrest.add(partition)
        if self._phase is not Phase.PREPARING and self.members:
            self._prepare()

    def _remove(self, member: Member) -> None:
        self.members.remove(member)
        self.owners = {p: owner for p, owner in self.owners.items() if owner is not member}
        if not self.members:
            self._phase = Phase.STABLE
        elif self._phase is Phase.PREPARING:
            self._complete_if_all_joined()
        else:
            self._prepare()

    def _prepare(self) -> None:
        self._phase = Phase.PREPARING
        for member in self.members:
            member.has_joined = False
            self._tell_to_rejoin(member)

    def _tell_to_rejoin(self, member: Member) -> None:
        self._tell(member, partial(self._rebalance_goes_on, member))

    def _rebalance_goes_on(self, member: Member) -> None:
        if self.asks(member) and member.is_reachable:
            member.contact.must_rejoin()

    def asks(self, member: Member) -> bool:
        """Whether a rebalance waits for this member to join."""
        return self._phase is Phase.PREPARING and not member.has_joined

    def _forgotten(self, member: Member) -> None:
        self._tell(member, partial(member.contact.unknown, member))

    def _tell(self, member: Member, what: Call) -> None:
        """By the answer to its next heartbeat."""
        if member.is_reachable:
            self._world.call_later(self._random.uniform(0, min(HEARTBEAT, self._session / 3)), what)

    def _complete_if_all_joined(self) -> None:
        if not all(member.has_joined for member in self.members):
            return
        self.generation += 1
        self.settled_at = self._world.now + 1.0
        self._phase = Phase.COMPLETING
        assigned = self._shared_out()
        self._watcher.note("group", "generation", self.generation)
        self._world.call_later(
            self._random.uniform(0.001, 0.2), partial(self._sync, self.generation, assigned)
        )

    def _sync(self, generation: int, assigned: list[tuple[Member, list[Partition]]]) -> None:
        if generation != self.generation or self._phase is not Phase.COMPLETING:
            return
        self._phase = Phase.STABLE
        for member, partitions in assigned:
            told = partial(member.contact.synced, member, generation, partitions)
            self._world.call_later(self._random.uniform(0.001, LONGEST_SYNC), told)

    def _shared_out(self) -> list[tuple[Member, list[Partition]]]:
        most = -(-len(self._partitions) // len(self.members))
        owned = {p for p in self._partitions if p in self.owners and p in self.owners[p].claims}
        shares = [
            (m, [p for p in self._partitions if p in owned and self.owners[p] is m and p not in self._unrest])
            for m in self.members
        ]
        for _, share in shares:
            del share[most:]
        for partition in self._partitions:
            if partition not in owned:
                member, share = min(shares, key=lambda each: (len(each[1]), self._random.random()))
                share.append(partition)
                self.owners[partition] = member
        self._unrest.clear()
        return shares

"""How we stand in the group: whether we are a member, which topics cannot be read, what was lost.

Promises:
- a membership that is not proven is told: by `fault`, and as a fact once it lasts;
- another destination that commits in our group is told;
- how partitions stood that were taken for lost is kept until we are given others, so that what waits in
  them is still shown while nobody can ask.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from processor.core.group.denied import Denied
from processor.core.group.membership import Membership
from processor.core.progress import offset_codec
from processor.core.progress.assignment import PartitionStatus
from processor.core.progress.flow import Flow
from processor.model import Assigned, Lost, MemberState, Partition, Position, SourceEvent
from processor.telemetry.facts import Facts

TICK_SECONDS = 1.0
ASK_SECONDS = 5.0
TOLD_AFTER_SECONDS = 10.0
"""A group comes to rest within seconds, after a start and after each change."""

PROTOCOL_MAY_BE_OFF = "is the protocol `consumer` switched on (group.version 1)? `classic` works everywhere"


class Inquiring(Protocol):
    """Who asks the brokers; it may take seconds."""

    async def missing(self, topics: Collection[str]) -> Collection[str] | None:
        """Which of these topics are not there, or may not be seen; None: not told."""

    async def doubt_of_protocol(self) -> str | None:
        """Why our group protocol may not be had."""


class Group:
    """Hears the source, and asks where the source says nothing."""

    def __init__(
        self,
        flow: Flow,
        inquiry: Inquiring,
        facts: Facts,
        now: Callable[[], float],
        is_leased: Callable[[], bool],
        *,
        destination: str,
        is_classic: bool,
    ) -> None:
        self._flow = flow
        self._inquiry = inquiry
        self._facts = facts
        self._now = now
        self._is_leased = is_leased
        self._is_classic = is_classic
        self._own = destination
        self._membership = Membership()
        self._denied = Denied()
        self._doubt: str | None = "" if is_classic else None
        self._has_been_member = False
        self._lost: dict[Partition, PartitionStatus] = {}
        self._faulty_since: float | None = None
        self._has_told = False

    def take(self, event: SourceEvent) -> None:
        """Something came from the source; to be told before it changes the flow."""
        self._membership.heard(event, self._now())
        self._denied.heard(event)
        match event:
            case MemberState(is_settled=True):
                self._has_been_member = True
            case Assigned(_, positions):
                self._has_been_member = True
                self._lost.clear()
                self._look_for_others(positions.values())
            case Lost(partitions):
                self._lost.update((p, s) for p, s in self._flow.standings() if p in partitions)
            case _:
                pass

    def fault(self) -> str | None:
        """Why our membership is not proven; None: it is.

        Partitions that may not be read cannot be committed either: they prove nothing, nor disprove.
        """
        topics = self._denied.topics
        has_partitions = any(partition.topic not in topics for partition in self._flow.assignment())
        return self._membership.fault(self._now(), has_partitions=has_partitions, is_leased=self._is_leased())

    def topics_fault(self) -> str | None:
        """Which topics cannot be read, and why; None: none of them."""
        return self._denied.fault()

    def lost(self) -> Mapping[Partition, PartitionStatus]:
        """How the partitions stood that were lost, until we are given others."""
        return self._lost

    def _look_for_others(self, positions: Iterable[Position | None]) -> None:
        named = (offset_codec.read(*position).marks.destination for position in positions if position)
        for name, partitions in Counter(name for name in named if name not in (None, self._own)).items():
            self._facts.foreign(str(name), partitions)

    async def watch(self) -> None:
        """Ask and tell, for ever."""
        both = [asyncio.create_task(work) for work in (self._ask(), self._keep_telling())]
        try:
            await asyncio.gather(*both)
        finally:
            for one in both:
                one.cancel()

    async def _keep_telling(self) -> None:
        while True:
            self._tell()
            await asyncio.sleep(TICK_SECONDS)

    async def _ask(self) -> None:
        while True:
            if self._doubt is None:
                self._doubt = await self._inquiry.doubt_of_protocol()
                self._membership.hint = self._doubt or ""
            if doubted := set(self._denied.topics):
                missing = await self._inquiry.missing(doubted)
                ours = {partition.topic for partition in self._flow.assignment()}
                self._denied.seen(doubted.difference(missing) if missing is not None else (), ours)
            await asyncio.sleep(ASK_SECONDS)

    def _tell(self) -> None:
        fault, now = self.fault(), self._now()
        if fault is None:
            if self._has_told:
                self._facts.membership_proven()
            self._faulty_since, self._has_told = None, False
            return
        self._faulty_since = now if self._faulty_since is None else self._faulty_since
        lasts = now - self._faulty_since >= TOLD_AFTER_SECONDS
        if lasts and self._doubt == "" and not self._is_classic and not self._has_been_member:
            self._membership.hint = PROTOCOL_MAY_BE_OFF
        if not self._has_told and (lasts or self._membership.hint):
            self._has_told = True
            self._facts.membership_unproven(self.fault() or "")

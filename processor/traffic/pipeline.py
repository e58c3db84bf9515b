"""Facts from the source, through Flow, to those that start records; letting go of partitions; the end.

It passes facts on in the order in which they come and decides nothing: what may start, be
committed or be held is Flow's answer, who leaves next Dispatch's, what becomes of a record Delivery's.

Promises:
- one commit is under way at a time, at most one a `commit_interval`, but for the last one of a
  revoked partition, which is sent before the partition is released;
- a revoked partition is released when nothing of it runs, at the latest after `drain_timeout`;
- nothing leaves once our membership in the group is no longer proven: a process that was stopped for
  long does nothing for partitions that others have by now;
- when a stop is over nothing runs and everything finished is committed, or the time is up.

No task, no thread: what happens next is decided in callbacks on the event loop.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import NamedTuple, Protocol

from processor.clock import Clock, Timer
from processor.core.progress.flow import Flow
from processor.core.progress.lease import LeasePolicy
from processor.model import (
    Assigned,
    Identified,
    Lost,
    MadeAnew,
    Missed,
    Partition,
    Received,
    Revoked,
    SourceEvent,
    Stopped,
    Troubled,
)
from processor.telemetry.facts import Facts
from processor.traffic.backpressure import Backpressure, Holding
from processor.traffic.commits import Commits, Committing
from processor.traffic.dispatch import Dispatch

LAST_COMMIT_SECONDS = 5.0


class Source(Committing, Holding, Protocol):
    """Where records come from; its events come to `Pipeline.take`."""

    def released(self, partitions: Collection[Partition]) -> None:
        """These revoked partitions may go."""
        ...


@dataclass(frozen=True, slots=True)
class PipelinePolicy:
    """Seconds between commits, and seconds that running work gets when it has to end."""

    commit_interval: float = 1.0
    drain_timeout: float = 25.0
    lease: LeasePolicy = field(default_factory=LeasePolicy)


class _Phase(Enum):
    """How far a stop has come."""

    RUNNING = 1
    DRAINING = 2
    COMMITTING = 3
    STOPPED = 4


_RUNNING = _Phase.RUNNING


class _Leaving(NamedTuple):
    """Revoked partitions that are not released yet, and the end of their time."""

    partitions: set[Partition]
    """But for those that are ours again: whoever reads them waits for no release."""
    deadline: Timer


class Pipeline:
    """The traffic of one process."""

    def __init__(
        self,
        policy: PipelinePolicy,
        flow: Flow,
        source: Source,
        dispatch: Callable[[Callable[[], None]], Dispatch],
        clock: Clock,
        facts: Facts,
        failed: Callable[[str], None],
    ) -> None:
        """`dispatch` starts records, given whom to tell when all that may leave has left."""
        self._policy = policy
        self._flow = flow
        self._source = source
        self.dispatch = dispatch(self._pumped)
        self._clock = clock
        self._facts = facts
        self._failed = failed
        self._commits = Commits(
            policy.lease,
            flow,
            source,
            clock,
            facts,
            leased=self.dispatch.leased,
            answered=self._committed,
        )
        self._leaving: list[_Leaving] = []
        self._intake = Backpressure(flow, source)
        self._phase = _Phase.RUNNING

    def start(self) -> None:
        """Begin to commit; records start as they come."""
        self._commits.start()
        self._clock.call_later(self._policy.commit_interval, self._tick)

    def stop(self, stopped: Callable[[], None]) -> None:
        """Start nothing more, let finish what runs, commit, then call `stopped`.

        That takes `drain_timeout` and LAST_COMMIT_SECONDS at the most.
        """
        self._phase = _Phase.DRAINING
        self._stopped = stopped
        everything = self._flow.assignment()
        self._clock.call_later(self._policy.drain_timeout, partial(self.dispatch.give_up, everything))
        self.dispatch.close()
        self._wind_up(everything)

    # Facts from the source

    def take(self, event: SourceEvent) -> None:
        """Something happened at the source."""
        match event:
            case Received():
                self._received(event)
            case Assigned():
                self._assigned(event)
            case Revoked(partitions):
                self._revoked(partitions)
            case Lost(partitions):
                self._lost(partitions)
            case Identified(topic_ids):
                self._flow.identified(topic_ids)
            case MadeAnew(partitions):
                self._facts.made_anew(partitions)
                self._forget(partitions)
            case _:
                self._heard(event)
        self.dispatch.pump_soon()

    def _heard(self, event: SourceEvent) -> None:
        match event:
            case Missed(partition, first, end):
                self._facts.missed(partition, first, end)
            case Troubled(error, message, topic):
                self._facts.troubled(error, message, topic)
            case Stopped(error):
                self._failed(error)

    def _assigned(self, assigned: Assigned) -> None:
        self._intake.forgotten()
        self._facts.rebalanced("assigned", assigned.positions)
        self.dispatch.give_up(assigned.positions)  # of an earlier assignment, which counts no more
        for leaving in self._leaving:
            leaving.partitions.difference_update(assigned.positions)
        self._flow.assigned(assigned)
        self._commits.positions_known()

    def _received(self, received: Received) -> None:
        records = received.records
        self._facts.consumed(Counter([record.partition.topic for record in records]))
        if received.headless:
            self._facts.headless(received.headless)
        self._flow.bounded(received.bounds)
        self._flow.received(records)
        self._flow.reached(received.ends)
        self._commits.positions_known()

    def _revoked(self, partitions: frozenset[Partition]) -> None:
        self._facts.rebalanced("revoked", partitions)
        self._intake.forgotten()
        self._wind_up(partitions)
        leaving = set(partitions)
        time_is_up = partial(self.dispatch.give_up, leaving)
        deadline = self._clock.call_later(self._policy.drain_timeout, time_is_up)
        self._leaving.append(_Leaving(leaving, deadline))

    def _lost(self, partitions: frozenset[Partition]) -> None:
        self._facts.rebalanced("lost", partitions)
        self._commits.lost()
        self._forget(partitions)

    def _forget(self, partitions: frozenset[Partition]) -> None:
        """What is known and runs of these counts no longer, from now on."""
        self._intake.forgotten()
        self._flow.revoked(partitions)
        self.dispatch.give_up(partitions)
        self._flow.released(partitions)

    def _pumped(self) -> None:
        """All that may leave has left; what has become idle meanwhile may go."""
        if self._leaving or self._phase is not _RUNNING:
            self._release_idle()
        self._intake.adjust(open_=self._phase is _RUNNING)

    # Letting go

    def _wind_up(self, partitions: Collection[Partition]) -> None:
        """Start nothing more, and give up what would only wait."""
        self._flow.revoked(partitions)
        self.dispatch.forget(partitions)
        self.dispatch.pump_soon()

    def _release_idle(self) -> None:
        for leaving in [each for each in self._leaving if self._flow.idle(each.partitions)]:
            self._leaving.remove(leaving)
            leaving.deadline.cancel()
            self._commits.ask_last(leaving.partitions)
            self._flow.released(leaving.partitions)
            self._source.released(leaving.partitions)
        if self._phase is _Phase.DRAINING and self._flow.idle(self._flow.assignment()):
            self._phase = _Phase.COMMITTING
            self._clock.call_later(LAST_COMMIT_SECONDS, self._end)
            self._commit_last()

    def _tick(self) -> None:
        if self._phase is not _Phase.STOPPED:
            self._clock.call_later(self._policy.commit_interval, self._tick)
            self._commits.tick()
            self.dispatch.pump_soon()

    def _committed(self, all_went_well: bool) -> None:
        self.dispatch.pump_soon()
        if self._phase is _Phase.COMMITTING and all_went_well:
            self._commit_last()

    # The end

    def _commit_last(self) -> None:
        """One more commit after the one under way; one that fails is tried again by the clock."""
        if not self._commits.under_way:
            self._commits.ask()
        if not self._commits.under_way:
            self._end()

    def _end(self) -> None:
        if self._phase is not _Phase.STOPPED:
            self._phase = _Phase.STOPPED
            self._stopped()

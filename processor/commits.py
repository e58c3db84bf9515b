"""Positions on their way to the broker, and what its answers prove.

Promises:
- one commit is under way at a time, but for the last one of a revoked partition;
- while nothing moves the same positions are committed again, so that our membership stays proven
  (and a position that somebody set back is set right);
- what the broker does not acknowledge is committed again.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Protocol

from processor.clock import Clock
from processor.core.flow import Flow
from processor.core.lease import Lease, LeasePolicy, is_disproof, is_proof
from processor.model import Partition, Position
from processor.telemetry import Telemetry

ANSWER_SECONDS = 30.0
"""After so long without an answer the next commit is sent; an older one may still arrive behind it."""

Errors = Mapping[Partition, str | None]


class Committing(Protocol):
    """Who sends them."""

    def commit(self, positions: Mapping[Partition, Position], done: Callable[[Errors], None]) -> None:
        """Call `done` once, with None or an error for each partition."""
        ...


class Commits:
    """The commits of this process.

    `leased` is told until when our partitions are ours; `answered`, whether all went well.
    """

    def __init__(
        self,
        policy: LeasePolicy,
        flow: Flow,
        source: Committing,
        clock: Clock,
        telemetry: Telemetry,
        *,
        leased: Callable[[float], None],
        answered: Callable[[bool], None],
    ) -> None:
        self._lease = Lease(policy)
        self._flow = flow
        self._source = source
        self._clock = clock
        self._telemetry = telemetry
        self._leased = leased
        self._answered = answered
        self._sent_at: float | None = None

    @property
    def under_way(self) -> bool:
        """Whether a commit was sent and is not answered."""
        return self._sent_at is not None

    def start(self) -> None:
        """Nothing may leave before there is a proof."""
        self._leased(self._lease.until())

    def positions_known(self) -> None:
        """There may be something to commit that was not known before; without a proof it is needed now."""
        if self._sent_at is None and self._lease.until() <= self._clock.time():
            self.ask(unmoved=True)

    def lost(self) -> None:
        """We are no member any more: nothing is proven, and the answer under way is about what was."""
        self._sent_at = None
        self._lease.disproved()
        self._leased(self._lease.until())

    def tick(self) -> None:
        """Some time has passed."""
        now = self._clock.time()
        if self._sent_at is not None:
            if now - self._sent_at < ANSWER_SECONDS:
                return
            self._telemetry.commit_unanswered(now - self._sent_at)
        self.ask(unmoved=self._lease.is_due(now))

    def ask(self, *, unmoved: bool = False) -> None:
        """Commit what moved; with `unmoved` the rest as well."""
        if positions := self._flow.commits(unmoved=unmoved):
            self._sent_at = now = self._clock.time()
            self._source.commit(positions, partial(self._came_back, now))

    def ask_last(self, partitions: Collection[Partition]) -> None:
        """Commit what moved of partitions that are about to go, whatever is under way."""
        if positions := self._flow.commits(partitions):
            self._source.commit(positions, self._telemetry.committed)

    def _came_back(self, sent_at: float, errors: Errors) -> None:
        is_latest = sent_at == self._sent_at
        if is_latest:
            self._sent_at = None
            self._flow.committed([partition for partition, error in errors.items() if error is None])
        self._telemetry.committed(errors)
        if is_proof(errors.values()):
            self._lease.proved(sent_at)
        elif is_disproof(errors.values()):
            self._lease.disproved()
        self._leased(self._lease.until())
        if is_latest:
            self._answered(not any(errors.values()))

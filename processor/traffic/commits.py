"""Positions on their way to the broker, and what its answers prove.

Promises:
- one commit is under way at a time, but for the last ones of a revoked partition;
- while nothing moves the same positions are committed again, so that our membership stays proven
  (and a position that somebody set back is set right);
- what the broker does not acknowledge is committed again: at once where it refused the metadata
  (shorter, in the end without) or one partition for all; else with the next tick;
- the last commit of a revoked partition, whose answer nobody waits for, does not hang on how much
  metadata the broker takes: where that is not known, one that fits what it took before goes ahead.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Protocol

from processor.clock import Clock
from processor.core.progress.commit_requests import CommitRequests, Request
from processor.core.progress.flow import Flow
from processor.core.progress.lease import METADATA_REFUSED, Lease, LeasePolicy, is_disproof, is_proof
from processor.model import Commit, Partition
from processor.telemetry.facts import Facts

ANSWER_SECONDS = 30.0
"""After so long without an answer the next commit is sent; an older one may still arrive behind it."""

Errors = Mapping[Partition, str | None]
Asked = Mapping[Partition, Commit]


class Committing(Protocol):
    """Who sends them."""

    def commit(self, commits: Asked, done: Callable[[Errors], None]) -> None:
        """Commit what belongs to assignments that are not over; call `done` once, with None or an error
        for each partition."""
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
        facts: Facts,
        *,
        leased: Callable[[float], None],
        answered: Callable[[bool], None],
    ) -> None:
        self._lease = Lease(policy)
        self._flow = flow
        self._source = source
        self._clock = clock
        self._facts = facts
        self._leased = leased
        self._answered = answered
        self._requests = CommitRequests()
        self._waiting: deque[Request] = deque()
        """What is to be sent behind the one under way."""
        self._sent_at: float | None = None
        self._all_went_well = True

    @property
    def under_way(self) -> bool:
        """Whether a commit was sent and is not answered."""
        return self._sent_at is not None

    def start(self) -> None:
        """Nothing may leave before there is a proof."""
        self._leased(self._lease.until())

    def positions_known(self) -> None:
        """There may be something to commit that was not known before; without a proof it is needed now.

        What was refused since is left to the next tick: else every read would bring another refusal.
        """
        is_unproven = self._lease.until() <= self._clock.time()
        if self._sent_at is None and is_unproven and self._all_went_well:
            self.ask(unmoved=True)

    def lost(self) -> None:
        """We are no member any more: nothing is proven, and the answer under way is about what was."""
        self._sent_at = None
        self._waiting.clear()
        self._all_went_well = True
        self._lease.disproved()
        self._leased(self._lease.until())

    def tick(self) -> None:
        now = self._clock.time()
        if self._sent_at is not None:
            if now - self._sent_at < ANSWER_SECONDS:
                return
            self._facts.commit_unanswered(now - self._sent_at)
        self.ask(unmoved=self._lease.is_due(now))

    def ask(self, *, unmoved: bool = False) -> None:
        """Commit what moved; with `unmoved` the rest as well."""
        self._all_went_well = True
        if commits := self._flow.commits(unmoved=unmoved):
            first, *rest = self._requests.divided(commits)
            self._waiting = deque(rest)
            self._send({partition: commits[partition] for partition in first})

    def ask_last(self, partitions: Collection[Partition]) -> None:
        """Commit what moved of partitions that are about to go, whatever is under way."""
        if commits := self._flow.commits(partitions):
            if proven := self._flow.shortened(commits):
                self._source.commit(proven, self._facts.committed)
            self._source.commit(commits, partial(self._last_came_back, commits))
        self._requests.forgotten(partitions)

    def _send(self, commits: Asked) -> None:
        self._sent_at = now = self._clock.time()
        self._source.commit(commits, partial(self._came_back, now, commits))

    def _send_next(self) -> None:
        """The next request with what is ours of it by now, as far as it has come; or the round is over."""
        while self._waiting:
            if commits := self._flow.commits(frozenset(self._waiting.popleft()), unmoved=True):
                self._send(commits)
                return
        self._answered(self._all_went_well)

    def _came_back(self, sent_at: float, commits: Asked, errors: Errors) -> None:
        if is_proof(errors.values()):
            self._lease.proved(sent_at)
        elif is_disproof(errors.values()):
            self._lease.disproved()
        self._leased(self._lease.until())
        again = self._once_more(commits, errors)
        if not again:
            self._facts.committed(errors)
        if sent_at != self._sent_at:
            return
        self._sent_at = None
        self._flow.committed({p: commits[p] for p, error in errors.items() if error is None})
        self._waiting.extend(again)
        self._all_went_well &= bool(again) or not any(errors.values())
        self._send_next()

    def _once_more(self, commits: Asked, errors: Errors) -> list[Request]:
        """What has to be sent again at once, because this answer is not the last word on it."""
        if METADATA_REFUSED in errors.values():
            return [list(commits)] if self._learn(commits) else []
        return self._requests.answered(errors, self._clock.time())

    def _learn(self, commits: Asked) -> bool:
        """The broker does not take so much metadata; whether less is left to be tried."""
        longest = max(len(commit.position.metadata) for commit in commits.values())
        if longest:
            self._facts.metadata_refused(longest, self._flow.refused_metadata(longest))
        return longest > 0

    def _last_came_back(self, commits: Asked, errors: Errors) -> None:
        self._facts.committed(errors)
        if METADATA_REFUSED in errors.values():
            self._learn(commits)

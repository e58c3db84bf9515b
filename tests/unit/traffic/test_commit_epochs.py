"""Commits on their way between the loop and the thread, which do not hear of rebalances at the same time.

The loop is Flow and Commits, the thread is Committer; what goes from one to the other may take long, and
only its order is sure. The client stands for the broker, which takes whatever a member sends.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import cast

import confluent_kafka
from confluent_kafka import TopicPartition
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from processor.core.progress.flow import Flow, FlowPolicy
from processor.core.progress.lease import LeasePolicy
from processor.kafka.partitions.committer import Committer, Errors
from processor.kafka.partitions.start_positions import partition_of
from processor.kafka.partitions.tenures import UNHEARD, Tenures
from processor.model import Assigned, Commit, Partition, Position
from processor.telemetry.metrics import ProcessMetrics
from processor.traffic.commits import Commits
from tests.support.builders import FIRST, SECOND, record
from tests.support.examples import examples
from tests.support.fakes import VirtualClock

BOTH = (FIRST, SECOND)
CALM = 5
"""Steps between an assignment and the next upheaval."""
Call = Callable[[], object]


class Ours:
    """A partition as the thread has it: where it began, what is read of it, and what the loop finished."""

    def __init__(self, epoch: int, begins: int) -> None:
        self.epoch = epoch
        self.begins = self.next = self.committed = begins
        self.finished: set[int] = set()

    def reached(self) -> int:
        """All below is finished."""
        at = self.begins
        while at in self.finished:
            at += 1
        return at


class CommitMachine(RuleBasedStateMachine):
    """Rebalances, reads, results, commits and answers in any order in which they can come."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch = self.steps_in_calm = 0
        self.positions: dict[Partition, Position] = {}
        self.ours: dict[Partition, Ours] = {}
        self.all: dict[tuple[Partition, int], Ours] = {}
        self.leaving: set[Partition] = set()
        self.asked: deque[Call] = deque()
        self.told: deque[Call] = deque()
        self.unanswered: deque[list[TopicPartition]] = deque()
        self.clock = VirtualClock()
        self.flow = Flow(FlowPolicy())
        self.commits = Commits(
            LeasePolicy(),
            self.flow,
            self,
            self.clock,
            ProcessMetrics("test"),
            leased=lambda _: None,
            answered=lambda _: None,
        )
        self.tenures = Tenures()
        self.committer = Committer(self.tenures, self._tell, lambda _: None)
        self.client = cast(confluent_kafka.Consumer, Client(self))
        self.commits.start()

    def is_calm(self) -> bool:
        """Whether there may be something to upset."""
        return self.steps_in_calm >= CALM

    @invariant()
    def a_step_was_made(self) -> None:
        self.steps_in_calm += 1
        self.tenures.check()

    # From one to the other

    def commit(self, commits: Mapping[Partition, Commit], done: Callable[[Errors], None]) -> None:
        """The loop asks."""
        self.asked.append(partial(self.committer.commit, self.client, commits, done))

    def _tell(self, done: Callable[[Errors], None], errors: Errors) -> None:
        self.told.append(partial(done, errors))

    @precondition(lambda self: self.asked)
    @rule()
    def the_thread_obeys(self) -> None:
        self.asked.popleft()()

    @precondition(lambda self: self.told)
    @rule(most=st.integers(1, 4))
    def the_loop_hears(self, most: int) -> None:
        for _ in range(min(most, len(self.told))):
            self.told.popleft()()
            self.flow.check()

    # The thread

    @precondition(lambda self: not self.leaving and (self.is_calm() or not self.ours))
    @rule(partitions=st.sets(st.sampled_from(BOTH), min_size=1))
    def is_assigned(self, partitions: set[Partition]) -> None:
        """Also what is ours already, as where a topic was made anew."""
        self.epoch += 1
        self.steps_in_calm = 0
        positions = {partition: self.positions.get(partition) for partition in sorted(partitions)}
        for partition, position in positions.items():
            ours = Ours(self.epoch, position.offset if position else 0)
            self.ours[partition] = self.all[partition, self.epoch] = ours
            self.tenures.begin(partition, self.epoch, ours.begins, UNHEARD)
        self.tenures.settled()
        self.told.append(partial(self.flow.assigned, Assigned(self.epoch, positions)))

    @precondition(lambda self: self.ours and not self.leaving and self.is_calm())
    @rule()
    def loses_all(self) -> None:
        lost = frozenset(self.ours)
        self.ours.clear()
        self.tenures.gone(lost)
        self.told.append(partial(self._hears_of_loss, lost))

    @precondition(lambda self: self.ours and not self.leaving and self.is_calm())
    @rule(data=st.data())
    def is_asked_for(self, data: st.DataObject) -> None:
        """The thread waits until they are released, or has waited long enough."""
        self.leaving = data.draw(st.sets(st.sampled_from(sorted(self.ours)), min_size=1))
        self.tenures.leave(self.leaving)
        self.told.append(partial(self._hears_of_revocation, frozenset(self.leaving)))

    @precondition(lambda self: self.leaving)
    @rule()
    def has_waited_long_enough(self) -> None:
        self.tenures.gone(self.leaving)
        self._goes(self.leaving)

    def _goes(self, partitions: Collection[Partition]) -> None:
        gone = self.leaving.intersection(partitions)
        self.tenures.released(partitions)
        self.leaving -= gone
        for partition in gone:
            del self.ours[partition]

    @precondition(lambda self: self.ours.keys() - self.leaving)
    @rule(data=st.data(), count=st.integers(1, 3))
    def reads(self, data: st.DataObject, count: int) -> None:
        partition = data.draw(st.sampled_from(sorted(self.ours.keys() - self.leaving)))
        ours = self.ours[partition]
        offsets = range(ours.next, ours.next + count)
        ours.next += count
        read = [record(offset, None, partition=partition, epoch=ours.epoch) for offset in offsets]
        self.told.append(partial(self.flow.received, read))

    @precondition(lambda self: self.unanswered)
    @rule(error=st.sampled_from([None, None, "REBALANCE_IN_PROGRESS"]))
    def is_answered(self, error: str | None) -> None:
        places = self.unanswered.popleft()
        code = confluent_kafka.KafkaError.REBALANCE_IN_PROGRESS
        self.committer.answered(confluent_kafka.KafkaError(code) if error else None, places)

    # The loop

    def _hears_of_loss(self, lost: frozenset[Partition]) -> None:
        self.commits.lost()
        self.flow.released(lost)

    def _hears_of_revocation(self, revoked: frozenset[Partition]) -> None:
        """Some of what runs is finished, the rest is given up."""
        self.flow.revoked(revoked)
        for one in self.flow.running(revoked):
            self.flow.abandoned(one)
        self.commits.ask_last(revoked)
        self.flow.released(revoked)
        self.asked.append(partial(self._goes, revoked))

    @rule(share=st.sampled_from([1, 2]))
    def finishes(self, share: int) -> None:
        self.flow.start(100)
        for one in self.flow.running(BOTH)[::share]:
            assert self.flow.finished(one)
            self.all[one.partition, one.epoch].finished.add(one.offset)

    @rule(seconds=st.sampled_from([1.0, 1.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.commits.tick()

    # The broker

    def takes(self, places: list[TopicPartition]) -> None:
        """Whatever is sent; it has to be of the assignment that the thread has."""
        for place in places:
            ours = self.ours.get(partition_of(place))
            assert ours is not None, f"{place} is committed, and not ours"
            assert ours.committed <= place.offset, f"{place} goes back from {ours.committed}"
            assert place.offset <= ours.reached(), f"{place} is of another assignment"
            ours.committed = place.offset
            self.positions[partition_of(place)] = Position(place.offset, place.metadata or "")
        self.unanswered.append(places)

    def teardown(self) -> None:
        """Once all is heard and obeyed, everything that was finished is committed."""
        self._goes(self.leaving)
        for _ in range(3):
            while self.asked or self.told or self.unanswered:
                for queue in (self.asked, self.told):
                    while queue:
                        queue.popleft()()
                while self.unanswered:
                    self.committer.answered(None, self.unanswered.popleft())
            self.finishes(1)
            self.time_passes(31.0)
        for ours in self.ours.values():
            assert ours.committed == ours.reached() == ours.next
        super().teardown()


class Client:
    """What the library commits."""

    def __init__(self, machine: CommitMachine) -> None:
        self._machine = machine

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        """Answered later."""
        assert asynchronous
        self._machine.takes(offsets)


def test_nothing_of_an_assignment_that_is_over_is_committed_and_no_position_goes_back() -> None:
    run_state_machine_as_test(
        CommitMachine, settings=settings(max_examples=examples(200), stateful_step_count=40)
    )

"""Nothing is committed that is not settled, no key is in two places, and what waits stays bounded.

The examples say what each fact and question means; `FlowMachine` tries every order of them against
a broker and a model made of plain sets.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from processor.core.progress.assignment import Hold, PartitionStatus
from processor.core.progress.flow import Flow, FlowPolicy
from processor.core.progress.lanes import Order
from processor.core.progress.offset_codec import NO_MARKS, Marks, Span, decode, encode, read
from processor.model import RECORD_OVERHEAD_BYTES, Assigned, Commit, Partition, Position, Record
from tests.support.builders import FIRST, SECOND, THIRD, assigned, record, records
from tests.support.examples import examples

FOURTH = Partition("others", 0)
ALL = (FIRST, SECOND, THIRD)
BOTH = (FIRST, SECOND)


def flow_with(*partitions: Partition, policy: FlowPolicy | None = None, epoch: int = 1) -> Flow:
    flow = Flow(policy or FlowPolicy())
    flow.assigned(assigned(*partitions, epoch=epoch))
    return flow


def running_flow(*received: Record, policy: FlowPolicy | None = None) -> Flow:
    """A flow in which all that may start of these records has started."""
    flow = flow_with(*{record.partition for record in received}, policy=policy)
    flow.received(received)
    flow.start(len(received))
    return flow


def places(of: Iterable[Record]) -> list[tuple[Partition, int]]:
    return sorted((one.partition, one.offset) for one in of)


def positions(
    flow: Flow, of: Collection[Partition] | None = None, *, unmoved: bool = False
) -> dict[Partition, Position]:
    """What is to be committed, whatever its epoch."""
    return {partition: commit.position for partition, commit in flow.commits(of, unmoved=unmoved).items()}


def finish_all(flow: Flow) -> None:
    """Start and finish whatever may start, to the end."""
    while started := flow.start(100):
        for one in started:
            flow.finished(one)


# What may start


def test_where_a_partition_begins_is_committed_however_long_nothing_comes() -> None:
    flow = Flow(FlowPolicy())
    flow.assigned(Assigned(1, {FIRST: None, SECOND: Position(3), THIRD: None}, starts={FIRST: 7, SECOND: 9}))
    assert {partition: at.offset for partition, at in positions(flow).items()} == {FIRST: 7}
    assert flow.received([record(7)]) == 1


def test_a_count_that_is_wrong_is_noticed() -> None:
    flow = running_flow(record(0), record(1, b"other"))
    flow.check()
    flow.abandoned(record(1, b"other"))
    with pytest.raises(AssertionError):
        flow.check()


def test_what_could_start_first_starts_first() -> None:
    flow = flow_with(FIRST, SECOND)
    flow.received([record(0, b"a"), record(1, b"a"), *records([2, 3], partition=FIRST)])
    assert flow.start(1) == [record(0, b"a")]
    flow.received(records([0], partition=SECOND))
    flow.finished(record(0, b"a"))
    last = [record(0, None, partition=SECOND), record(1, b"a")]
    assert flow.start(9) == [*records([2, 3]), *last]


# What is committed


def test_a_position_is_asked_for_until_it_is_acknowledged() -> None:
    flow = running_flow(record(0))
    flow.finished(record(0))
    asked = flow.commits()
    assert asked == flow.commits() == {FIRST: Commit(1, Position(1))}
    flow.committed(asked)
    assert positions(flow) == {}


def test_what_the_broker_has_already_is_not_asked_for() -> None:
    flow = Flow(FlowPolicy())
    flow.assigned(assigned(committed=Position(5)))
    assert positions(flow) == {}


def test_one_can_ask_for_some_partitions_only() -> None:
    flow = running_flow(record(0), record(0, partition=SECOND))
    assert set(flow.commits()) == {FIRST, SECOND}
    assert set(flow.commits([SECOND])) == {SECOND}


def test_an_end_that_was_reached_passes_over_what_kafka_never_handed_out() -> None:
    flow = running_flow(record(0))
    flow.reached({FIRST: 7, SECOND: 7})
    flow.finished(record(0))
    assert positions(flow) == {FIRST: Position(7)}


def test_what_is_acknowledged_is_what_was_asked_for_however_far_it_has_been_asked_since() -> None:
    flow = running_flow(*records([0, 1]))
    flow.finished(*records([0]))
    asked = flow.commits()
    flow.finished(*records([1]))
    flow.commits([FIRST])
    flow.committed(asked)
    assert [standing.committed for _, standing in flow.standings()] == [1]
    assert positions(flow) == {FIRST: Position(2)}


def test_an_acknowledgement_of_an_earlier_assignment_changes_nothing() -> None:
    flow = running_flow(record(0))
    asked = flow.commits()
    flow.released([FIRST])
    flow.assigned(assigned(epoch=2))
    flow.received([record(0, epoch=2)])
    assert flow.commits() == {FIRST: Commit(2, Position(0))}
    flow.committed(asked)
    assert flow.commits() == {FIRST: Commit(2, Position(0))}


# The fence


def two_assignments() -> tuple[Flow, Record, Record]:
    """A flow that has the first partition for the second time; the record that runs in both."""
    flow = running_flow(record(0))
    flow.released([FIRST])
    flow.assigned(assigned(epoch=2))
    flow.received([record(0, epoch=2)])
    flow.start(1)
    return flow, record(0), record(0, epoch=2)


def test_a_late_result_of_an_earlier_assignment_changes_nothing() -> None:
    flow, late, current = two_assignments()
    assert not flow.finished(late)
    assert flow.running([FIRST]) == [current]
    assert positions(flow) == {FIRST: Position(0)}
    assert flow.waiting() == (1, current.weight())


def test_a_late_dead_letter_of_an_earlier_assignment_holds_nothing() -> None:
    flow, late, _ = two_assignments()
    flow.blocked(late)
    assert flow.held() == {}


# Handing back


def test_nothing_of_a_revoked_partition_starts() -> None:
    flow = flow_with(FIRST, SECOND)
    flow.received([record(0), record(0, partition=SECOND)])
    flow.revoked([FIRST, THIRD])
    assert flow.start(10) == [record(0, partition=SECOND)]


def test_nothing_of_a_lost_partition_starts_or_is_committed() -> None:
    flow = flow_with(FIRST, SECOND)
    flow.received([*records(range(3)), record(0, partition=SECOND)])
    flow.start(1)
    flow.released([FIRST, THIRD])
    assert flow.idle([FIRST])
    assert flow.start(10) == [record(0, partition=SECOND)]
    assert set(flow.commits()) == {SECOND}
    assert flow.waiting() == (1, record().weight())


def test_a_revoked_partition_is_idle_when_what_runs_is_given_up() -> None:
    flow = running_flow(record(0))
    flow.revoked([FIRST])
    flow.abandoned(record(0))
    assert flow.idle([FIRST])
    assert positions(flow) == {FIRST: Position(0)}


# What is held


def test_below_the_limits_nothing_is_held() -> None:
    flow = running_flow(*records(range(9)), policy=FlowPolicy(max_waiting_records=10))
    assert flow.held() == {}
    assert flow.waiting() == (9, 9 * (2 + RECORD_OVERHEAD_BYTES))


def test_what_may_start_is_plenty_from_so_many_records_until_half_of_them_have_started() -> None:
    flow = flow_with(FIRST, policy=FlowPolicy(plenty=4))
    flow.received(records(range(3)))
    assert not flow.has_plenty()
    flow.received(records([3]))
    assert flow.has_plenty()
    flow.start(2)
    assert flow.has_plenty()
    flow.start(1)
    assert not flow.has_plenty()
    flow.received(records([4, 5]))
    assert not flow.has_plenty()


def test_a_record_is_leaving_from_the_revocation_of_its_partition_on() -> None:
    first, second = record(), record(partition=SECOND)
    flow = running_flow(first, second)
    assert not flow.is_leaving(first)
    flow.revoked(frozenset((FIRST,)))
    assert (flow.is_leaving(first), flow.is_leaving(second)) == (True, False)
    flow.released(frozenset((FIRST,)))
    assert flow.is_leaving(first)
    flow.assigned(assigned(FIRST, epoch=2))
    assert flow.is_leaving(first)
    assert not flow.is_leaving(record(epoch=2))


def test_a_partition_is_held_when_too_many_records_wait() -> None:
    flow = running_flow(*records(range(10)), policy=FlowPolicy(max_waiting_records=10))
    assert flow.held() == {FIRST: Hold.RECORDS}


def test_a_partition_is_held_when_too_many_bytes_wait() -> None:
    big = record(0, None, b"x" * 9500)
    flow = running_flow(big, policy=FlowPolicy(max_waiting_bytes=10_000))
    assert flow.waiting() == (1, 10_000)
    assert flow.held() == {FIRST: Hold.BYTES}


@pytest.mark.parametrize(
    "heavy",
    [
        record(0, b"k" * 9500, None),
        record(0, None, b"v" * 9500),
        record(0, None, None, headers=(("h", b"h" * 9349),)),
        record(0, None, None, headers=(("h" * 9350, None),)),
        record(0, None, None, headers=(("", b""),) * 62 + (("h" * 50, None),)),
    ],
    ids=["key", "value", "value of a header", "name of a header", "many empty headers"],
)
def test_whatever_of_a_record_is_large_weighs(heavy: Record) -> None:
    flow = running_flow(heavy, policy=FlowPolicy(max_waiting_bytes=10_000))
    assert flow.waiting() == (1, 10_000)
    assert flow.held() == {FIRST: Hold.BYTES}
    assert flow.finished(heavy)
    assert flow.waiting() == (0, 0)


def test_a_record_without_anything_weighs_what_a_record_costs() -> None:
    assert running_flow(record(0, None, None)).waiting() == (1, RECORD_OVERHEAD_BYTES)


def test_a_held_partition_is_let_go_well_below_the_limit() -> None:
    flow = running_flow(*records(range(10)), policy=FlowPolicy(max_waiting_records=10))
    for number, one in enumerate(records(range(10)), start=1):
        assert (FIRST in flow.held()) == (number <= 5)
        flow.finished(one)
    assert flow.held() == {}


def test_only_the_partition_that_fills_the_room_is_held() -> None:
    flow = flow_with(*ALL, policy=FlowPolicy(max_waiting_records=10))
    flow.received(records(range(9)))
    assert flow.held() == {}
    flow.received(records(range(2), partition=SECOND))
    assert flow.held() == {FIRST: Hold.RECORDS}


def test_a_partition_is_let_go_when_the_others_made_room() -> None:
    flow = flow_with(FIRST, SECOND, policy=FlowPolicy(max_waiting_records=10))
    flow.received([*records(range(5)), *records(range(5), partition=SECOND)])
    flow.start(10)
    assert set(flow.held()) == {FIRST, SECOND}
    for one in records(range(5), partition=SECOND):
        flow.finished(one)
        flow.held()
    assert flow.waiting()[0] == 5
    assert flow.held() == {}


def test_a_release_lets_the_others_go() -> None:
    flow = flow_with(FIRST, SECOND, policy=FlowPolicy(max_waiting_records=10))
    flow.received([*records(range(5)), *records(range(5), partition=SECOND)])
    assert set(flow.held()) == {FIRST, SECOND}
    flow.released([SECOND])
    assert flow.held() == {}


def test_a_new_assignment_adds_no_more_than_its_share() -> None:
    flow = Flow(FlowPolicy(max_waiting_records=12))
    for epoch in range(1, 7):
        partition = Partition("grown", epoch)
        flow.assigned(assigned(partition, epoch=epoch))
        for offset in range(30):
            if partition not in flow.held():
                flow.received([record(offset, None, partition=partition, epoch=epoch)])
    assert flow.waiting()[0] == 12 + 6 + 4 + 2 + 1 + 1


def test_above_twice_the_limit_all_are_held_until_half_of_it_is_gone() -> None:
    flow = Flow(FlowPolicy(max_waiting_records=100))
    partitions = [Partition("many", number) for number in range(50)]
    flow.assigned(assigned(*partitions))
    for partition in partitions:
        if partition not in flow.held():
            flow.received([record(offset, None, partition=partition) for offset in range(30)])
    assert flow.waiting()[0] == 210
    assert set(flow.held()) == set(partitions)
    started = flow.start(1000)
    for one in started[:60]:
        flow.finished(one)
        assert len(flow.held()) == 50
    flow.finished(started[60])
    assert set(flow.held()) == set(partitions[2:7])


def test_metadata_that_may_be_too_long_has_a_form_as_short_as_what_was_taken() -> None:
    flow = running_flow(*many_holes())
    for one in many_holes()[1::2]:
        flow.finished(one)
    commits = flow.commits()
    assert flow.shortened(commits) == {FIRST: Commit(1, Position(0))}
    flow.committed(commits)
    assert flow.shortened(commits) == {}
    longest = len(commits[FIRST].position.metadata)
    assert flow.refused_metadata(longest) == longest // 2
    assert len(positions(flow)[FIRST].metadata) <= longest // 2


def test_of_a_topic_that_is_away_nothing_is_committed_but_what_moved() -> None:
    flow = running_flow(record(0), record(0, partition=FOURTH))
    flow.committed(flow.commits())
    flow.identified({FOURTH.topic: None})
    assert flow.commits(unmoved=True).keys() == {FIRST}
    flow.finished(record(0, partition=FOURTH))
    assert flow.commits(unmoved=True).keys() == {FIRST, FOURTH}
    flow.committed(flow.commits())
    flow.identified({FOURTH.topic: b"t" * 16})
    assert flow.commits(unmoved=True).keys() == {FIRST, FOURTH}


def test_an_id_that_is_learned_later_is_marked_but_not_instead_of_the_one_it_began_with() -> None:
    flow = Flow(FlowPolicy())
    flow.assigned(Assigned(1, {FIRST: Position(7), FOURTH: Position(7)}, {FOURTH.topic: b"o" * 16}))
    flow.identified({FIRST.topic: b"n" * 16, FOURTH.topic: b"n" * 16})
    flow.identified({FIRST.topic: b""})
    commits = positions(flow)
    assert read(*commits[FIRST]).marks.topic_id == b"n" * 16
    assert read(*commits[FOURTH]).marks.topic_id == b"o" * 16


def test_metadata_that_speaks_of_more_than_the_log_holds_is_not_believed() -> None:
    far, near = (encode(5, [Span(6, end)])[0] for end in (2**40, 10))
    flow = Flow(FlowPolicy())
    flow.assigned(Assigned(1, {FIRST: Position(5, far), SECOND: Position(5, near)}))
    flow.bounded({FIRST: 10, SECOND: 10, THIRD: 10})
    received = [record(offset, None, partition=p) for p in BOTH for offset in range(5, 10)]
    assert flow.received(received) == 5 + 1
    assert all(position.offset <= 10 for position in positions(flow, unmoved=True).values())


def test_what_was_restored_and_does_not_fit_holds_nothing_that_could_make_room() -> None:
    restored, _ = encode(0, [Span(first, first + 1) for first in range(1, 100, 2)])
    flow = Flow(FlowPolicy(max_metadata_bytes=30))
    flow.assigned(Assigned(1, {FIRST: Position(0, restored)}))
    flow.commits(unmoved=True)
    assert flow.held() == {}
    flow.received([record(0)])
    flow.commits(unmoved=True)
    assert flow.held() == {FIRST: Hold.METADATA}


def test_marks_go_with_every_commit_and_what_we_do_not_know_better_is_handed_on() -> None:
    theirs = Marks(b"t" * 16, "theirs", 5.5)
    found = Position(7, encode(7, (), marks=theirs)[0])
    flow = Flow(FlowPolicy(destination="ours"))
    flow.assigned(Assigned(1, {FIRST: found, SECOND: None}))
    flow.received([record(0, partition=SECOND)])
    commits = positions(flow, unmoved=True)
    assert flow.marks() == {FIRST: theirs, SECOND: NO_MARKS}
    assert read(*commits[FIRST]).marks == Marks(b"t" * 16, "ours", 5.5)
    assert read(*commits[SECOND]).marks == Marks(None, "ours", None)


def test_what_is_known_at_the_assignment_is_marked() -> None:
    flow = Flow(FlowPolicy())
    found = Position(7, encode(7, (), marks=Marks(b"o" * 16, None, 5.5))[0])
    flow.assigned(Assigned(1, {FIRST: found}, {FIRST.topic: b"t" * 16}, 9.0))
    assert read(*positions(flow)[FIRST]).marks == Marks(b"t" * 16, None, 9.0)


def many_holes() -> list[Record]:
    """Far from each other, so that no form of metadata takes little room."""
    return records(range(0, 60 * 20, 20))


def crowded_flow() -> Flow:
    """The metadata of the first partition does not hold what is finished."""
    flow = running_flow(*many_holes(), policy=FlowPolicy(max_metadata_bytes=30))
    for one in many_holes()[1::2]:
        flow.finished(one)
    flow.commits()
    return flow


def test_a_partition_whose_metadata_overflows_is_held() -> None:
    assert crowded_flow().held() == {FIRST: Hold.METADATA}


def test_a_crowded_partition_is_let_go_when_its_metadata_is_well_below_the_limit() -> None:
    flow = crowded_flow()
    held = []
    for one in many_holes()[0::2]:
        flow.finished(one)
        size = len(positions(flow)[FIRST].metadata)
        held.append((size, FIRST in flow.held()))
    assert (26, True) in held
    assert (22, True) in held
    assert all(size == 0 for size, still in held if not still)
    assert flow.held() == {}


def test_a_crowded_partition_in_which_all_is_withheld_or_behind_it_is_read_on() -> None:
    flow = crowded_flow()
    flow.received([record(1200, b"0"), record(1201, b"0")])
    flow.start(1)
    for one in [*many_holes()[0::2], record(1200, b"0")]:
        assert flow.held() == {FIRST: Hold.METADATA}
        flow.withheld(one)
        flow.commits()
    assert flow.held() == {}
    flow.finished(record(1200, b"0"))
    flow.commits()
    assert flow.held() == {FIRST: Hold.METADATA}


def test_what_is_withheld_of_an_assignment_that_is_over_counts_for_nothing() -> None:
    flow = crowded_flow()
    flow.released([FIRST])
    flow.withheld(record(0))
    assert (flow.held(), flow.waiting()) == ({}, (0, 0))


def test_a_partition_is_held_before_its_metadata_overflows_but_not_long_before() -> None:
    many, held = records(range(1200)), []
    flow = running_flow(*many, policy=FlowPolicy(max_metadata_bytes=80))
    for one in many:
        if one.offset % 20:
            flow.finished(one)
        else:
            held.append((len(positions(flow)[FIRST].metadata), bool(flow.held())))
    assert all(is_held is (size > 60) for size, is_held in held)
    assert {is_held for _, is_held in held} == {False, True}
    assert max(size for size, _ in held) <= 80


def test_a_dead_letter_that_cannot_be_written_holds_its_partition_only() -> None:
    flow = running_flow(record(0), record(0, partition=SECOND))
    flow.blocked(record(0))
    flow.blocked(record(0))
    assert flow.held() == {FIRST: Hold.DEAD_LETTER}
    flow.finished(record(0))
    assert flow.held() == {}


def test_a_record_that_can_go_on_again_holds_nothing() -> None:
    flow = running_flow(record(0))
    flow.blocked(record(0))
    flow.blocked(record(0), None)
    assert flow.held() == {}


def test_a_dead_letter_is_told_before_any_other_reason() -> None:
    flow = crowded_flow()
    flow.blocked(record(0, None))
    assert flow.held() == {FIRST: Hold.DEAD_LETTER}
    flow.finished(record(0, None))
    assert flow.held() == {FIRST: Hold.METADATA}


# How it stands


def test_a_partition_of_which_nothing_is_known_stands_nowhere() -> None:
    assert list(flow_with().standings()) == [(FIRST, PartitionStatus(None, None, 0, 0, None, None))]


def test_a_standing_tells_position_expectation_backlog_gap_and_age() -> None:
    received = [record(offset, None, timestamp=100.0 + offset) for offset in range(3, 8)]
    flow = running_flow(*received)
    flow.finished(received[0])
    flow.finished(received[3])
    assert dict(flow.standings()) == {FIRST: PartitionStatus(4, 8, 3, 3, 104.0, None)}


def test_a_flow_at_rest_holds_nothing() -> None:
    flow = flow_with(FIRST, SECOND)
    flow.received([record(offset, b"a") for offset in range(20)])
    flow.received(records(range(20), partition=SECOND))
    finish_all(flow)
    assert flow.waiting() == (0, 0)
    assert flow.idle([FIRST, SECOND])
    assert positions(flow) == {FIRST: Position(20), SECOND: Position(20)}


# Every order of everything


@dataclass
class Log:
    """A partition at the broker: its records by offset, its end, and what was committed."""

    keys: dict[int, tuple[bytes | None, bytes | None]] = field(default_factory=dict)
    end: int = 0
    committed: Position | None = None


@dataclass
class Ours:
    """A partition while it is ours, as plain sets; `done` is what this assignment may call finished."""

    epoch: int
    done: set[int]
    cursor: int
    seen: int
    last: int
    acknowledged: Position | None
    open: dict[int, Record] = field(default_factory=dict)
    running: set[int] = field(default_factory=set)
    blocked: set[int] = field(default_factory=set)
    revoked: bool = False


def covered_by(position: Position, log: Log) -> set[int]:
    """The records that are never given out again once this is committed."""
    spans = decode(*position)
    return {o for o in log.keys if o < position.offset or any(s.first <= o < s.end for s in spans)}


MOSTLY = st.sampled_from([True, True, False])


class FlowMachine(RuleBasedStateMachine):
    """A broker, a source and workers do what they may in any order; the model knows what is settled."""

    BATCH = 4
    CALM = 4
    """Steps between two upheavals, so that there is something for them to upset."""

    def __init__(self) -> None:
        super().__init__()
        self.logs = {partition: Log() for partition in BOTH}
        self.ours: dict[Partition, Ours] = {}
        self.settled: set[tuple[Partition, int]] = set()
        self.late: list[Record] = []
        self.asked: dict[Partition, Commit] = {}
        self.full: set[Partition] = set()
        self.owned = 0
        self.epoch = 0
        self.steps_in_calm = 0

    @initialize(
        order=st.sampled_from(Order),
        metadata=st.sampled_from([18, 22, 4096]),
        size=st.sampled_from([2, 2, 2500]),
    )
    def begin(self, order: Order, metadata: int, size: int) -> None:
        self.policy = FlowPolicy(order, 8, 8 * 1000, metadata)
        self.flow = Flow(self.policy)
        for partition in BOTH:
            self.produce(partition, [0] * 8, [b"a", b"b", None, None, b"a", None, b"", None], size)
        self.assign(set(BOTH))
        self.receive(self.BATCH, end=False)
        self.start(20)

    def in_calm(self) -> bool:
        return self.steps_in_calm >= self.CALM

    # The broker

    @rule(
        partition=st.sampled_from(BOTH),
        holes=st.lists(st.sampled_from([0, 0, 0, 1, 3]), min_size=1, max_size=6),
        keys=st.lists(st.sampled_from([None, b"", b"a", b"b"]), min_size=6, max_size=6),
        size=st.sampled_from([None, 0, 10, 3000]),
    )
    def produce(
        self, partition: Partition, holes: list[int], keys: list[bytes | None], size: int | None
    ) -> None:
        log = self.logs[partition]
        for hole, key in zip(holes, keys, strict=False):
            log.keys[log.end + hole] = key, None if size is None else b"x" * size
            log.end += hole + 1

    def recorded(self) -> list[Position]:
        committed = (log.committed for log in self.logs.values())
        return [position for position in committed if position and position.metadata]

    def corrupt_metadata(self, cut: int) -> None:
        for log in self.logs.values():
            if log.committed:
                log.committed = log.committed._replace(metadata=log.committed.metadata[cut:])
        assert not any(decode(*position) for position in self.recorded())

    # Assignments

    @precondition(lambda self: len(self.ours) < len(BOTH) or self.in_calm())
    @rule(partitions=st.sets(st.sampled_from(BOTH), min_size=1))
    def assign(self, partitions: set[Partition]) -> None:
        """Also what is ours already, as if its loss had gone unnoticed."""
        self.epoch += 1
        self.steps_in_calm = 0
        self.forget(partitions)
        for partition in partitions:
            self.ours[partition] = self.beginning(self.logs[partition])
        positions = {partition: self.logs[partition].committed for partition in sorted(partitions)}
        self.flow.assigned(Assigned(self.epoch, positions))

    def beginning(self, log: Log) -> Ours:
        at = log.committed.offset if log.committed else 0
        done = covered_by(log.committed, log) if log.committed else set()
        return Ours(self.epoch, done, cursor=at, seen=at, last=at, acknowledged=log.committed)

    def forget(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            if ours := self.ours.pop(partition, None):
                self.late += [ours.open[offset] for offset in sorted(ours.running)]
                self.full.discard(partition)

    @precondition(lambda self: self.ours and self.in_calm())
    @rule(data=st.data(), drain=st.booleans())
    def revoke(self, data: st.DataObject, drain: bool) -> None:
        """What runs may be finished, but nothing follows it."""
        partitions = data.draw(st.sets(st.sampled_from(sorted(self.ours)), min_size=1))
        self.flow.revoked(partitions)
        for partition in partitions:
            self.ours[partition].revoked = True
        for one in self.running(revoked=True) if drain else ():
            self.finish_one(one)
        self.start(20)

    @precondition(lambda self: any(ours.revoked and ours.running for ours in self.ours.values()))
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(self.running(revoked=True)))
        self.flow.abandoned(chosen)
        self.ours[chosen.partition].running.remove(chosen.offset)
        self.late.append(chosen)

    @precondition(lambda self: any(ours.revoked for ours in self.ours.values()))
    @rule(arrives=st.booleans())
    def release(self, arrives: bool) -> None:
        """What was revoked and is idle is committed for the last time and handed back."""
        idle = [p for p, ours in self.ours.items() if ours.revoked and not ours.running]
        for partition, commit in self.commits(idle).items():
            self.logs[partition].committed = commit.position if arrives else self.logs[partition].committed
            self.asked.pop(partition, None)
        self.flow.released(idle)
        self.forget(idle)

    @precondition(lambda self: self.ours and self.in_calm())
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        partitions = data.draw(st.sets(st.sampled_from(sorted(self.ours)), min_size=1))
        self.flow.released(partitions)
        self.forget(partitions)

    @precondition(lambda self: self.in_calm())
    @rule(cut=st.sampled_from([0, 0, 0, 1, 8]))
    def crash_and_come_back(self, cut: int) -> None:
        """What the broker has is all that is known, and sometimes even that was damaged."""
        if cut:
            self.corrupt_metadata(cut)
        self.flow = Flow(self.policy)
        self.ours, self.late, self.asked, self.full, self.epoch = {}, [], {}, set(), 0
        self.assign(set(BOTH))

    # Records

    @rule(size=st.integers(1, BATCH), end=st.booleans(), back=st.sampled_from([0, 0, 0, 2, 6]))
    def receive(self, size: int, end: bool, back: int = 0) -> None:
        """Of all that are not held; now and then what was read before is read again."""
        for partition in sorted(self.ours.keys() - self.flow.held().keys()):
            ours = self.ours[partition]
            ours.cursor = max(0, ours.cursor - back)
            self.receive_of(partition, size, end)

    def receive_of(self, partition: Partition, size: int, end: bool) -> None:
        ours, log = self.ours[partition], self.logs[partition]
        read = [
            Record(partition, offset, *log.keys[offset], (), float(offset), ours.epoch)
            for offset in [offset for offset in log.keys if offset >= ours.cursor][:size]
        ]
        to_do = [r for r in read if r.offset >= ours.seen and r.offset not in ours.done and not ours.revoked]
        assert self.flow.received(read) == len(to_do)
        if not ours.revoked:
            ours.open |= {one.offset: one for one in to_do}
            ours.cursor = read[-1].offset + 1 if read else ours.cursor
            ours.seen = max(ours.seen, ours.cursor)
        if end:
            self.reach(partition, read[-1].offset + 1 if read else log.end)

    def reach(self, partition: Partition, end: int) -> None:
        """Kafka says so whether the records behind it were taken or, after a revocation, were not."""
        self.flow.reached({partition: end})
        if not self.ours[partition].revoked:
            self.ours[partition].seen = max(self.ours[partition].seen, end)

    # Work

    @rule(limit=st.sampled_from([0, 2, 20]))
    def start(self, limit: int) -> None:
        started = self.flow.start(limit)
        assert len(started) <= limit
        for one in started:
            assert one in self.startable()
            self.ours[one.partition].running.add(one.offset)
        assert len(started) == limit or not self.startable()

    def startable(self) -> list[Record]:
        """Of each lane the first that is not finished, unless it runs or its partition is revoked."""
        heads: dict[Hashable, Record] = {}
        for one in (one for ours in self.ours.values() for one in ours.open.values() if not ours.revoked):
            heads.setdefault(self.lane(one), one)
        return [one for one in heads.values() if one.offset not in self.ours[one.partition].running]

    def lane(self, record: Record) -> Hashable:
        if self.policy.order is Order.PARTITION:
            return record.partition
        alone = self.policy.order is Order.NONE or record.key is None
        return record.partition, record.offset if alone else record.key

    def running(self, *, revoked: bool | None = None) -> list[Record]:
        chosen = [ours for ours in self.ours.values() if revoked is None or ours.revoked == revoked]
        return [ours.open[offset] for ours in chosen for offset in sorted(ours.running)]

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        for one in data.draw(st.lists(st.sampled_from(self.running()), min_size=1, unique=True)):
            self.finish_one(one)

    @precondition(lambda self: self.running())
    @rule(every=st.sampled_from([1, 2]), commit=st.booleans())
    def finish_all_but_the_first(self, every: int, commit: bool) -> None:
        """What straggles keeps the position back; what is finished beyond it has to be remembered."""
        for ours in list(self.ours.values()):
            for offset in sorted(ours.running)[1::every]:
                self.finish_one(ours.open[offset])
        self.start(20)
        if commit and not self.asked:
            self.commit()

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def finish_a_partition(self, data: st.DataObject) -> None:
        """All that is running of it, and what follows."""
        partition = data.draw(st.sampled_from(self.running())).partition
        while running := [one for one in self.running() if one.partition == partition]:
            self.finish_one(running[0])
            self.every_promise_is_kept()
            self.start(20)

    def finish_one(self, done: Record) -> None:
        ours = self.ours[done.partition]
        self.settled.add((done.partition, done.offset))
        assert self.flow.finished(done)
        del ours.open[done.offset]
        ours.running.remove(done.offset)
        ours.blocked.discard(done.offset)
        ours.done.add(done.offset)

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def block(self, data: st.DataObject) -> None:
        for blocked in data.draw(st.sets(st.sampled_from(self.running()), min_size=1, max_size=3)):
            self.flow.blocked(blocked)
            self.ours[blocked.partition].blocked.add(blocked.offset)

    @precondition(lambda self: self.of_earlier_assignments())
    @rule(data=st.data(), what=st.sampled_from(["finished", "blocked", "abandoned"]))
    def hear_late(self, data: st.DataObject, what: str) -> None:
        """A result of an assignment that is over: settled, but not by what Flow knows now."""
        late = data.draw(st.sampled_from(self.of_earlier_assignments()))
        self.settled |= {(late.partition, late.offset)} if what == "finished" else set()
        assert self.flow.received([late]) == 0
        assert not getattr(self.flow, what)(late)

    def of_earlier_assignments(self) -> list[Record]:
        epochs = {partition: ours.epoch for partition, ours in self.ours.items()}
        return [one for one in self.late if epochs.get(one.partition) != one.epoch]

    # Commits

    def commits(self, partitions: Iterable[Partition] | None = None) -> dict[Partition, Commit]:
        asked = self.flow.commits(partitions if partitions is None else list(partitions))
        assert asked.keys() <= (self.ours.keys() if partitions is None else set(partitions))
        for partition, (epoch, position) in asked.items():
            log, ours = self.logs[partition], self.ours[partition]
            assert epoch == ours.epoch
            covered = covered_by(position, log)
            assert covered <= ours.done
            assert {(partition, offset) for offset in covered} <= self.settled
            assert len(position.metadata) <= self.policy.max_metadata_bytes
            assert covered == ours.done or partition in self.flow.held()
        for partition, standing in self.flow.standings():
            known = self.ours[partition].acknowledged
            assert (
                partition in asked or standing.position == (known and known.offset) or partitions is not None
            )
        return asked

    @precondition(lambda self: not self.asked)
    @rule()
    def ask(self) -> None:
        self.asked = self.commits()

    @rule(arrives=MOSTLY, answered=MOSTLY)
    def answer(self, arrives: bool, answered: bool) -> None:
        """The broker takes it or not, and says so or not; of a lost partition it takes nothing.

        It may be heard all the same that it took what was asked for before.
        """
        current = {p: c for p, c in self.asked.items() if p in self.ours and self.ours[p].epoch == c.epoch}
        for partition, commit in current.items() if arrives else ():
            self.logs[partition].committed = commit.position
        if arrives and answered:
            self.flow.committed(self.asked)
            for partition, commit in current.items():
                self.ours[partition].acknowledged = commit.position
        self.asked = {}

    @precondition(lambda self: not self.asked)
    @rule(arrives=MOSTLY, answered=MOSTLY)
    def commit(self, arrives: bool = True, answered: bool = True) -> None:
        self.ask()
        self.answer(arrives, answered)

    # To the end

    @precondition(lambda self: len(self.ours) == len(BOTH) and self.in_calm())
    @precondition(lambda self: not any(ours.revoked for ours in self.ours.values()))
    @rule()
    def everything_settles_when_nothing_is_in_the_way(self) -> None:
        self.asked = {}
        rounds = max(len(log.keys) for log in self.logs.values()) + 5
        for _ in range(rounds):
            self.receive(self.BATCH, end=True)
            self.start(20)
            for one in self.running():
                self.finish_one(one)
            self.commit()
        for partition, ours in self.ours.items():
            log = self.logs[partition]
            assert ours.done >= log.keys.keys()
            assert log.end == 0 or log.committed == Position(log.end)
        assert self.flow.waiting() == (0, 0)
        assert self.flow.held() == {}

    # What always holds

    @invariant()
    def a_step_was_made(self) -> None:
        self.steps_in_calm += 1
        self.flow.check()
        self.every_promise_is_kept()

    def every_promise_is_kept(self) -> None:
        self.the_partitions_are_those_assigned()
        self.of_a_lane_never_two_run()
        self.what_waits_adds_up()
        self.no_position_goes_back_or_passes_what_is_open()
        self.the_partitions_that_fill_the_room_are_held()
        self.what_waits_is_bounded()

    def the_partitions_are_those_assigned(self) -> None:
        assert self.flow.assignment() == self.ours.keys()

    def of_a_lane_never_two_run(self) -> None:
        lanes = [self.lane(one) for one in self.running()]
        assert len(lanes) == len(set(lanes))
        assert places(self.flow.running(BOTH)) == places(self.running())
        assert self.flow.idle(BOTH) == (not lanes)

    def what_waits_adds_up(self) -> None:
        waiting = [one for ours in self.ours.values() for one in ours.open.values()]
        size = sum(one.weight() for one in waiting)
        assert self.flow.waiting() == (len(waiting), size)

    def no_position_goes_back_or_passes_what_is_open(self) -> None:
        standings = dict(self.flow.standings())
        for partition, ours in self.ours.items():
            standing = standings[partition]
            assert standing.unsettled == len(ours.open)
            assert standing.oldest == (min(ours.open) if ours.open else None)
            assert standing.position is None or ours.last <= standing.position
            assert standing.position is None or not ours.open or standing.position == min(ours.open)
            ours.last = standing.position or 0

    def the_partitions_that_fill_the_room_are_held(self) -> None:
        held, fullness = self.flow.held(), self.fullness(self.ours.values())
        blocked = {partition for partition, ours in self.ours.items() if ours.blocked}
        assert blocked == {partition for partition, why in held.items() if why is Hold.DEAD_LETTER}
        assert held.keys() <= self.ours.keys()
        assert held or fullness < 1
        self.who_is_held_is_full_and_stays_so_until_there_is_room(held, fullness)

    def who_is_held_is_full_and_stays_so_until_there_is_room(
        self, held: Mapping[Partition, Hold], fullness: float
    ) -> None:
        share = {partition: self.fullness([ours]) * len(self.ours) for partition, ours in self.ours.items()}
        full = {partition for partition, why in held.items() if why in (Hold.RECORDS, Hold.BYTES)}
        assert not full or fullness > 0.5
        assert fullness >= 1.5 or all(share[partition] > 0.5 for partition in full)
        if fullness < 2 and len(self.ours) == self.owned:
            assert all(share[partition] >= 1 - 1e-9 for partition in full - self.full)
        for partition in self.full - held.keys():
            assert fullness <= 0.5 or (share[partition] <= 0.5 and fullness < 1.5)
        assert fullness < 2 or held.keys() == self.ours.keys()
        self.full, self.owned = full, len(self.ours)

    def what_waits_is_bounded(self) -> None:
        batch = self.BATCH * len(BOTH)
        count, size = self.flow.waiting()
        assert count < 2 * self.policy.max_waiting_records + batch
        assert size < 2 * self.policy.max_waiting_bytes + batch * (3000 + 1 + RECORD_OVERHEAD_BYTES)

    def fullness(self, these: Iterable[Ours]) -> float:
        waiting = [one for ours in these for one in ours.open.values()]
        size = sum(one.weight() for one in waiting)
        return max(len(waiting) / self.policy.max_waiting_records, size / self.policy.max_waiting_bytes)


def test_no_order_of_events_breaks_a_promise() -> None:
    run_state_machine_as_test(
        FlowMachine, settings=settings(max_examples=examples(200), stateful_step_count=50)
    )


def test_what_was_read_later_can_start_first_and_nothing_is_left_out() -> None:
    flow = Flow(FlowPolicy())
    flow.assigned(assigned())
    flow.received(records(range(10)))
    order = []
    for share in (0.0, 0.5, 1.0, 0.99):
        flow.look_further(share)
        order += [each.offset for each in flow.start(1)]
    assert order == [0, 5, 6, 4]
    assert sorted(order + [each.offset for each in flow.start(10)]) == list(range(10))
    flow.look_further(0.5)
    assert flow.start(1) == []

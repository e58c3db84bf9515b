"""Of a lane never two are started, they start in order, and nothing stays behind."""

from collections import defaultdict
from collections.abc import Callable, Hashable

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

from processor.core.progress.lanes import Lanes, Order
from processor.model import Record
from tests.support.builders import record, records
from tests.support.examples import examples

LANE_OF: dict[Order, Callable[[Record], Hashable]] = {
    Order.KEY: lambda record: record.key if record.key is not None else (record.offset,),
    Order.PARTITION: lambda record: record.partition,
    Order.NONE: lambda record: record.offset,
}


def test_a_record_waits_for_the_one_of_the_same_key_before_it() -> None:
    lanes = Lanes(Order.KEY)
    first, second = record(0), record(1)
    assert lanes.received(first)
    assert not lanes.received(second)
    assert lanes.finished(first) == second
    assert lanes.finished(second) is None


def test_another_key_does_not_wait() -> None:
    lanes = Lanes(Order.KEY)
    assert lanes.received(record(0, b"a"))
    assert lanes.received(record(1, b"b"))


def test_records_without_a_key_have_no_order() -> None:
    lanes = Lanes(Order.KEY)
    assert all(lanes.received(keyless) for keyless in records(range(3)))
    assert len(lanes) == 0


def test_the_empty_key_is_a_key() -> None:
    lanes = Lanes(Order.KEY)
    assert lanes.received(record(0, b""))
    assert not lanes.received(record(1, b""))


def test_a_partition_is_one_lane_whatever_the_keys() -> None:
    lanes = Lanes(Order.PARTITION)
    assert lanes.received(record(0, b"a"))
    assert not lanes.received(record(1, None))
    assert lanes.finished(record(0, b"a")) == record(1, None)


def test_without_order_nothing_waits() -> None:
    lanes = Lanes(Order.NONE)
    assert lanes.received(record(0))
    assert lanes.received(record(1))
    assert lanes.finished(record(0)) is None


def test_a_lane_that_ran_empty_can_be_used_again() -> None:
    lanes = Lanes(Order.KEY)
    for offset in range(3):
        assert lanes.received(record(offset))
        assert lanes.finished(record(offset)) is None
        assert len(lanes) == 0


def test_a_row_starts_together_and_what_is_behind_it_when_all_of_it_is_settled() -> None:
    lanes, (a, b, c, d) = Lanes(Order.KEY), [record(offset) for offset in range(4)]
    assert [lanes.received(each) for each in (a, b, c, d)] == [True, False, False, False]
    assert lanes.row(a, 3) == [a, b, c]
    assert (lanes.finished(c), lanes.finished(a)) == (None, None)
    assert lanes.finished(b) == d


def test_what_is_given_back_of_a_row_starts_before_all_that_is_behind_it() -> None:
    lanes, (a, b, c, d) = Lanes(Order.KEY), [record(offset) for offset in range(4)]
    for each in (a, b, c, d):
        lanes.received(each)
    lanes.row(a, 3)
    assert (lanes.given_back(c), lanes.finished(a), lanes.behind()) == (None, None, 2)
    assert lanes.given_back(b) == b
    assert lanes.row(b, 9) == [b, c, d]


def test_a_row_of_what_has_no_lane_is_the_record_alone() -> None:
    lanes = Lanes(Order.KEY)
    keyless = records(range(2))
    assert all(map(lanes.received, keyless))
    assert lanes.row(keyless[0], 5) == keyless[:1]
    assert lanes.given_back(keyless[0]) == keyless[0]


class LanesMachine(RuleBasedStateMachine):
    """Records of few keys start in rows and are settled or given back in any order, against lists."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = 0
        self.ready: list[Record] = []
        self.started: list[Record] = []
        self.model: dict[Hashable, list[Record]] = defaultdict(list)
        """What is not settled of each lane, in its order."""

    @initialize(order=st.sampled_from([Order.KEY, *Order]), longest=st.sampled_from([1, 3, 5]))
    def begin(self, order: Order, longest: int) -> None:
        self.lanes = Lanes(order)
        self.lane_of = LANE_OF[order]
        self.longest = longest

    @rule(keys=st.lists(st.sampled_from([None, b"", b"a"]), min_size=1, max_size=6))
    def receive(self, keys: list[bytes | None]) -> None:
        for key in keys:
            self.receive_one(key)

    def receive_one(self, key: bytes | None) -> None:
        received = record(self.offset, key)
        self.offset += 1
        lane = self.model[self.lane_of(received)]
        lane.append(received)
        may_start = self.lanes.received(received)
        assert may_start == (lane == [received])
        if may_start:
            self.ready.append(received)

    @precondition(lambda self: self.ready)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        for first in data.draw(st.permutations(self.ready)):
            most = self.longest - data.draw(st.integers(0, self.longest - 1))
            row = self.lanes.row(first, most) if most > 1 else [first]
            assert row == self.model[self.lane_of(first)][:most]
            self.started += row
        self.ready = []

    @precondition(lambda self: self.started)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        for ended in data.draw(st.permutations(self.started))[: data.draw(st.integers(1, 9))]:
            self.let_go(self.started.index(ended), is_settled=data.draw(st.booleans()))

    def let_go(self, which: int, *, is_settled: bool) -> None:
        done = self.started.pop(which)
        lane = self.model[self.lane_of(done)]
        if is_settled:
            lane.remove(done)
        following = (self.lanes.finished if is_settled else self.lanes.given_back)(done)
        is_last = all(self.lane_of(other) != self.lane_of(done) for other in self.started)
        assert following == (lane[0] if is_last and lane else None)
        if following:
            self.ready.append(following)

    def teardown(self) -> None:
        while self.ready or self.started:
            self.started += self.ready
            self.ready = []
            self.let_go(-1, is_settled=True)
        assert not any(self.model.values())
        if hasattr(self, "lanes"):
            assert (len(self.lanes), self.lanes.behind(), self.lanes._rows) == (0, 0, {})

    @invariant()
    def every_lane_with_records_has_one_that_may_start_or_some_that_are_started(self) -> None:
        lanes = {self.lane_of(started) for started in self.started}
        ready = [self.lane_of(ready) for ready in self.ready]
        assert lanes.isdisjoint(ready)
        assert sorted(map(repr, [*lanes, *ready])) == sorted(
            repr(lane) for lane, left in self.model.items() if left
        )

    @invariant()
    def what_waits_is_counted(self) -> None:
        left = sum(map(len, self.model.values()))
        assert self.lanes.behind() == left - len(self.ready) - len(self.started)


def test_every_lane_keeps_its_order_and_none_starves_or_leaks() -> None:
    run_state_machine_as_test(
        LanesMachine, settings=settings(max_examples=examples(100), stateful_step_count=40)
    )


@pytest.mark.parametrize("order", list(Order))
def test_an_order_is_written_as_one_word_in_lower_case(order: Order) -> None:
    assert Order(order.name.lower()) is order

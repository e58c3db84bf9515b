"""Of a lane never two are started, they start in order, and nothing stays behind."""

from collections import defaultdict
from collections.abc import Callable, Hashable
from random import Random

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
from tests.support.builders import record
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


class Walk:
    """Records of few keys start in rows, and are settled or given back in any order, against lists."""

    def __init__(self, order: Order, longest: int) -> None:
        self.random = Random(f"{order} {longest}")
        self.longest = longest
        self.lanes = Lanes(order)
        self.lane_of = LANE_OF[order]
        self.unsettled: dict[Hashable, list[Record]] = defaultdict(list)
        self.ready: list[Record] = []
        self.started: list[Record] = []

    def receive(self, offset: int) -> None:
        received = record(offset, self.random.choice((None, b"", b"a")))
        lane = self.unsettled[self.lane_of(received)]
        lane.append(received)
        if self.lanes.received(received):
            assert lane == [received]
            self.ready.append(received)

    def start(self) -> None:
        first = self.ready.pop(self.random.randrange(len(self.ready)))
        row = self.lanes.row(first, self.random.randint(1, self.longest))
        assert row == self.unsettled[self.lane_of(first)][: len(row)]
        self.started += row

    def end(self, *, is_settled: bool) -> None:
        ended = self.started.pop(self.random.randrange(len(self.started)))
        lane = self.unsettled[self.lane_of(ended)]
        if is_settled:
            lane.remove(ended)
        following = (self.lanes.finished if is_settled else self.lanes.given_back)(ended)
        is_last = all(self.lane_of(other) != self.lane_of(ended) for other in self.started)
        assert following == (lane[0] if is_last and lane else None)
        self.ready += [following] if following else []

    def check(self) -> None:
        left = sum(map(len, self.unsettled.values()))
        assert self.lanes.behind() == left - len(self.ready) - len(self.started)


@pytest.mark.parametrize("longest", [1, 2, 5])
@pytest.mark.parametrize("order", list(Order))
def test_rows_keep_the_order_of_their_lane_whatever_is_settled_or_given_back(
    order: Order, longest: int
) -> None:
    walk = Walk(order, longest)
    for offset in range(2000):
        if walk.random.random() < 0.4 and offset < 1500:
            walk.receive(offset)
        if walk.ready and walk.random.random() < 0.4:
            walk.start()
        if walk.started and walk.random.random() < 0.6:
            walk.end(is_settled=walk.random.random() < 0.6)
        walk.check()
    while walk.ready or walk.started:
        if walk.ready:
            walk.start()
        walk.end(is_settled=True)
    assert (len(walk.lanes), walk.lanes.behind(), any(walk.unsettled.values())) == (0, 0, False)


class LanesMachine(RuleBasedStateMachine):
    """Records of few keys are received and finished in any order, against a list for each lane."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = 0
        self.started: list[Record] = []
        self.model: dict[Hashable, list[Record]] = defaultdict(list)

    @initialize(order=st.sampled_from(Order))
    def begin(self, order: Order) -> None:
        self.lanes = Lanes(order)
        self.lane_of = LANE_OF[order]

    @rule(key=st.sampled_from([None, b"", b"a", b"b", b"c"]))
    def receive(self, key: bytes | None) -> None:
        received = record(self.offset, key)
        self.offset += 1
        lane = self.model[self.lane_of(received)]
        lane.append(received)
        may_start = self.lanes.received(received)
        assert may_start == (lane == [received])
        if may_start:
            self.started.append(received)

    @precondition(lambda self: self.started)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        done = self.started.pop(data.draw(st.integers(0, len(self.started) - 1)))
        lane = self.model[self.lane_of(done)]
        assert lane.pop(0) == done
        following = self.lanes.finished(done)
        assert following == (lane[0] if lane else None)
        if following:
            self.started.append(following)

    @rule()
    def finish_everything(self) -> None:
        while self.started:
            following = self.lanes.finished(done := self.started.pop())
            self.model[self.lane_of(done)].remove(done)
            self.started += [following] if following else []
        assert not any(self.model.values())
        assert len(self.lanes) == 0

    @invariant()
    def every_lane_with_records_has_exactly_one_started(self) -> None:
        lanes = [self.lane_of(started) for started in self.started]
        assert sorted(map(repr, lanes)) == sorted(repr(lane) for lane, left in self.model.items() if left)


def test_every_lane_keeps_its_order_and_none_starves_or_leaks() -> None:
    run_state_machine_as_test(
        LanesMachine, settings=settings(max_examples=examples(100), stateful_step_count=40)
    )


@pytest.mark.parametrize("order", list(Order))
def test_an_order_is_written_as_one_word_in_lower_case(order: Order) -> None:
    assert Order(order.name.lower()) is order

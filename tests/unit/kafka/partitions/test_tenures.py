"""Of each partition one tenure is known, and its states follow one another as the table says."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.kafka.partitions.tenures import (
    GONE,
    LEAVING,
    MIXED,
    NEXT,
    PARKED,
    READ,
    UNHEARD,
    UNREAD,
    State,
    Tenure,
    Tenures,
)
from processor.model import Commit, Partition, Position
from tests.support.builders import FIRST, SECOND, THIRD
from tests.support.examples import examples

FIRST_STATES = (UNHEARD, PARKED, UNREAD)
WAYS = {
    UNHEARD: (UNHEARD,),
    READ: (UNHEARD, READ),
    PARKED: (PARKED,),
    UNREAD: (UNREAD,),
    LEAVING: (UNHEARD, LEAVING),
    GONE: (UNHEARD, GONE),
}
"""How a tenure comes to each state but `MIXED`."""


def in_state(state: State) -> Tenures:
    """The first partition is in this state, in epoch 1."""
    tenures = Tenures()
    if state is MIXED:
        tenures.begin(FIRST, 0, 0, UNHEARD)
        tenures.begin(FIRST, 1, 0, UNHEARD)
        return tenures
    first, *others = WAYS[state]
    tenure = tenures.begin(FIRST, 1, 0, first)
    for other in others:
        tenures.become(tenure, other)
    return tenures


def state_of(tenures: Tenures) -> State | None:
    tenure = tenures.find(FIRST)
    return tenure.state if tenure else None


def test_a_message_of_the_library_finds_its_partition_by_topic_and_number() -> None:
    tenures = Tenures()
    tenure = tenures.begin(FIRST, 1, 5, UNHEARD)
    assert tenures.find((FIRST.topic, FIRST.number)) is tenure
    assert tenures.find((FIRST.topic, 99)) is None


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_a_state_is_followed_by_what_the_table_says_and_nothing_else(before: State, after: State) -> None:
    tenures = in_state(before)
    tenure = tenures.find(FIRST)
    assert tenure is not None
    assert tenure.state is before
    if after in NEXT[before] | {before}:
        tenures.become(tenure, after)
    else:
        with pytest.raises(AssertionError):
            tenures.become(tenure, after)
    tenures.check()


@pytest.mark.parametrize("state", State)
def test_a_commit_counts_for_the_tenure_it_was_asked_in_until_that_is_over(state: State) -> None:
    tenures = in_state(state)
    assert tenures.are_current({FIRST: Commit(1, Position(3))}) is (state is not GONE)
    assert not tenures.are_current({FIRST: Commit(2, Position(3))})
    assert not tenures.are_current({FIRST: Commit(1, Position(3)), SECOND: Commit(1, Position(3))})


def test_what_is_asked_back_may_go_when_it_is_released_and_nothing_else_may() -> None:
    tenures = Tenures()
    for partition in (FIRST, SECOND, THIRD):
        tenures.begin(partition, 1, 0, UNHEARD)
    tenures.leave([FIRST, SECOND])
    assert tenures.count(LEAVING) == 2
    assert tenures.ours() == {THIRD}
    tenures.released([FIRST, THIRD])
    assert (tenures.count(LEAVING), state_of(tenures)) == (1, GONE)
    assert tenures.ours() == {THIRD}
    tenures.gone([SECOND, FIRST])
    tenures.settled()
    assert [tenures.find(partition) is None for partition in (FIRST, SECOND, THIRD)] == [True, True, False]
    tenures.check()


def test_a_release_of_an_earlier_tenure_releases_no_later_one() -> None:
    tenures = in_state(LEAVING)
    tenures.gone([FIRST])
    tenures.settled()
    tenures.begin(FIRST, 2, 0, UNHEARD)
    tenures.released([FIRST])
    assert tenures.ours() == {FIRST}


@pytest.mark.parametrize("state", FIRST_STATES)
def test_what_goes_and_comes_back_before_all_is_read_is_not_read_until_it_is(state: State) -> None:
    tenures = in_state(GONE)
    begun = tenures.begin(FIRST, 2, 7, state)
    assert begun.state is (MIXED if state is UNHEARD else state)
    assert tenures.upset() == {FIRST}
    assert tenures.settled() == ([begun] if state is UNHEARD else [])
    assert (tenures.find(FIRST), begun.state, tenures.upset()) == (begun, state, frozenset())
    tenures.check()


STEPS = st.tuples(
    st.sampled_from(["begin", "leave", "released", "gone", "settled", *State]),
    st.sampled_from([[FIRST], [SECOND], [FIRST, THIRD], [FIRST, SECOND, THIRD]]),
    st.sampled_from(FIRST_STATES),
)


def step(tenures: Tenures, what: str | State, partitions: list[Partition], epoch: int, state: State) -> None:
    """One thing happens."""
    if isinstance(what, State):
        for tenure in filter(None, map(tenures.find, partitions)):
            if what in NEXT[tenure.state]:
                tenures.become(tenure, what)
    elif what == "begin":
        for partition in partitions:
            tenures.begin(partition, epoch, 0, state)
    elif what == "settled":
        tenures.settled()
        assert tenures.count(GONE) == tenures.count(MIXED) == 0
    else:
        getattr(tenures, what)(partitions)


@given(st.lists(STEPS, max_size=40))
@settings(max_examples=examples(200))
def test_in_whatever_order_what_is_counted_adds_up_and_what_is_over_stays_so(
    steps: list[tuple[str | State, list[Partition], State]],
) -> None:
    tenures = Tenures()
    over: list[Tenure] = []
    for epoch, (what, partitions, state) in enumerate(steps, 1):
        known = list(filter(None, map(tenures.find, partitions)))
        step(tenures, what, partitions, epoch, state)
        over += [tenure for tenure in known if tenures.find(tenure.partition) is not tenure]
        tenures.check()
        assert all(tenure.state is GONE for tenure in over)
        assert not any(tenures.are_current({t.partition: Commit(t.epoch, Position(1))}) for t in over)

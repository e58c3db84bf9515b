"""What is said to be left bounds the pace, and a header that is wrong hardly does; in virtual time."""

from functools import cache, partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.pace.allowance import Allowance
from processor.model import Quota
from tests.unit.core.pace.limited import TELLING, Liar, Link, Ours, Outcomes, run

KNOWN = 60.0
"""Seconds after which what is reached is counted."""
LONGEST = 300.0
REFUSED = {"bucket, burst 40, 2 a second": 0.12, "fixed second": 0.15, "fixed second, 10 processes": 0.17}
"""Where little is said, or nothing that counts, the rate is learnt by refusals."""


@cache
def outcome(name: str, *, hints: bool = True) -> Outcomes:
    link = TELLING[name]
    return run(link, lambda random: Ours(random, hints=hints), seconds=link.seconds)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TELLING))
def test_a_quota_that_is_told_is_used_and_little_is_refused(name: str) -> None:
    link, found = TELLING[name], outcome(name)
    assert found.rate(KNOWN, link.seconds) >= 0.95 * link.most(KNOWN, link.seconds)
    assert found.share(KNOWN) <= REFUSED.get(name, 0.1)
    assert found.openings == 0


@pytest.mark.slow
def test_of_a_fixed_quota_one_request_is_refused_and_without_hints_most_are() -> None:
    assert len(outcome("fixed minute").pushed_back) == 1
    assert outcome("fixed minute", hints=False).share(KNOWN) > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("remaining", [0, 1, 5, 60])
def test_a_header_that_is_always_wrong_costs_three_waits_of_five_seconds_in_ten_minutes(
    remaining: int,
) -> None:
    link = Link("liar", partial(Liar, remaining=remaining), latency=0.5, tells=True)
    found = run(link, seconds=100.0)
    assert len(found.delivered) >= 0.9 * (100.0 - 3 * 5.0) * 64 / 0.5


# One by one


def known(left: int, reset: float = 60.0, *, at: float = 0.0) -> Allowance:
    allowance = Allowance(LONGEST)
    allowance.heard(Quota(left, reset), at, at)
    return allowance


def trusted(left: int, reset: float = 60.0) -> Allowance:
    """It is known that nothing being left means a refusal."""
    allowance = Allowance(LONGEST)
    allowance.refused(Quota(0, 4.0), -10.0, -10.0)
    allowance.heard(Quota(left, reset), -1.0, 0.0)
    return allowance


def test_nothing_follows_while_more_is_left_than_may_be_under_way() -> None:
    allowance = known(64)
    assert (allowance.room(1.0, 10, 64), allowance.wakes_in(1.0, 10, 64)) == (64, 0.0)


def test_what_is_left_is_spread_over_the_time_that_it_has_to_last() -> None:
    allowance = trusted(10)
    allowance.started(0.0)
    assert allowance.room(0.0, 0, 64) == 0
    assert allowance.wakes_in(0.0, 0, 64) == pytest.approx(6.0)
    assert allowance.room(6.01, 0, 64) == 1
    assert allowance.room(60.0, 0, 64) == 64


def test_what_is_under_way_may_be_counted_already() -> None:
    allowance = trusted(10)
    assert (allowance.room(59.9, 10, 64), allowance.wakes_in(0.0, 10, 64)) == (0, 0.0)
    assert allowance.wakes_in(0.0, 5, 64) == pytest.approx(12.0)


def test_at_first_nothing_left_is_believed_for_a_quarter_of_the_time_then_one_request_tries() -> None:
    allowance = known(0, 8.0)
    assert allowance.wakes_in(0.0, 0, 64) == pytest.approx(2.0)
    assert (allowance.room(2.01, 0, 64), allowance.room(2.01, 1, 64)) == (1, 0)
    assert known(0, 3600.0).wakes_in(0.0, 0, 64) == pytest.approx(5.0)
    assert known(7, 8.0).room(2.01, 3, 64) == 4


def test_a_refusal_that_was_foretold_makes_it_believed_whole_and_never_longer_than_the_longest() -> None:
    allowance = known(0, 50.0)
    allowance.refused(None, 6.0, 6.1)
    assert allowance.wakes_in(10.0, 0, 64) == pytest.approx(40.0)
    allowance = known(0, 3600.0)
    allowance.refused(Quota(0, 3600.0), 6.0, 6.0)
    assert allowance.wakes_in(6.0, 0, 64) == pytest.approx(LONGEST)


@pytest.mark.parametrize("sent_at", [-1.0, 70.0])
def test_a_refusal_of_another_time_proves_nothing(sent_at: float) -> None:
    allowance = known(0, 50.0)
    allowance.refused(Quota(3, 50.0), sent_at, max(1.0, sent_at))
    assert allowance.wakes_in(0.0, 0, 64) == pytest.approx(5.0)


def test_three_answers_by_which_no_less_is_left_end_it_for_ten_minutes() -> None:
    allowance = known(3)
    for tick in range(1, 4):
        assert allowance.is_known
        allowance.heard(Quota(3, 60.0), tick - 0.5, float(tick))
    assert not allowance.is_known
    allowance.heard(Quota(0, 60.0), 500.0, 600.0)
    allowance.refused(Quota(0, 60.0), 500.0, 600.0)
    assert not allowance.is_known
    allowance.heard(Quota(0, 60.0), 603.0, 603.5)
    assert allowance.is_known


def test_less_that_is_left_in_between_takes_doubts_away_and_a_reset_that_is_near_raises_none() -> None:
    allowance = known(30)
    for tick in range(1, 20):
        allowance.heard(Quota(30 - tick // 2, 60.0), tick - 0.5, float(tick))
    assert allowance.is_known
    allowance = known(30, 4.0)
    for tick in range(1, 20):
        allowance.heard(Quota(30, 4.0), 3.5 * tick - 0.5, 3.5 * tick)
    assert allowance.is_known


def test_an_answer_to_what_left_before_can_only_take_away() -> None:
    allowance = trusted(10)
    allowance.heard(Quota(20, 60.0), -0.5, 1.0)
    assert allowance.wakes_in(0.0, 0, 64) == pytest.approx(6.0)
    allowance.heard(Quota(5, 60.0), -0.5, 1.0)
    assert allowance.wakes_in(0.0, 0, 64) == pytest.approx(12.0)


facts = st.tuples(
    st.sampled_from(["started", "heard", "refused", "refused, and told"]),
    st.floats(0, 400, allow_subnormal=False),
    st.floats(0, 20, allow_subnormal=False),
    st.builds(Quota, st.integers(0, 100), st.floats(3.1, 1e9, allow_subnormal=False)),
)


@given(sequence=st.lists(facts, max_size=60))
def test_whatever_is_told_time_alone_brings_room_and_never_later_than_the_longest(
    sequence: list[tuple[str, float, float, Quota]],
) -> None:
    allowance, now = Allowance(LONGEST), 0.0
    for fact, later, latency, quota in sequence:
        now += later
        match fact:
            case "started":
                allowance.started(now)
            case "heard":
                allowance.heard(quota, now - latency, now)
            case _:
                told = quota if fact == "refused, and told" else None
                allowance.refused(told, now - latency, now)
        if not allowance.is_known:
            continue
        wait = allowance.wakes_in(now, 0, 64)
        assert 0 <= wait <= LONGEST + 1e-3
        assert (wait > 0) is (allowance.room(now, 0, 64) < 1)
        assert allowance.room(now + wait + 1e-3, 0, 64) >= 1

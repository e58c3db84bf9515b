"""What a refusal of who sends means, and how often another credential is asked for."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from processor.core.services.refusals import FRESH_SECONDS, LONGEST_SECONDS, Refusals, Verdict


def test_what_left_with_an_older_one_is_sent_again() -> None:
    refusals = Refusals()
    old, new = refusals.got(0.0), refusals.got(100.0)
    assert refusals.judged(old, 100.0) is Verdict.AGAIN
    assert refusals.judged(new, 100.0) is Verdict.STANDS


def test_the_current_one_is_got_anew_once_it_is_not_fresh() -> None:
    refusals = Refusals()
    now = refusals.got(0.0)
    assert refusals.judged(now, FRESH_SECONDS - 0.1) is Verdict.STANDS
    assert refusals.judged(now, FRESH_SECONDS) is Verdict.REFRESH


def test_what_was_looked_for_and_is_the_same_is_fresh() -> None:
    refusals = Refusals(0.25, rarer=1.0)
    now = refusals.got(0.0)
    assert refusals.judged(now, 1.0) is Verdict.REFRESH
    refusals.confirmed(1.0)
    assert refusals.judged(now, 1.1) is Verdict.STANDS
    assert refusals.judged(now, 1.3) is Verdict.REFRESH


def test_where_none_is_ever_taken_they_are_got_ever_more_rarely() -> None:
    refusals, times = Refusals(), list[int]()
    generation = refusals.got(-100.0)
    for now in range(1200):
        if refusals.judged(generation, float(now)) is Verdict.REFRESH:
            times.append(now)
            generation = refusals.got(float(now))
    assert [now for now in times if now < 60] == [0, 15]
    assert all(later - earlier <= LONGEST_SECONDS for earlier, later in itertools.pairwise(times))


def test_one_that_is_taken_is_beyond_doubt() -> None:
    refusals = Refusals()
    assert refusals.judged(refusals.got(0.0), 10.0) is Verdict.REFRESH
    generation, was = refusals.got(10.0), refusals.is_doubted
    refusals.taken()
    assert (was, refusals.is_doubted) == (True, False)
    assert refusals.judged(generation, 10.0 + FRESH_SECONDS) is Verdict.REFRESH


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=80))
def test_two_are_never_asked_for_within_the_time_that_one_is_fresh(steps: list[tuple[float, bool]]) -> None:
    refusals, now, asked = Refusals(), 0.0, list[float]()
    generation = refusals.got(now)
    for seconds, is_taken in steps:
        now += seconds
        if is_taken:
            refusals.taken()
        elif refusals.judged(generation, now) is Verdict.REFRESH:
            asked.append(now)
            generation = refusals.got(now)
    assert all(later - earlier >= FRESH_SECONDS for earlier, later in itertools.pairwise(asked))

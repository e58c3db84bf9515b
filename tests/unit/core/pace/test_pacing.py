"""An endpoint that limits its rate gets what it takes, and hardly more; in virtual time."""

import math
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.pace.pacing import Pacing, PacingPolicy
from tests.unit.core.pace.limited import LEARNT, LINKS, Link, Ours, Outcomes, run

SECONDS = 40.0
SLOW = {
    "bucket, 100 then 200 a second": 0.75,
    "bucket, 429 and Retry-After, 500 ms": 0.75,
    "bucket, 429 and Retry-After, 2 processes": 0.75,
    "bucket of 1,000 a second": 0.6,
    "fixed window, 429 and Retry-After": 0.8,
}
"""Where each refusal costs a pause of a second, or a limit is found anew, learning takes longer; and where
the number under way is all but right, too little is pushed back for a rate."""


@cache
def outcome(name: str) -> Outcomes:
    return run(LINKS[name], seconds=SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LINKS))
def test_most_of_a_limit_is_used_from_the_tenth_second_on_and_little_is_refused(name: str) -> None:
    found = outcome(name)
    used = found.rate(LEARNT, SECONDS) / LINKS[name].most(LEARNT, SECONDS)
    assert used >= SLOW.get(name, 0.85)
    assert found.share(LEARNT) <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(name for name, link in LINKS.items() if link.processes == 1))
def test_the_circuit_stays_closed_while_a_steady_share_is_delivered(name: str) -> None:
    assert outcome(name).openings == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bucket", "fixed window", "sliding window", "bucket, 1 ms"])
def test_a_backlog_is_delivered_in_less_than_twice_the_time_that_it_takes(name: str) -> None:
    backlog = 3000
    ideal = backlog / 100.0 / 2
    assert outcome(name).mean_until(backlog) <= 2 * ideal


def test_without_a_learnt_rate_most_is_refused() -> None:
    found = run(LINKS["bucket, 1 ms"], lambda random: Ours(random, pacing=False), seconds=20.0)
    assert found.share(LEARNT) > 0.5


def test_processes_that_share_a_limit_each_get_some_of_it() -> None:
    link = LINKS["bucket, 2 processes"]
    doors: list[Ours] = []

    def door(random: object) -> Ours:
        doors.append(Ours(random))  # type: ignore[arg-type]
        return doors[-1]

    run(link, door, seconds=SECONDS)
    assert min(each.admission.delivered() for each in doors) > 0.2 * 100.0 * SECONDS


@pytest.mark.slow
@pytest.mark.parametrize(("broken", "share"), [(0.01, 0.95), (0.03, 0.95), (0.05, 0.6)])
def test_an_endpoint_that_refuses_some_whatever_it_gets_is_not_slowed(broken: float, share: float) -> None:
    found = run(Link("no limit", quota=None, broken=broken), seconds=30.0)
    assert found.rate(LEARNT, 30.0) >= share * (64 / 0.05) * (30.0 - LEARNT)
    assert found.openings == 0


def test_where_nothing_is_refused_there_is_no_rate() -> None:
    doors: list[Ours] = []

    def door(random: object) -> Ours:
        doors.append(Ours(random))  # type: ignore[arg-type]
        return doors[-1]

    run(Link("no limit", quota=None), door, seconds=10.0)
    assert doors[0].admission.learnt_rate() is None


# One by one


def rate_of(pacing: Pacing) -> float | None:
    """Asked anew each time."""
    return pacing.rate


def answers(pacing: Pacing, now: float, taken: float, seconds: float, *, offered: float = 1000.0) -> float:
    """So many a second are offered, or as many as its rate says, and `taken` are delivered; its end."""
    end, credit = now + seconds, 0.0
    while now < end:
        step = 1 / (offered if pacing.rate is None else min(offered, pacing.rate))
        now += step
        credit = min(1.0, credit + step * taken)
        delivered = credit >= 1 - 1e-9
        credit -= delivered
        pacing.started(now)
        pacing.ended(now, now, pushed_back=not delivered)
    return now


def test_it_is_learnt_where_a_tenth_is_refused_and_forgotten_where_a_fraction_is_refused_no_less() -> None:
    pacing = Pacing(PacingPolicy())
    now = answers(pacing, 0.0, 100.0, 10.0)
    assert pacing.rate == pytest.approx(100.0, rel=0.2)
    for tick in range(100_000):
        now += 1 / (pacing.rate or 1000.0)
        pacing.ended(now, now, pushed_back=tick % 2 == 0)
        if pacing.rate is None:
            break
    assert pacing.rate is None
    assert not pacing.is_awake
    answers(pacing, now, 100.0, 5.0)
    assert pacing.rate is None


def test_an_endpoint_that_has_become_faster_is_used_within_a_minute() -> None:
    pacing = Pacing(PacingPolicy())
    now = answers(pacing, 0.0, 50.0, 10.0)
    assert pacing.rate is not None
    answers(pacing, now, 500.0, 40.0, offered=500.0)
    assert pacing.rate > 400.0


def test_a_rate_of_which_little_is_used_does_not_grow() -> None:
    pacing = Pacing(PacingPolicy())
    now = answers(pacing, 0.0, 100.0, 15.0)
    before = pacing.rate
    assert before is not None
    for _ in range(300):
        now += 0.1
        pacing.ended(now, now, pushed_back=False)
    assert pacing.rate is not None
    assert pacing.rate <= before


def test_after_a_minute_without_a_refusal_there_is_no_rate() -> None:
    pacing = Pacing(PacingPolicy())
    now = answers(pacing, 0.0, 100.0, 5.0)
    assert pacing.rate is not None
    for _ in range(62):
        now += 1.0
        pacing.ended(now, now, pushed_back=False)
    assert (rate_of(pacing), pacing.is_awake) == (None, False)


@pytest.mark.parametrize("apart", [5.0, 59.0])
def test_a_low_rate_grows_out_of_itself_though_a_record_is_refused_for_ever(apart: float) -> None:
    pacing = Pacing(PacingPolicy())
    now = answers(pacing, 0.0, 1.0, 20.0, offered=20.0)
    assert pacing.rate is not None
    assert pacing.rate < 3.0
    refused_at = now
    while (rate_of(pacing) or math.inf) < 50.0:
        wait = max(pacing.wakes_in(now), 0.02)
        now += wait
        pacing.started(now)
        if now - refused_at >= apart:
            refused_at = now
            pacing.ended(now, now, pushed_back=True)
        else:
            pacing.ended(now, now, pushed_back=False)
        assert now < 300.0


def test_answers_of_another_time_make_no_rate() -> None:
    pacing = Pacing(PacingPolicy())
    for tick in range(9):
        pacing.ended(tick * 0.1, tick * 0.1, pushed_back=tick < 5)
    pacing.ended(60.0, 60.0, pushed_back=False)
    assert pacing.rate is None


def test_what_was_sent_before_a_cut_is_not_held_against_the_new_rate() -> None:
    pacing = Pacing(PacingPolicy())
    now = answers(pacing, 0.0, 100.0, 5.0)
    before = pacing.rate
    for _ in range(1000):
        pacing.ended(now + 1.0, 0.0, pushed_back=True)
    assert pacing.rate == before


def test_one_pause_is_listened_to_for_some_seconds_and_makes_no_rate() -> None:
    pacing = Pacing(PacingPolicy())
    pacing.ended(0.0, 0.0, pushed_back=True, pause=1.0)
    for tick in range(25):
        pacing.ended(1.0 + tick * 0.05, 1.0, pushed_back=False)
    assert (rate_of(pacing), pacing.is_awake) == (None, True)
    for tick in range(100):
        pacing.ended(2.3 + tick * 0.05, 2.3, pushed_back=False)
    assert (rate_of(pacing), pacing.is_awake) == (None, False)


@pytest.mark.parametrize("apart", [0.6, 10.0])
def test_a_few_refusals_that_come_now_and_then_are_no_rate(apart: float) -> None:
    pacing = Pacing(PacingPolicy())
    for tick in range(300):
        pacing.ended(tick * apart, tick * apart, pushed_back=tick % 2 == 0)
    assert pacing.rate is None


def test_switched_off_it_learns_nothing() -> None:
    pacing = Pacing(PacingPolicy(enabled=False))
    answers(pacing, 0.0, 10.0, 20.0)
    assert (pacing.rate, pacing.is_awake) == (None, False)


facts = st.tuples(
    st.sampled_from(["started", "delivered", "pushed back"]),
    st.integers(1, 200),
    st.floats(0, 3, allow_subnormal=False),
    st.floats(0, 2, allow_subnormal=False),
    st.sampled_from([0.0, 0.0, 0.0, 1.0, 300.0]),
)


@given(sequence=st.lists(facts, max_size=80))
def test_whatever_is_told_the_rate_is_a_number_above_nothing_and_time_alone_brings_room(
    sequence: list[tuple[str, int, float, float, float]],
) -> None:
    pacing, now = Pacing(PacingPolicy()), 0.0
    for fact, times, later, latency, pause in sequence:
        now += later
        for number in range(times):
            at = now + number * 1e-3
            if fact == "started":
                pacing.started(at)
            else:
                is_refused = fact == "pushed back"
                pacing.ended(at, at - latency, pushed_back=is_refused, pause=pause if is_refused else 0.0)
        now += times * 1e-3
        assert pacing.rate is None or 0 < pacing.rate < 1e9
        if pacing.rate is not None:
            wait = pacing.wakes_in(now)
            assert (wait > 0) is (pacing.room(now) < 1)
            assert pacing.room(now + wait + 1e-6) >= 1 or wait == 0.0

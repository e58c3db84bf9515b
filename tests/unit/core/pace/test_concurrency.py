"""The limit is as high as it is worth, reached quickly, and left only for a reason; in virtual time."""

from collections.abc import Callable
from functools import cache, partial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.pace.concurrency import Concurrency, ConcurrencyPolicy
from tests.unit.core.pace.links import (
    BASE,
    RULES,
    SCENARIOS,
    Fixed,
    Outcome,
    Reply,
    collapsing,
    constant,
    jittery,
    refusing,
    run,
    servers,
    table,
    then,
)
from tests.unit.core.request.vector_arc import VectorArc

SEEDS = range(2)


STEADY = {"constant", "constant, up to 512", "16 servers", "8 servers, then 48", "48 servers, then 8"}
"""Nothing is left to chance in them: every seed is the same."""


def outcome(name: str, rule: str = "ours", seed: int = 0) -> Outcome:
    return played(name, rule, 0 if name in STEADY else seed)


@cache
def played(name: str, rule: str, seed: int) -> Outcome:
    scenario = SCENARIOS[name]
    return scenario.run(RULES[rule](scenario), seed)


def best(name: str, seed: int = 0) -> Outcome:
    return outcome(name, "the best", seed)


def answer(
    rule: Concurrency, count: int, now: float = 1.0, *, sent_at: float = 0.9, pushed_back: bool
) -> None:
    """So many answers of one moment, the limit having been reached before."""
    for _ in range(count):
        rule.started(rule.limit())
        rule.ended(now, sent_at, pushed_back)


def arriving(rate: float) -> Callable[[], float]:
    """Seconds between two events that come at random."""
    return partial(Random(1).expovariate, rate)


# Throughput and latency


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("constant", 0.97),
        ("constant, up to 512", 0.9),
        ("exponential jitter", 0.9),
        ("lognormal jitter", 0.9),
        ("16 servers", 0.97),
        ("16 servers, exponential", 0.9),
        ("slower by every request", 0.9),
        ("collapse beyond 24", 0.9),
        ("429 beyond 20", 0.97),
        ("time-out of 1 s beyond 24", 0.93),
        ("503 for 1 % at random", 0.95),
        ("5 times slower for 15 s", 0.95),
        ("latency that drifts", 0.95),
        ("8 servers, then 48", 0.9),
        ("48 servers, then 8", 0.95),
    ],
)
def test_nearly_as_much_is_delivered_as_with_the_best_limit_known_beforehand(
    name: str, share: float, seed: int
) -> None:
    assert outcome(name, "ours", seed).throughput() >= share * best(name, seed).throughput()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_more_is_delivered_than_by_the_rule_of_vector(name: str, seed: int) -> None:
    assert outcome(name, "ours", seed).throughput() > outcome(name, "Vector's", seed).throughput()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("name", "most"), [("16 servers", 1.1), ("16 servers, exponential", 1.7), ("collapse beyond 24", 1.15)]
)
def test_no_queue_is_built_up_where_it_brings_nothing(name: str, most: float, seed: int) -> None:
    assert outcome(name, "ours", seed).mean_latency() <= most * BASE
    assert outcome(name, "the maximum", seed).mean_latency() > 3.9 * BASE


@pytest.mark.slow
def test_latency_that_brings_throughput_is_accepted() -> None:
    assert outcome("slower by every request").limit_at(20.0) >= 48


# On the way up


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("constant", 0.25),
        ("constant, up to 512", 0.9),
        ("exponential jitter", 1.0),
        ("lognormal jitter", 1.0),
        ("429 beyond 20", 0.5),
    ],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_nine_tenths_of_the_throughput_are_reached_within_a_few_round_trips(
    name: str, most: float, seed: int
) -> None:
    wanted = 0.9 * best(name, seed).throughput()
    assert outcome(name, "ours", seed).reached(wanted) <= most
    assert outcome(name, "Vector's", seed).reached(wanted) > 2 * most


def test_after_an_outage_it_begins_low_and_doubles() -> None:
    rule = Concurrency(ConcurrencyPolicy())
    run(rule, constant, 2.0)
    assert rule.limit() >= 57
    rule.restarted()
    seen = [limit for _, limit in run(rule, constant, 1.0, begin=3.0).limits]
    assert seen[:5] == [4, 8, 16, 32, 64]


def test_after_an_outage_it_begins_no_higher_than_it_was() -> None:
    rule = Concurrency(ConcurrencyPolicy())
    for moment in range(1, 20):
        answer(rule, 64, float(moment), sent_at=float(moment), pushed_back=True)
    assert rule.limit() == 1
    rule.restarted()
    assert rule.limit() == 1


def test_after_an_outage_it_does_not_wait_for_the_time_outs_of_before() -> None:
    rule = Concurrency(ConcurrencyPolicy())
    answer(rule, 1, 10.0, sent_at=9.9, pushed_back=False)
    answer(rule, 5, 10.0, sent_at=5.0, pushed_back=True)
    assert rule.limit() == 11
    rule.restarted()
    assert run(rule, constant, 1.0, begin=10.0).highest() == 64


@pytest.mark.slow
def test_late_time_outs_are_waited_for_ever_less_once_they_do_not_come() -> None:
    link = then(refusing(Random(1), 24, 2.0), constant, 15.0)
    found = run(Concurrency(ConcurrencyPolicy(max_in_flight=512)), link, 40.0)
    assert found.reached(0.9 * 512 / BASE, begin=15.0) < 9.0


# Push-back


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_at_a_hard_limit_hardly_anything_is_pushed_back(seed: int) -> None:
    assert outcome("429 beyond 20", "ours", seed).refused_share() < 0.01
    assert outcome("429 beyond 20", "Vector's", seed).refused_share() > 0.02
    assert outcome("429 beyond 20", "the maximum", seed).refused_share() > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_hard_limit_that_shows_only_in_late_time_outs_is_found_too(seed: int) -> None:
    assert outcome("time-out of 1 s beyond 24", "ours", seed).refused_share(10.0) < 0.02
    assert outcome("time-out of 1 s beyond 24", "the maximum", seed).refused_share(10.0) > 0.07


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_hundredth_of_503s_lowers_nothing(seed: int) -> None:
    assert outcome("503 for 1 % at random", "ours", seed).lowest(5.0) >= 51


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_while_everything_is_pushed_back_little_is_sent_and_soon_afterwards_all_again(seed: int) -> None:
    found = outcome("503 for 10 s", "ours", seed)
    assert found.limit_at(12.0) == 1
    assert found.limit_at(19.9) == 1
    assert found.reached(0.9 * best("503 for 10 s", seed).throughput(20.0), begin=20.0) < 2.0


def test_after_an_outage_that_shows_in_time_outs_it_is_back_within_seconds_too() -> None:
    def link(now: float, in_flight: int) -> Reply:
        return Reply(2.0, True) if 5.0 <= now < 15.0 else Reply(BASE)

    found = run(Concurrency(ConcurrencyPolicy()), link, 20.0)
    assert found.limit_at(14.9) < 16
    assert found.reached(0.9 * 64 / BASE, begin=15.0) < 3.0


def test_pardoned_push_backs_are_no_deliveries() -> None:
    found = run(Concurrency(ConcurrencyPolicy()), refusing(Random(1), 4, BASE), 30.0)
    assert found.refused_share(5.0) < 0.02


def test_a_few_push_backs_are_pardoned_and_one_more_is_not() -> None:
    rule = Concurrency(ConcurrencyPolicy())
    answer(rule, 4, pushed_back=True)
    assert rule.limit() == 16
    answer(rule, 1, pushed_back=True)
    assert rule.limit() == 11


def test_pardons_are_renewed_with_every_round() -> None:
    rule = Concurrency(ConcurrencyPolicy(max_in_flight=17))
    for moment in range(1, 200):
        answer(rule, 1, float(moment), sent_at=moment - 0.05, pushed_back=moment % 20 == 0)
    assert rule.limit() >= 15


def test_what_was_sent_before_the_limit_was_lowered_does_not_lower_it_again() -> None:
    rule = Concurrency(ConcurrencyPolicy())
    answer(rule, 64, pushed_back=True)
    assert rule.limit() == 11
    answer(rule, 64, 2.0, sent_at=1.0, pushed_back=True)
    assert rule.limit() == 8


def test_what_was_sent_before_a_restart_does_not_lower_it() -> None:
    rule = Concurrency(ConcurrencyPolicy())
    answer(rule, 1, pushed_back=False)
    rule.restarted()
    answer(rule, 64, 2.0, sent_at=0.5, pushed_back=True)
    assert rule.limit() == 4


# What is not the load's fault


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_an_endpoint_that_turns_slow_whatever_is_under_way_is_not_sent_less(seed: int) -> None:
    found = outcome("5 times slower for 15 s", "ours", seed)
    assert found.lowest(1.0) >= 40
    assert found.throughput(16.0, 30.0) > 0.93 * 64 / (5 * BASE)
    assert found.throughput(31.0, 45.0) > 0.93 * 64 / BASE


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_an_endpoint_that_loses_servers_gets_less_and_one_that_gains_some_gets_more(seed: int) -> None:
    fewer, more = outcome("48 servers, then 8", "ours", seed), outcome("8 servers, then 48", "ours", seed)
    assert fewer.limit_at(19.0) >= 40
    assert fewer.limit_at(32.0) <= 14
    assert more.limit_at(19.0) <= 14
    assert more.limit_at(26.0) >= 40


def test_an_endpoint_that_never_queued_and_begins_to_gets_less_within_seconds() -> None:
    found = run(Concurrency(ConcurrencyPolicy()), then(constant, servers(8), 30.0), 40.0)
    assert found.limit_at(29.0) >= 57
    assert found.limit_at(39.9) <= 14


def test_where_the_latency_no_longer_jitters_only_near_limits_are_tried_again() -> None:
    found = run(Concurrency(ConcurrencyPolicy()), then(jittery(Random(1)), collapsing(Random(2)), 20.0), 50.0)
    assert found.lowest(35.0) >= 18
    assert found.throughput(35.0, 50.0) > 0.9 * 24 / BASE


# What is promised whatever happens


def test_the_limit_does_not_grow_while_requests_do_not_reach_it() -> None:
    found = run(Concurrency(ConcurrencyPolicy()), jittery(Random(2)), 30.0, arriving(100.0))
    assert found.highest() == 16


def test_a_load_that_reaches_it_at_times_is_not_slowed_by_it() -> None:
    for rate in (288.0, 150.0):
        ours, free = (
            run(rule, servers(16), 30.0, arriving(rate))
            for rule in (Concurrency(ConcurrencyPolicy()), Fixed(64))
        )
        assert ours.throughput() > 0.99 * free.throughput()
        assert ours.lowest() >= 12


@pytest.mark.slow
@pytest.mark.parametrize("name", ["429 beyond 20", "503 for 10 s", "16 servers"])
def test_a_limit_that_is_not_adaptive_is_always_the_maximum(name: str) -> None:
    rule = Concurrency(ConcurrencyPolicy(max_in_flight=40, adaptive=False))
    found = SCENARIOS[name].run(rule, 0)
    rule.restarted()
    assert (found.lowest(), found.highest(), rule.limit()) == (40, 40, 40)


def test_a_floor_that_is_the_maximum_is_always_the_limit() -> None:
    found = SCENARIOS["429 beyond 20"].run(Concurrency(ConcurrencyPolicy(max_in_flight=30, floor=30)), 0)
    assert (found.lowest(), found.highest()) == (30, 30)


@pytest.mark.parametrize("maximum", range(2, 6))
def test_small_limits_are_used_as_well(maximum: int) -> None:
    found = run(Concurrency(ConcurrencyPolicy(max_in_flight=maximum)), jittery(Random(1)), 60.0)
    assert found.throughput() > 0.8 * maximum / BASE


facts = st.tuples(
    st.sampled_from(["ended", "ended", "ended", "restarted"]),
    st.integers(1, 300),
    st.floats(0, 2, allow_subnormal=False),
    st.floats(-1, 60, allow_subnormal=False),
    st.sampled_from([False, False, False, True]),
    st.booleans(),
)


@given(
    bounds=st.tuples(st.integers(1, 600), st.integers(1, 600)).map(sorted),
    sequence=st.lists(facts, max_size=60),
)
def test_the_limit_stays_between_floor_and_maximum_whatever_is_told(
    bounds: list[int], sequence: list[tuple[str, int, float, float, bool, bool]]
) -> None:
    floor, maximum = bounds
    rule = Concurrency(ConcurrencyPolicy(max_in_flight=maximum, floor=floor))
    now = 0.0
    for fact, times, later, latency, pushed_back, reached in sequence:
        now += later
        if fact == "restarted":
            rule.restarted()
        for _ in range(times):
            rule.started(rule.limit() if reached else 1)
            rule.ended(now, now - latency, pushed_back)
            assert floor <= rule.limit() <= maximum


# The comparison itself


def test_the_rule_of_vector_adds_one_a_round_trip_and_takes_a_tenth_off_when_pushed_back() -> None:
    rule = VectorArc(64)
    run(rule, constant, 1.0)
    assert 18 <= rule.limit() <= 20
    before = rule.limit()
    rule.ended(2.0, 1.95, True)
    assert rule.limit() == int(before * 0.9)


def test_the_rule_of_vector_takes_a_tenth_off_when_it_turns_slow() -> None:
    rule = VectorArc(64)
    run(rule, constant, 1.0)
    before = rule.limit()
    rule.ended(2.0, 1.0, False)
    assert rule.limit() == int(before * 0.9)


@pytest.mark.slow
def test_the_table_has_a_row_for_every_endpoint() -> None:
    lines = table(range(1), [SCENARIOS["16 servers"], SCENARIOS["429 beyond 20"]]).splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1

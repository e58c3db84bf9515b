"""In no span of time does more leave than the rate and the burst allow, and what may leave does."""

from hypothesis import given
from hypothesis import strategies as st

from processor.core.pace.rate import Rate, RatePolicy

NOW = 5000.0


def test_at_first_a_burst_may_leave() -> None:
    assert Rate(RatePolicy(10.0, 4)).room(NOW) == 4


def test_what_left_comes_back_with_time_up_to_the_burst() -> None:
    rate = Rate(RatePolicy(10.0, 2))
    rate.started(NOW)
    rate.started(NOW)
    assert [rate.room(NOW + after) for after in (0.0, 0.05, 0.15, 0.25, 100.0)] == [0, 0, 1, 2, 2]


def test_a_clock_that_stands_still_or_goes_back_brings_nothing() -> None:
    rate = Rate(RatePolicy(10.0, 1))
    rate.started(NOW)
    assert rate.room(NOW - 100.0) == 0


@given(st.floats(0.01, 10_000), st.integers(1, 50), st.lists(st.floats(0.0, 3.0), max_size=60))
def test_no_span_of_time_sees_more_than_the_burst_and_the_rate(
    per_second: float, burst: int, pauses: list[float]
) -> None:
    rate, now, left = Rate(RatePolicy(per_second, burst)), NOW, [NOW]
    for pause in pauses:
        now += pause
        while rate.room(now) > 0:
            rate.started(now)
            left.append(now)
    left = left[1:]
    for first, start in enumerate(left):
        for last in range(first, len(left)):
            assert last - first + 1 <= burst + per_second * (left[last] - start) + 1e-6


@given(st.floats(0.01, 10_000), st.integers(1, 5), st.floats(0.0, 1e6))
def test_who_waits_as_long_as_is_said_finds_room(per_second: float, burst: int, at: float) -> None:
    rate = Rate(RatePolicy(per_second, burst))
    for _ in range(burst):
        rate.started(at)
    now, waits = at, 0
    while (wait := rate.wakes_in(now)) > 0:
        assert rate.room(now) == 0
        now, waits = now + wait, waits + 1
        assert waits < 5
    assert rate.room(now) >= 1

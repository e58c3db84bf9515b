"""Which records are followed: by whom, how many of all, and how many at most."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.tracing.sampling import Sampling, SamplingPolicy
from processor.core.request.tracing.trace_context import TraceContext


def context(trace: int, flags: str = "00") -> TraceContext:
    """A record's."""
    return TraceContext(f"00-{trace:032x}-{1:016x}-{flags}")


def test_by_the_parent_those_are_followed_whose_producer_keeps_their_trace() -> None:
    sampling = Sampling(SamplingPolicy())
    assert sampling.wants(context(1, "01"), 0.0)
    assert not sampling.wants(context(1, "00"), 0.0)
    assert not sampling.wants(None, 0.0)


@pytest.mark.parametrize("flags", ["00", "01"])
def test_by_a_share_all_decide_alike_for_one_trace(flags: str) -> None:
    sampling = Sampling(SamplingPolicy(0.25))
    quarter = (1 << 56) // 4
    assert sampling.wants(context(quarter - 1, flags), 1.0)
    assert not sampling.wants(context(quarter + 1, flags), 0.0)
    assert sampling.wants(context((7 << 56) | 1, flags), 1.0)


def test_by_a_share_chance_decides_where_there_is_no_trace() -> None:
    sampling = Sampling(SamplingPolicy(0.25))
    assert sampling.wants(None, 0.24)
    assert not sampling.wants(None, 0.26)


@pytest.mark.parametrize(("share", "wanted"), [(0.0, False), (1.0, True)])
def test_none_and_all_are_shares(share: float, wanted: bool) -> None:
    sampling = Sampling(SamplingPolicy(share))
    assert sampling.wants(None, 0.999) is wanted
    assert sampling.wants(context(12345), 0.5) is wanted


@given(
    st.floats(0.1, 1000.0),
    st.lists(st.floats(-10.0, 10.0), min_size=1, max_size=300),
)
def test_never_more_than_so_many_a_second_whatever_the_clock_does(most: float, steps: list[float]) -> None:
    sampling = Sampling(SamplingPolicy(1.0, most))
    now, forward, taken = 1_000_000.0, 0.0, 0
    for step in steps:
        now += step
        forward += max(0.0, step)
        taken += sampling.takes(now)
    assert taken <= max(1.0, most) + most * forward + 1e-6


def test_what_is_not_used_is_not_saved_up_for_longer_than_a_second() -> None:
    sampling = Sampling(SamplingPolicy(1.0, 5.0))
    assert sum(sampling.takes(0.0) for _ in range(10)) == 5
    assert sum(sampling.takes(100.0) for _ in range(10)) == 5
    assert sum(sampling.takes(100.2) for _ in range(10)) == 1

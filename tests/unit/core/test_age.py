"""An age is bounded on both sides, or it is unknown and said why."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from processor.core.age import AHEAD_SECONDS, LONGEST_SECONDS, Age, Unknown, age, known

NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (NOW, 0.0),
        (NOW - 1.5, 1.5),
        (NOW - LONGEST_SECONDS, LONGEST_SECONDS),
        (NOW + 0.5, 0.0),
        (NOW + AHEAD_SECONDS, 0.0),
        (None, Unknown.MISSING),
        (NOW + AHEAD_SECONDS + 1, Unknown.AHEAD),
        (2.0**62 / 1000, Unknown.AHEAD),
        (NOW - LONGEST_SECONDS - 1, Unknown.ANCIENT),
        (0.0, Unknown.ANCIENT),
        (NOW / 1000, Unknown.ANCIENT),
    ],
)
def test_an_age_is_what_the_timestamp_can_tell(timestamp: float | None, expected: Age) -> None:
    assert age(timestamp, NOW) == expected
    assert known(age(timestamp, NOW)) == (None if isinstance(expected, Unknown) else expected)


@given(some.none() | some.floats(allow_nan=False, min_value=-(2.0**63), max_value=2.0**63))
def test_an_age_is_never_out_of_bounds(timestamp: float | None) -> None:
    seconds = known(age(timestamp, NOW))
    assert seconds is None or (0.0 <= seconds <= LONGEST_SECONDS and math.isfinite(seconds))

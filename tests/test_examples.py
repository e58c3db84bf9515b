"""The search for examples depends on no machine, wherever a property stands."""

from hypothesis import HealthCheck, settings


def test_no_property_fails_because_a_machine_is_slow_or_a_search_lucky() -> None:
    profile = settings()
    assert profile.deadline is None
    assert profile.derandomize
    assert HealthCheck.too_slow in profile.suppress_health_check

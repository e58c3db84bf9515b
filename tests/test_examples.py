"""The search for examples depends on no machine, wherever a property stands."""

import pytest
from hypothesis import HealthCheck, settings

from tests.support.examples import EXAMPLES, QUICK, WHOLE, examples


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_property_fails_because_a_machine_is_slow_or_a_search_lucky(name: str) -> None:
    profile = settings.get_profile(name)
    assert profile.deadline is None
    assert profile.derandomize
    assert HealthCheck.too_slow in profile.suppress_health_check


def test_a_property_with_a_number_of_its_own_has_its_share_in_every_profile() -> None:
    shares = {}
    for name in EXAMPLES:
        settings.load_profile(name)
        shares[name] = [examples(number) for number in (1000, 30, 1)]
    settings.load_profile(WHOLE)
    assert shares == {WHOLE: [1000, 30, 1], QUICK: [100, 3, 1]}

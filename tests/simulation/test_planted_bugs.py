"""The simulation finds the bugs that others had, each within a few hundred histories.

A history that told of one before is asked first; where it no longer does, the search takes longer.
"""

import pytest

from tests.simulation.history import happen
from tests.simulation.planted import BUGS, MOST_SEEDS, Bug, find, planted


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_a_planted_bug_is_found(bug: Bug) -> None:
    found = find(bug, (bug.seed, *range(MOST_SEEDS)))
    assert found is not None, f"not found in {MOST_SEEDS} histories"
    assert not isinstance(found.broken.__cause__, TypeError), "the product calls it otherwise by now"


def test_nothing_stays_planted() -> None:
    before = [getattr(owner, name) for bug in BUGS for owner, name, _ in bug.replacements]
    for bug in BUGS:
        with planted(bug.replacements):
            assert all(getattr(owner, name) is buggy for owner, name, buggy in bug.replacements)
    assert [getattr(owner, name) for bug in BUGS for owner, name, _ in bug.replacements] == before


def test_a_planted_bug_is_found_by_the_same_seed_again() -> None:
    bug = BUGS[0]
    found = find(bug)
    assert found is not None
    with planted(bug.replacements):
        again = happen(found.seed).broken
    assert str(again) == str(found.broken)

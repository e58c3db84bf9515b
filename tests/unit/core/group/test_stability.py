"""A last stable offset stands still only while records lie behind it and it does not move."""

from processor.core.group.stability import Stability
from tests.support.builders import FIRST, SECOND


def test_it_stands_still_since_it_was_first_seen_with_records_behind_it() -> None:
    one = Stability()
    one.measured({FIRST: 5, SECOND: 5}, {FIRST: 5, SECOND: 5}, 10.0)
    one.measured({FIRST: 5, SECOND: 5}, {FIRST: 6, SECOND: 5}, 20.0)
    one.measured({FIRST: 5, SECOND: 5}, {FIRST: 9, SECOND: 5}, 30.0)
    assert (one.still(FIRST, 35.0), one.still(SECOND, 35.0)) == (15.0, 0.0)


def test_it_begins_anew_when_it_moves_and_ends_when_nothing_is_behind_it() -> None:
    one = Stability()
    one.measured({FIRST: 5}, {FIRST: 6}, 10.0)
    one.measured({FIRST: 6}, {FIRST: 8}, 20.0)
    assert one.still(FIRST, 25.0) == 5.0
    one.measured({FIRST: 8}, {FIRST: 8}, 30.0)
    assert one.still(FIRST, 35.0) == 0.0


def test_what_is_not_known_does_not_stand_still() -> None:
    one = Stability()
    one.measured({FIRST: 5}, {FIRST: 6}, 10.0)
    one.measured({FIRST: 5}, {}, 20.0)
    assert one.still(FIRST, 25.0) == 0.0
    one.measured({FIRST: 5}, {FIRST: 6}, 30.0)
    one.measured({}, {FIRST: 6}, 40.0)
    assert one.still(FIRST, 45.0) == 0.0

"""A topic made anew is told from the one before, and a late word is not believed."""

from processor.core.progress.topic_identity import AWAY_SECONDS, TopicIdentities
from tests.support.builders import FIRST, SECOND

OLD, NEW = b"o" * 16, b"n" * 16
TOPIC = FIRST.topic
NONE: frozenset[object] = frozenset()


def begun(mark: bytes | None = OLD, told: bytes | None = OLD) -> TopicIdentities:
    identities = TopicIdentities()
    assert identities.begun({FIRST: mark}, {TOPIC: told}) == NONE
    return identities


def test_a_position_of_the_same_topic_or_of_one_that_is_not_said_stands() -> None:
    for mark, told in ((OLD, OLD), (None, OLD), (OLD, b""), (OLD, None), (None, None)):
        assert TopicIdentities().begun({FIRST: mark}, {TOPIC: told}) == NONE
    assert TopicIdentities().begun({FIRST: OLD}, {}) == NONE


def test_a_position_of_another_topic_is_none() -> None:
    assert TopicIdentities().begun({FIRST: OLD, SECOND: NEW}, {TOPIC: NEW}) == {FIRST}


def test_a_topic_that_was_made_anew_is_told_once() -> None:
    identities = begun()
    assert identities.learned([FIRST], {TOPIC: OLD}, 0.0) == NONE
    assert identities.learned([FIRST], {TOPIC: NEW}, 0.0) == {FIRST}
    assert identities.learned([FIRST], {TOPIC: NEW}, 0.0) == NONE


def test_a_mark_tells_which_topic_it_was_when_nobody_else_did() -> None:
    identities = TopicIdentities()
    assert identities.begun({FIRST: OLD}, {}) == NONE
    assert identities.learned([FIRST], {TOPIC: NEW}, 0.0) == {FIRST}


def test_what_is_learned_first_is_what_it_began_with() -> None:
    identities = TopicIdentities()
    identities.begun({FIRST: None}, {})
    assert identities.learned([FIRST], {TOPIC: OLD}, 0.0) == NONE
    assert identities.learned([FIRST], {TOPIC: NEW}, 0.0) == {FIRST}


def test_a_topic_without_an_id_is_another_one_when_it_was_away() -> None:
    identities = begun(None, b"")
    assert identities.learned([FIRST], {TOPIC: b""}, 0.0) == NONE
    assert identities.learned([FIRST], {TOPIC: None}, 1.0) == NONE
    assert identities.learned([FIRST], {TOPIC: None}, 1.0 + AWAY_SECONDS) == NONE
    assert identities.learned([FIRST], {TOPIC: b""}, 100.0) == {FIRST}
    assert identities.learned([FIRST], {TOPIC: b""}, 101.0) == NONE


def test_one_answer_or_some_in_a_moment_do_not_make_a_topic_without_an_id_another() -> None:
    identities = begun(None, b"")
    for now in (0.0, 3.0):
        assert identities.learned([FIRST], {TOPIC: None}, now) == NONE
        assert identities.learned([FIRST], {TOPIC: None}, now + 1.0) == NONE
        assert identities.learned([FIRST], {TOPIC: b""}, now + 2.0) == NONE
    assert identities.learned([FIRST], {TOPIC: None}, AWAY_SECONDS) == NONE
    identities.forgotten([FIRST])
    assert identities.learned([FIRST], {TOPIC: None}, AWAY_SECONDS + 1.0) == NONE
    assert identities.learned([FIRST], {TOPIC: b""}, AWAY_SECONDS + 2.0) == NONE


def test_a_topic_with_an_id_is_the_same_when_it_was_only_not_seen() -> None:
    identities = begun()
    assert identities.learned([FIRST], {TOPIC: None}, 0.0) == NONE
    assert identities.learned([FIRST], {TOPIC: OLD}, 0.0) == NONE


def test_who_still_says_the_id_before_is_late() -> None:
    identities = begun()
    assert identities.timely({TOPIC: OLD}) == {TOPIC: OLD}
    identities.learned([FIRST], {TOPIC: NEW}, 0.0)
    assert identities.timely({TOPIC: OLD, "other": NEW, "gone": None}) == {"other": NEW, "gone": None}


def test_what_went_and_comes_back_begins_with_what_is_told_then() -> None:
    identities = begun()
    identities.learned([FIRST], {TOPIC: None}, 0.0)
    identities.forgotten([FIRST, SECOND])
    assert identities.begun({FIRST: None}, {TOPIC: NEW}) == NONE
    assert identities.learned([FIRST], {TOPIC: NEW}, 0.0) == NONE


def test_of_topics_that_nothing_is_told_of_nothing_is_known() -> None:
    assert begun().learned([FIRST], {"other": NEW}, 0.0) == NONE

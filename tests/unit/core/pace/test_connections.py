"""Slow start: never more unanswered connections than answered ones, and no more than the server serves."""

from hypothesis import given
from hypothesis import strategies as st

from processor.core.pace.connections import FIRST, SlowStart

NOW = 5000.0
PATIENCE = 0.5


def grown(*, most: int = 64, servers: int = 64) -> tuple[SlowStart, list[int]]:
    """One that requests always wait for, and how many were open after each round of answers."""
    start, proven, seen = SlowStart(most, PATIENCE), 0, list[int]()
    for _ in range(20):
        opened = proven + start.room(proven)
        seen.append(opened)
        for number in range(proven, min(opened, servers)):
            start.answered(number + 1)
        proven = min(opened, servers)
    return start, seen


def test_it_doubles_with_the_answers_up_to_the_most() -> None:
    assert grown(most=20)[1][:6] == [2, 4, 8, 16, 20, 20]
    assert grown(most=1)[1][:3] == [1, 1, 1]


def test_a_server_that_closes_after_each_answer_gets_more_too() -> None:
    start, seen = SlowStart(64, PATIENCE), []
    for _ in range(5):
        seen.append(start.room(0))
        for _ in range(seen[-1]):
            start.answered(1)
            start.spent()
    assert seen == [2, 4, 8, 16, 32]


def test_it_does_not_grow_while_nobody_waits() -> None:
    start = SlowStart(64, PATIENCE)
    for _ in range(100):
        start.answered(1)
        start.passed(NOW, 0, is_wanted=False)
    assert start.room(0) == FIRST


def test_a_server_that_ends_some_and_begins_others_gets_no_more_than_twice_as_many_as_it_keeps() -> None:
    start, _ = grown(servers=5)
    for _ in range(100):
        start.lost(4)
        start.answered(5)
    assert start.room(5) == 5


def test_what_is_lost_has_to_be_answered_anew() -> None:
    start, _ = grown()
    assert start.room(0) == 64
    start.lost(40)
    assert start.room(0) == 64
    start.lost(3)
    assert start.room(3) == 3
    start.lost(0)
    assert start.room(0) == FIRST


def test_a_server_that_says_nothing_at_all_gets_twice_as_many_after_a_while() -> None:
    start, seen = SlowStart(64, PATIENCE), []
    for tick in range(8):
        start.passed(NOW + tick * PATIENCE / 2, 7, is_wanted=True)
        seen.append(start.room(0))
    assert seen == [2, 2, 4, 4, 8, 8, 16, 16]
    start.passed(NOW + 100, 8, is_wanted=True)
    assert start.room(0) == 16


def test_a_server_that_answers_some_gets_as_many_as_it_answers_then_one_more_at_a_time() -> None:
    start, _ = grown(servers=4)
    start.overtaken(4, NOW)
    assert start.room(4) == 0
    start.passed(NOW + 0.9, 1, is_wanted=True)
    assert start.room(4) == 0
    start.passed(NOW + 1.0, 1, is_wanted=True)
    assert (start.room(4), start.room(5)) == (1, 0)
    start.answered(5)
    assert (start.room(5), start.room(6)) == (1, 0)
    start.answered(5)  # in the place of another
    assert start.room(5) == 1


def test_what_is_left_unanswered_again_is_tried_ever_more_rarely_and_at_once_after_a_success() -> None:
    start, now, waits = SlowStart(64, PATIENCE), NOW, []
    for _ in range(9):
        start.overtaken(4, now)
        begun = now
        while not start.room(4):
            now += 0.5
            start.passed(now, int(now), is_wanted=True)
        waits.append(now - begun)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    start.answered(5)
    start.overtaken(5, now)
    start.passed(now + 1.0, 0, is_wanted=True)
    assert start.room(5) == 1


def test_an_end_with_the_first_answer_opens_nothing_more_where_the_number_of_workers_is_known() -> None:
    start = SlowStart(64, PATIENCE)
    start.overtaken(4, NOW)
    start.spent()
    assert start.room(4) == 0


def test_silence_opens_nothing_more_where_the_number_of_workers_is_known() -> None:
    start = SlowStart(64, PATIENCE)
    start.overtaken(4, NOW)
    for tick in range(100):
        start.passed(NOW + tick, 7, is_wanted=True)
        assert start.room(5) == 0


@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.sampled_from(("open", "answer", "lose")), st.integers(0, 10)), max_size=200),
)
def test_no_more_are_unanswered_than_were_answered_and_one_may_always_be_opened(
    most: int, happened: list[tuple[str, int]]
) -> None:
    start, proven, fresh = SlowStart(most, PATIENCE), 0, 0
    for what, count in happened:
        match what:
            case "open":
                fresh += min(count, start.room(proven + fresh))
                assert fresh <= max(FIRST, proven)
            case "answer" if fresh:
                proven, fresh = proven + 1, fresh - 1
                start.answered(proven)
            case "lose":
                for _ in range(min(count, proven)):
                    proven -= 1
                    start.lost(proven)
        assert proven + fresh <= most
        assert proven + fresh or start.room(0)

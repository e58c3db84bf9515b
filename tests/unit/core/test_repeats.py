"""What comes again and again is told once and then summed up, and nothing is left out of the sums."""

from hypothesis import given
from hypothesis import strategies as st

from processor.core.repeats import EVERY_SECONDS, Repeats, Sum

NOW = 5000.0


def test_the_first_of_each_kind_is_told_and_no_other() -> None:
    repeats = Repeats()
    assert [repeats.is_first(kind, "x", NOW) for kind in "aabab"] == [True, False, True, False, False]


def test_what_came_is_summed_up_once_a_minute_and_once_more_when_it_is_over() -> None:
    repeats = Repeats()
    for n in range(4):
        repeats.is_first("a", f"the {n}th", NOW + n)
    assert repeats.due(NOW + EVERY_SECONDS - 1) == []
    minute = NOW + EVERY_SECONDS
    assert repeats.due(minute) == [Sum("a", "the 3th", 3, EVERY_SECONDS, is_over=False)]
    assert repeats.due(minute + 1) == []
    assert repeats.due(minute + EVERY_SECONDS) == [Sum("a", "the 3th", 4, 3.0, is_over=True)]
    assert repeats.is_first("a", "x", minute + EVERY_SECONDS)


def test_what_came_once_is_not_summed_up() -> None:
    repeats = Repeats()
    repeats.is_first("a", "x", NOW)
    assert repeats.due(NOW + EVERY_SECONDS) == []
    assert repeats.is_first("a", "x", NOW + EVERY_SECONDS)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 40)), max_size=60))
def test_what_is_told_and_what_is_summed_up_is_all_that_came(history: list[tuple[str, float]]) -> None:
    repeats, now, told, sums = Repeats(), NOW, 0, []
    for kind, wait in history:
        now += wait
        sums += repeats.due(now)
        told += repeats.is_first(kind, "x", now)
    sums += repeats.due(now + EVERY_SECONDS) + repeats.due(now + 2 * EVERY_SECONDS)
    assert told + sum(each.times for each in sums if not each.is_over) == len(history)

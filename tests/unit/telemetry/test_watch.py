"""Those who look on: what they get, and that it is never more than a bounded amount."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.telemetry.watch import (
    EXAMINED,
    FAILURES,
    KEPT,
    LONGEST,
    SHOWN,
    WINDOW_SECONDS,
    Batch,
    Entry,
    Filter,
    Happening,
    Watch,
    joined,
    read,
    written,
)


def entry(outcome: Happening = Happening.DELIVERED, /, **more: Any) -> Entry:
    told: dict[str, Any] = {"at": 1.0, "topic": "events", "partition": 3, "offset": 17, "age": 0.5} | more
    return Entry(outcome=outcome, **told)


def show(watch: Watch, one: Entry, now: float) -> None:
    """As whoever feeds a watch does."""
    if watch.wants(one.outcome, now):
        watch.give(one)


@pytest.mark.parametrize(
    ("outcome", "seen"),
    [
        ("all", set(Happening)),
        ("failures", set(FAILURES)),
        *[(happening.value, {happening}) for happening in Happening],
    ],
)
def test_a_filter_by_outcome_lets_through_what_it_names(outcome: str, seen: set[Happening]) -> None:
    wanted = Filter.of(outcome, "", "")
    assert {happening for happening in Happening if wanted.wants(happening)} == seen
    assert {happening for happening in Happening if wanted.matches(entry(happening))} == seen


def test_an_outcome_that_there_is_not_is_refused_and_so_is_a_text_without_end() -> None:
    with pytest.raises(ValueError, match="outcome must be one of all, failures, delivered"):
        Filter.of("lost", "", "")
    for texts in (("x" * (LONGEST + 1), ""), ("", "x" * (LONGEST + 1))):
        with pytest.raises(ValueError, match="must not be longer"):
            Filter.of("all", *texts)
    assert Filter.of("all", "x" * LONGEST, "x" * LONGEST)


def test_a_filter_by_type_wants_the_whole_type_in_any_case() -> None:
    wanted = Filter.of("all", " Track ", "")
    assert wanted.matches(entry(type="track"))
    assert not wanted.matches(entry(type="tracks"))
    assert not wanted.matches(entry())


@pytest.mark.parametrize(
    "told",
    [
        {"type": "track needle"},
        {"name": "A NEEDLE"},
        {"key": "needle-7"},
        {"topic": "needle"},
        {"url": "https://h/needle"},
        {"reason": "needle"},
        {"message": "a needle"},
        {"response": "needles"},
    ],
)
def test_a_filter_by_text_looks_into_everything_that_is_shown(told: dict[str, Any]) -> None:
    wanted = Filter.of("all", "", "Needle")
    assert wanted.matches(entry(**told))
    assert not wanted.matches(entry(payload='{"a":"needle"}'))


@pytest.mark.parametrize("text", ["503", "events/3@17"])
def test_a_filter_by_text_finds_statuses_and_places(text: str) -> None:
    assert Filter.of("all", "", text).matches(entry(status=503))
    assert not Filter.of("all", "", text).matches(entry(status=502, offset=18))


def test_a_watch_gives_what_came_since_it_was_last_asked() -> None:
    watch = Watch(Filter())
    for offset in (1, 2):
        show(watch, entry(offset=offset), now=0.0)
    assert [one.offset for one in watch.taken().entries] == [1, 2]
    assert watch.taken() == Batch((), 0)


def test_a_watch_begins_with_what_it_wants_of_what_was_before() -> None:
    before = [entry(Happening.RETRIED, offset=1), entry(Happening.DEAD_LETTERED, offset=2)]
    assert [one.offset for one in Watch(Filter("retried"), before).taken().entries] == [1]


def test_a_flood_of_deliveries_does_not_hide_a_failure_and_what_is_left_out_is_counted() -> None:
    watch = Watch(Filter())
    for offset in range(1000):
        show(watch, entry(offset=offset), now=0.0)
    show(watch, entry(Happening.DEAD_LETTERED, offset=1000), now=0.0)
    batch = watch.taken()
    assert [one.offset for one in batch.entries] == [*range(SHOWN), 1000]
    assert batch.unseen == 1000 - SHOWN
    assert watch.taken().unseen == 0


def test_the_next_window_shows_more() -> None:
    watch = Watch(Filter())
    for window in range(3):
        for _ in range(SHOWN + 1):
            show(watch, entry(), now=window * WINDOW_SECONDS)
    assert len(watch.taken().entries) == 3 * SHOWN


def test_a_rare_one_is_found_in_a_flood_that_the_filter_does_not_want() -> None:
    watch = Watch(Filter.of("all", "", "rare"))
    for _ in range(EXAMINED - 1):
        show(watch, entry(name="often"), now=0.0)
    show(watch, entry(name="rare"), now=0.0)
    show(watch, entry(name="rare"), now=0.0)
    batch = watch.taken()
    assert [one.name for one in batch.entries] == ["rare"]
    assert batch.unseen == 1


@given(st.lists(st.tuples(st.sampled_from(Happening), st.floats(0, 3), st.booleans()), max_size=2000))
def test_whatever_passes_a_watch_is_bounded_and_counts_what_it_leaves_out(
    passing: list[tuple[Happening, float, bool]],
) -> None:
    watch, wanted, given, now = Watch(Filter("failures", "track")), 0, 0, 0.0
    for happening, pause, is_track in passing:
        now += pause / 100
        one = entry(happening, type="track" if is_track else "page")
        wanted += happening in FAILURES
        if watch.wants(happening, now):
            given += 1
            watch.give(one)
    batch = watch.taken()
    assert len(batch.entries) <= KEPT
    assert {one.type for one in batch.entries} <= {"track"}
    assert {one.outcome for one in batch.entries} <= FAILURES
    assert wanted - given <= batch.unseen <= wanted - len(batch.entries)


def test_a_watch_that_is_not_emptied_keeps_the_latest() -> None:
    watch = Watch(Filter())
    for offset in range(KEPT + SHOWN):
        show(watch, entry(offset=offset), now=offset * WINDOW_SECONDS)
    batch = watch.taken()
    assert [one.offset for one in batch.entries] == list(range(SHOWN, KEPT + SHOWN))
    assert batch.unseen == SHOWN


def test_a_batch_comes_through_to_another_process_as_it_was() -> None:
    batch = Batch((entry(key="k", request_headers=(("A", "b"),)), entry(Happening.HELD, status=503)), 7)
    assert read(written(batch)) == batch
    assert read(None) == Batch((), 0)


def test_what_several_workers_saw_is_joined_in_the_order_of_time_each_with_its_worker() -> None:
    told = joined([(0, Batch((entry(at=1.0), entry(at=3.0)), 2)), (1, Batch((entry(at=2.0),), 3, 7))])
    assert told.letters == 7
    assert [(one.at, one.worker) for one in told.entries] == [(1.0, 0), (2.0, 1), (3.0, 0)]
    assert told.unseen == 5

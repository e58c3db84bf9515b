"""When a worker is started again, what the exit statuses come to, and what a probe says of all."""

import signal
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.model import Report
from processor.workers.restarts import (
    LONGEST_START,
    RestartPolicy,
    Restarts,
    View,
    WorkerState,
    exit_status,
    liveness,
    readiness,
    why,
)

POLICY = RestartPolicy(first=1, longest=30, well_after=60)
WELL = Report(True, {"group": "ok", "draining": "ok"})
ILL = Report(False, {"group": "not joined yet", "draining": "ok"})
chances = st.floats(0, 1, exclude_max=True)


@given(st.lists(st.tuples(st.floats(0, 1e6), chances)))
def test_every_wait_lies_within_the_limits(ends: list[tuple[float, float]]) -> None:
    restarts = Restarts(POLICY)
    assert all(1 <= restarts.after(ran, chance) <= 30 for ran, chance in ends)


@given(st.lists(chances, min_size=4, max_size=4))
def test_each_wait_is_longer_than_the_last_whatever_chance_says(rolled: list[float]) -> None:
    restarts = Restarts(POLICY)
    waits = [restarts.after(0, chance) for chance in rolled]
    assert all(later >= earlier for earlier, later in pairwise(waits))


def test_chance_spreads_the_waits_over_twice_their_length() -> None:
    assert (Restarts(POLICY).after(0, 0), Restarts(POLICY).after(0, 0.5)) == (1, 1.5)


@pytest.mark.parametrize(("ran", "wait"), [(59.9, 8), (60, 1)])
def test_the_first_wait_returns_when_it_has_run_well(ran: float, wait: float) -> None:
    restarts = Restarts(POLICY)
    for _ in range(3):
        restarts.after(0, 0)
    assert restarts.after(ran, 0) == wait


def test_a_worker_that_never_runs_is_started_for_years() -> None:
    restarts = Restarts(POLICY)
    assert {restarts.after(0, 0) for _ in range(100_000)} == {1, 2, 4, 8, 15}


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, -signal.SIGTERM], 0),
        ([0, 1], 1),
        ([0, -signal.SIGKILL], 1),
        ([0, 2], 2),
        ([1, 2], 2),
    ],
)
def test_the_whole_ends_as_its_workers_did(statuses: Sequence[int], whole: int) -> None:
    assert exit_status(statuses) == whole


@pytest.mark.parametrize(("status", "text"), [(0, "status 0"), (1, "status 1"), (-9, "signal SIGKILL")])
def test_an_end_is_told_in_words(status: int, text: str) -> None:
    assert why(status) == text


def test_a_signal_without_a_name_is_told_by_its_number() -> None:
    assert why(-signal.SIGRTMIN - 3) == f"signal {signal.SIGRTMIN + 3}"


@pytest.mark.parametrize(
    ("view", "text", "is_live"),
    [
        (View(WorkerState.RUNNING, 5, WELL), "running", True),
        (View(WorkerState.RUNNING, 5, ILL), "group: not joined yet, draining: ok", False),
        (View(WorkerState.RUNNING, 5, None), "no answer", False),
        (View(WorkerState.STARTING, LONGEST_START, None), "starting", True),
        (View(WorkerState.STARTING, LONGEST_START + 1, None), "starting for 61 s", False),
        (View(WorkerState.WAITING, 1e6, None), "waiting", True),
        (View(WorkerState.ENDED, 1e6, None), "ended", True),
    ],
)
def test_a_probe_is_red_where_a_worker_is_wedged_and_not_where_it_is_being_mended(
    view: View, text: str, *, is_live: bool
) -> None:
    well = View(WorkerState.RUNNING, 5, WELL)
    assert liveness({0: well, 1: view}) == (is_live, {"worker_0": "running", "worker_1": text})


def test_all_are_ready_when_each_is_and_every_check_is_named() -> None:
    well = View(WorkerState.RUNNING, 5, WELL)
    checks = {f"worker_{n}.{check}": "ok" for n in (0, 1) for check in ("group", "draining")}
    assert readiness({0: well, 1: well}) == (True, checks)


@pytest.mark.parametrize(
    ("view", "check", "text"),
    [
        (View(WorkerState.RUNNING, 5, ILL), "worker_1.group", "not joined yet"),
        (View(WorkerState.RUNNING, 5, None), "worker_1", "no answer"),
        (View(WorkerState.STARTING, 5, None), "worker_1", "starting"),
        (View(WorkerState.WAITING, 5, None), "worker_1", "waiting"),
        (View(WorkerState.ENDED, 5, None), "worker_1", "ended"),
    ],
)
def test_one_that_is_not_ready_is_named_and_makes_all_unready(view: View, check: str, text: str) -> None:
    report = readiness({0: View(WorkerState.RUNNING, 5, WELL), 1: view})
    assert not report.ok
    assert report.checks[check] == text
    assert report.checks["worker_0.group"] == "ok"

"""Hundreds of histories of the whole pipeline, each with every promise checked; more by the command line."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from functools import cache

import pytest

from tests.simulation.history import happen
from tests.simulation.plan import Do
from tests.simulation.promises import BrokenError

SEEDS = 200
"""All planted bugs are found within as many."""
TOGETHER = 50


@cache
def told(seed: int) -> tuple[BrokenError | None, Mapping[str, int]]:
    """What was broken in a history, and what there was in it."""
    outcome = happen(seed)
    return outcome.broken, outcome.counts


@pytest.mark.parametrize("first", range(0, SEEDS, TOGETHER))
def test_every_promise_is_kept_in_every_history(first: int) -> None:
    """To see what happened: `python -m tests.simulation --seed N --verbose`."""
    broken = {seed: told(seed)[0] for seed in range(first, first + TOGETHER)}
    assert not {seed: error for seed, error in broken.items() if error}


def test_the_histories_hold_every_kind_of_fault() -> None:
    counts = Counter[str]()
    for seed in range(TOGETHER):
        counts.update(told(seed)[1])
    met = (
        "crashes",
        "stops",
        "has lost partitions",
        "finds made anew partitions",
        "repeats",
        "settled and not committed at a crash",
        "prepared later",
        "preparations called off",
        "held for preparation",
        "reports that failed",
        "refused by a limit",
        "waited for a worker",
    )
    assert not [what for what in (*met, *(do.value for do in Do)) if not counts[what]]


def test_the_same_seed_is_the_same_history() -> None:
    assert happen(1).fingerprint == happen(1).fingerprint
    assert happen(1).fingerprint != happen(2).fingerprint


def test_a_history_is_the_same_in_another_interpreter() -> None:
    script = "from tests.simulation.history import happen; print(happen(1).fingerprint)"
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    run = subprocess.run(
        (sys.executable, "-c", script), capture_output=True, text=True, check=True, env=environment
    )
    assert run.stdout.strip() == happen(1).fingerprint

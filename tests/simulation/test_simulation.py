"""Hundreds of histories of the whole pipeline, each with every promise checked; more by the command line."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.simulation.history import happen
from tests.simulation.plan import Do

SEEDS = 300
TOGETHER = 50


@pytest.mark.parametrize("first", range(0, SEEDS, TOGETHER))
def test_every_promise_is_kept_in_every_history(first: int) -> None:
    """To see what happened: `python -m tests.simulation --seed N --verbose`."""
    broken = {seed: outcome for seed in range(first, first + TOGETHER) if (outcome := happen(seed).broken)}
    assert not broken


def test_the_histories_hold_every_kind_of_fault() -> None:
    counts = Counter[str]()
    for seed in range(TOGETHER):
        counts.update(happen(seed).counts)
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

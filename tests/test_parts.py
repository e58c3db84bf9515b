"""The suite in parts side by side: no test is left out, and no failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from tests import __main__ as parts
from tests import quick

ROOT = Path(__file__).parents[1]


def none_but(*letters: str) -> list[str]:
    """Options that leave out modules of tests whose names begin so."""
    return [f"--ignore-glob=*/test_{each}*.py" for each in letters]


@pytest.mark.parametrize(
    ("statuses", "status"), [((0, 0), 0), ((1, 0), 1), ((0, 1), 1), ((0, 5), 0), ((5, 5), 5), ((-9, 0), 9)]
)
def test_a_failure_in_any_part_is_a_failure(statuses: tuple[int, int], status: int) -> None:
    assert parts.worse(*statuses) == status


@pytest.mark.parametrize(
    ("arguments", "is_part"),
    [
        ([], False),
        (["-q", "--durations=5"], False),
        (["-k", "retry"], True),
        (["-kretry"], True),
        (["--lf"], True),
    ],
)
def test_coverage_is_asked_for_where_no_test_is_left_out(arguments: list[str], is_part: bool) -> None:
    assert parts.is_part(arguments) is is_part


def test_a_part_that_passes_is_green(tmp_path: Path) -> None:
    part = f"{__file__}::{test_every_place_that_is_named_holds_tests.__name__}"
    environ = os.environ | {"COVERAGE_FILE": str(tmp_path / "coverage")}
    done = subprocess.run(
        [sys.executable, "-m", "tests", part], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_place_that_is_named_holds_tests() -> None:
    for place in (parts.DECISIONS, *(place for part in (*parts.WAITING, *parts.COMPUTING) for place in part)):
        assert list((ROOT / place).rglob("test_*.py")), place


def test_all_parts_are_asked_for_the_tests_that_are_wanted() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests", "-q", "--collect-only", *none_but("[!jlp]", "?[!aui]", "??[!rdv]")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for module in (
        "tests/test_parts.py::",
        "tests/benchmarks/test_judge.py::",
        "tests/browser/test_live_page.py::",
    ):
        assert module in done.stdout


def test_the_quick_loop_asks_for_every_unit_test_once_and_for_few_examples() -> None:
    ours, others = quick.halves()
    assert others == [quick.UNIT, *(f"--ignore={place}" for place in ours)]
    for place in ours:
        assert list((ROOT / place).rglob("test_*.py"))
    assert settings.get_profile("quick").max_examples < settings().max_examples


def test_the_quick_loop_leaves_out_what_is_slow_and_is_green_when_the_rest_is() -> None:
    few = none_but("[!ned]", "?[!em]", "??[!slb]")
    done = subprocess.run(
        [sys.executable, "-m", "tests.quick", "-vv", *few], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tests/unit/core/request/test_nesting.py::" in done.stdout
    assert "tests/unit/traffic/test_delivery.py::" in done.stdout
    assert "tests/unit/kafka/test_embedded.py::" not in done.stdout
    assert "no issues found" in done.stdout

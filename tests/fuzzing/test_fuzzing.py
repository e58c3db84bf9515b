"""Some blocks at each run of the suite; and the harness sees what it is there to see."""

import os
from pathlib import Path

import pytest

from tests.fuzzing.__main__ import fuzz
from tests.fuzzing.blocks import VALUES, block

pytestmark = pytest.mark.slow

BLOCKS = int(os.environ.get("FUZZING_BLOCKS", "24"))


def test_hostile_schemas_and_values_are_json_or_refused() -> None:
    outcome = fuzz(1, range(BLOCKS), 600.0)
    assert outcome.wrong == ""
    assert outcome.blocks == BLOCKS


def test_a_block_is_the_same_each_time() -> None:
    said: list[list[int]] = [[], []]
    for each in said:
        block(7, 2, each.append)
    assert said[0] == said[1]
    assert len(said[0]) > VALUES


def test_a_child_that_fails_is_told_with_its_block(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import json\nloads = json.loads\ndef broken(text, **more):\n"
        "    if len(text) > 3: raise AssertionError('broken')\n"
        "    return loads(text, **more)\njson.loads = broken\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    outcome = fuzz(1, range(4), 60.0)
    assert outcome.blocks < 4
    assert outcome.wrong.startswith("seed 1, block ")
    assert "AssertionError: broken" in outcome.wrong

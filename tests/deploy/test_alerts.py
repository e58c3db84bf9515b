"""The alerts fire when they should, only then, and say what is true; each of them is tried both ways."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy import scene, scenes

WORDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("words.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("one", scenes.ALL, ids=lambda one: one.name)
def test_at_every_minute_the_alerts_fire_that_should_and_no_others(one: scene.Scene, tmp_path: Path) -> None:
    assert not scene.judged(tmp_path, scene.ALERTS, [one], WORDS)

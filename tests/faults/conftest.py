"""Scenes for tests of faults."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.events import Plan
from tests.faults.scene import Scene
from tests.support.apache_kafka import Broker


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Scene]:
    """Builds a scene on the broker that all tests share, or on another; its seed is the test's name."""

    def build(
        events: int, *, broker: Broker | None = None, plan: dict[str, Any] | None = None, **more: Any
    ) -> Scene:
        broker = broker or request.getfixturevalue("apache_kafka")
        seed = sum(request.node.name.encode())
        return Scene(broker, tmp_path, Plan(seed, events, **{"keys": 200, **(plan or {})}), **more)

    return build

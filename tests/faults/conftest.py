"""Scenes for tests of faults; tests marked `long` run only with FAULTS=long, as `make faults` sets it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.apache_kafka import Broker
from tests.faults.events import Plan
from tests.faults.scene import Scene

LONG = os.environ.get("FAULTS") == "long"


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "long: takes minutes; FAULTS=long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave long tests out, unless they are asked for."""
    left_out = [item for item in items if not LONG and item.get_closest_marker("long")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


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

"""Tests that take minutes, or other versions of Kafka: those marked `long` run only with FAULTS=long.

`make faults` sets it. `pyproject.toml` loads this module as a plugin.
"""

import os

import pytest

LONG = os.environ.get("FAULTS") == "long"


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "long: takes minutes, or another version of Kafka; FAULTS=long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave long tests out, unless they are asked for."""
    left_out = [item for item in items if not LONG and item.get_closest_marker("long")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)

"""Tests that take minutes, or other versions of Kafka: those marked `long` run only with FAULTS=long.

Those marked `since` a version, and those of the group protocol `consumer`, are left out where
TEST_KAFKA_VERSION is an older one.
`make faults` sets it. `pyproject.toml` loads this module as a plugin.
"""

import os

import pytest

from tests.support.apache_kafka import VERSION, numbers

CONSUMER_PROTOCOL = "4.0"
LONG = os.environ.get("FAULTS") == "long"


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "long: takes minutes, or another version of Kafka; FAULTS=long")
    config.addinivalue_line("markers", "since(version): needs a Kafka that is no older")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave long tests out, unless they are asked for, and what the brokers are too old for."""
    left_out = [item for item in items if (not LONG and item.get_closest_marker("long")) or is_too_new(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def is_too_new(item: pytest.Item) -> bool:
    """Whether the Kafka that tests run on cannot do it."""
    needed = [mark.args[0] for mark in item.iter_markers("since")]
    callspec = getattr(item, "callspec", None)
    if callspec is not None and callspec.params.get("protocol") == "consumer":
        needed.append(CONSUMER_PROTOCOL)
    return any(numbers(VERSION) < numbers(version) for version in needed)

"""Fixtures that lend tests a real Apache Kafka; conftest loads this module as a plugin.

Where Kafka cannot be had the tests that ask for it are skipped, which one red line at the end of the run
says. With CI=true they fail instead: a skip nobody reads would pass for a tested release.
"""

import os
from collections.abc import Iterator
from typing import NoReturn, TypeVar

import pytest

from tests import apache_kafka as kafka

REMEDY = "install Java 17 and Maven, or run Docker, or set TEST_KAFKA_BOOTSTRAP"
ABSENT = pytest.StashKey[str]()

Started = TypeVar("Started", bound=kafka.Broker)


@pytest.fixture(scope="session")
def apache_kafka(request: pytest.FixtureRequest) -> Iterator[kafka.Broker]:
    """One broker without security, shared by the whole run: name your topics and groups uniquely."""
    yield from _lent(kafka.start(), request.config)


@pytest.fixture(scope="session")
def secure_kafka(request: pytest.FixtureRequest) -> Iterator[kafka.SecureBroker]:
    """One broker that wants TLS and a password or a certificate."""
    yield from _lent(kafka.start_secure(), request.config)


@pytest.fixture(scope="module")
def kafka_cluster(request: pytest.FixtureRequest) -> Iterator[kafka.Cluster]:
    """Three nodes to kill and pause: leave them as you found them."""
    yield from _lent(kafka.start_cluster(3), request.config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The one line."""
    if ABSENT in config.stash:
        terminalreporter.write_line(f"NOT TESTED WITH KAFKA: {config.stash[ABSENT]}", red=True, bold=True)


def _lent(broker: Started | None, config: pytest.Config) -> Iterator[Started]:
    if broker is None:
        _give_up(config)
    try:
        yield broker
    finally:
        broker.stop()


def _give_up(config: pytest.Config) -> NoReturn:
    found = kafka.way()
    config.stash[ABSENT] = f"{found if isinstance(found, str) else 'Docker gives one node'}; {REMEDY}"
    if os.environ.get("CI") == "true":
        pytest.fail(config.stash[ABSENT], pytrace=False)
    pytest.skip("no Apache Kafka")

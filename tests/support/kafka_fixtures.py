"""Fixtures that lend tests a real Apache Kafka; conftest loads this module as a plugin.

Where Kafka cannot be had the tests that ask for it are skipped, which one red line at the end of the run
says. With CI=true they fail instead: a skip nobody reads would pass for a tested release.
"""

from collections.abc import Iterator
from typing import TypeVar

import pytest

from tests.support import apache_kafka as kafka
from tests.support import apicurio
from tests.support.not_tested import not_tested

REMEDY = "install Java 17 and Maven, or run Docker, or set TEST_KAFKA_BOOTSTRAP"

Started = TypeVar("Started", bound=kafka.Broker)


@pytest.fixture(scope="session")
def apache_kafka() -> Iterator[kafka.Broker]:
    """One broker without security, shared by the whole run: name your topics and groups uniquely."""
    yield from _lent(kafka.start())


@pytest.fixture(scope="session")
def secure_kafka() -> Iterator[kafka.SecureBroker]:
    """One broker that wants TLS and a password or a certificate."""
    yield from _lent(kafka.start_secure())


@pytest.fixture(scope="session")
def guarded_kafka() -> Iterator[kafka.GuardedBroker]:
    """One broker whose guest may do only what a test allows: name your topics and groups uniquely."""
    yield from _lent(kafka.start_guarded())


@pytest.fixture(scope="module")
def older_kafka(request: pytest.FixtureRequest) -> Iterator[kafka.Broker]:
    """One broker of the version that the test names by indirect parametrization; mark it `long`."""
    yield from _lent(kafka.start(request.param), request.param)


@pytest.fixture(scope="module")
def kafka_cluster() -> Iterator[kafka.Cluster]:
    """Three nodes to kill and pause: leave them as you found them."""
    yield from _lent(kafka.start_cluster(3))


@pytest.fixture(scope="session")
def schema_registry() -> Iterator[apicurio.Apicurio]:
    """One real schema registry, shared by the whole run: name your subjects uniquely."""
    started = apicurio.start()
    if isinstance(started, str):
        not_tested(f"with a real schema registry: {started}; install Java 17 and Maven")
    try:
        yield started
    finally:
        started.stop()


def _lent(broker: Started | None, version: str = kafka.VERSION) -> Iterator[Started]:
    if broker is None:
        not_tested(_why(version))
    try:
        yield broker
    finally:
        broker.stop()


def _why(version: str) -> str:
    found = kafka.way(version)
    asked = "" if version == kafka.VERSION else f" {version}"
    return (
        f"with Apache Kafka{asked}: {found if isinstance(found, str) else 'Docker gives one node'}; {REMEDY}"
    )

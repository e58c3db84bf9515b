"""The receiver needs a C compiler: where there is none its tests are skipped, in CI they fail."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.benchmarks.backlog import Backlogs
from tests.benchmarks.measure import Bench, Cores
from tests.benchmarks.receiver import CannotBuildError, Conduct, Receiver, build
from tests.support.apache_kafka import Broker
from tests.support.not_tested import not_tested

Open = Callable[..., Receiver]


@pytest.fixture
def receiver() -> Iterator[Open]:
    """Opens receivers, given the number of events and how to behave."""
    _build_or_skip(tls=False)
    with ExitStack() as stack:

        def opened(events: int = 1_000, rows: int | None = None, **conduct: float) -> Receiver:
            if conduct.get("tls"):
                _build_or_skip(tls=True)
            return stack.enter_context(Receiver(events, Conduct(**conduct), rows))  # type: ignore[arg-type]

        yield opened


@pytest.fixture(scope="session")
def bench(apache_kafka: Broker) -> Bench:
    """A bench on the broker of the suite; all share one core, which is enough to see that it works."""
    _build_or_skip(tls=False)
    core = min(os.sched_getaffinity(0))
    return Bench(Backlogs(apache_kafka), Cores(core, core))


def _build_or_skip(tls: bool) -> None:
    try:
        build(tls)
    except CannotBuildError as error:
        not_tested(str(error))

"""The metrics of all workers as one exposition, with the supervisor's own.

Promise: every series of every worker that answered, unchanged but for the label `worker`, each
family once, in either format.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from processor.logs import output
from processor.telemetry import definitions
from processor.telemetry.collectors import ObservableCounter, counter, gauges
from processor.workers.restarts import WorkerState

WORKERS_FORMAT = "application/openmetrics-text; version=1.0.0"
"""What to ask workers for: the format that leaves nothing out."""

Answers = Mapping[int, str | None]
"""What each worker answered, by its number; None: nothing, in time."""


class SupervisorMetrics:
    """The metrics of one supervisor and its workers."""

    def __init__(self, destination: str, states: Callable[[], Iterable[WorkerState]]) -> None:
        self.registry = CollectorRegistry()
        self._destination = destination
        self._restarts = counter(definitions.WORKER_RESTARTS, self.registry)
        self.registry.register(_States(destination, states))
        ObservableCounter(definitions.SUPERVISOR_LOG_LINES_LOST, destination, output.lost, self.registry)

    def has(self, worker: int) -> None:
        """There is such a worker."""
        self._restarts.labels(self._destination, str(worker))

    def restarted(self, worker: int) -> None:
        """A worker was started again."""
        self._restarts.labels(self._destination, str(worker)).inc()

    def exposition(self, answers: Answers, accept: str) -> tuple[bytes, str]:
        """All metrics in the format that `accept` prefers, and its content type."""
        encode, content_type = choose_encoder(accept)
        whole = CollectorRegistry()
        for collector in (self.registry, MergedMetrics(self._destination, answers)):
            whole.register(collector)
        return encode(whole), content_type


class _States(Collector):
    """Asks for the states at every scrape."""

    def __init__(self, destination: str, states: Callable[[], Iterable[WorkerState]]) -> None:
        self._destination = destination
        self._states = states

    def collect(self) -> Iterator[Metric]:
        workers = gauges(definitions.WORKERS)
        states = list(self._states())
        for state in WorkerState:
            workers.add_metric([self._destination, state.value], states.count(state))
        yield workers


class MergedMetrics(Collector):
    """The families of all answers, each series with its worker; which workers answered comes last."""

    def __init__(self, destination: str, answers: Answers) -> None:
        self._destination = destination
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        """Families in the order in which they are first met."""
        families: dict[str, Metric] = {}
        answered = gauges(definitions.WORKER_ANSWERED)
        for number, text in self._answers.items():
            found = _families(text)
            for family in found:
                kept = families.setdefault(family.name, _empty(family))
                kept.samples += [
                    sample._replace(labels={**sample.labels, "worker": str(number)})
                    for sample in family.samples
                ]
            answered.add_metric([self._destination, str(number)], int(bool(found)))
        yield from families.values()
        yield answered


def _families(text: str | None) -> list[Metric]:
    """None of an answer that never came, or is none."""
    try:
        return list(text_string_to_metric_families(text)) if text else []  # type: ignore[no-untyped-call]
    except ValueError:
        return []


def _empty(family: Metric) -> Metric:
    return Metric(family.name, family.documentation, family.type, family.unit)

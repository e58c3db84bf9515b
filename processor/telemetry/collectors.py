"""Collectors: metrics made of their definitions; those of the hot path cost next to nothing to move.

What prometheus_client's own metrics do per observation (a lock, a walk over the buckets) the unlocked ones
do once a scrape. Everything is exact at every scrape; they are moved and asked on one thread.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from processor.telemetry.definitions import CounterDefinition, GaugeDefinition, HistogramDefinition


def counter(definition: CounterDefinition, registry: CollectorRegistry) -> Counter:
    """One of prometheus_client's own."""
    return Counter(definition.full_name, definition.help, definition.label_names, registry=registry)


def gauge(definition: GaugeDefinition, registry: CollectorRegistry) -> Gauge:
    """One of prometheus_client's own."""
    return Gauge(definition.full_name, definition.help, definition.label_names, registry=registry)


def gauges(definition: GaugeDefinition) -> GaugeMetricFamily:
    """For a collector that fills it at a scrape."""
    return GaugeMetricFamily(definition.full_name, definition.help, labels=definition.label_names)


Kind = str | int
"""What is counted apart."""


def _one_label(kind: Kind) -> tuple[str, ...]:
    return (str(kind),)


class UnlockedCounter(Collector):
    """A counter with labels beside the destination; `counts` holds what was counted, by its kind.

    Whoever counts adds to `counts[kind]`, which begins at 0; `labels` tells the labels of a kind at a scrape.
    """

    def __init__(
        self,
        definition: CounterDefinition,
        destination: str,
        registry: CollectorRegistry,
        labels: Callable[[Kind], tuple[str, ...]] = _one_label,
    ) -> None:
        self.counts = _Counts()
        self._labels = labels
        self._definition = definition
        self._destination = destination
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """One sample for each kind that was counted."""
        family = _counters(self._definition)
        for kind, count in self.counts.items():
            labels = (self._destination, *self._labels(kind))
            family.add_metric(labels, count, created=self.counts.created[kind])
        yield family


class ObservableCounter(Collector):
    """A counter whose counts somebody else keeps; `ask` gives them by the values of its one more label."""

    def __init__(
        self,
        definition: CounterDefinition,
        destination: str,
        ask: Callable[[], Mapping[str, int]],
        registry: CollectorRegistry,
    ) -> None:
        self._definition = definition
        self._destination = destination
        self._ask = ask
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """One sample for each value."""
        family = _counters(self._definition)
        for value, count in self._ask().items():
            family.add_metric((self._destination, value), count)
        yield family


class UnlockedHistogram(Collector):
    """A histogram without a label beside the destination."""

    def __init__(
        self, definition: HistogramDefinition, destination: str, registry: CollectorRegistry
    ) -> None:
        self._definition = definition
        self._destination = destination
        self._bounds = definition.buckets
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0
        self._created = time.time()
        registry.register(self)

    def observe(self, value: float) -> None:
        """One more, of this size."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def collect(self) -> Iterator[Metric]:
        """The buckets, each with all that is below it."""
        name, labels = self._definition.full_name, self._definition.label_names
        family = HistogramMetricFamily(name, self._definition.help, labels=labels)
        below, buckets = 0, []
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            below += count
            buckets.append((floatToGoString(bound), below))  # type: ignore[no-untyped-call]
        family.add_metric((self._destination,), buckets, self._sum)
        own = dict(zip(labels, (self._destination,), strict=True))
        family.add_sample(f"{name}_created", own, self._created)
        yield family


class _Counts(dict[Kind, int]):
    """Remembers when each count began."""

    def __init__(self) -> None:
        super().__init__()
        self.created: dict[Kind, float] = {}

    def __missing__(self, kind: Kind) -> int:
        self.created[kind] = time.time()
        return 0


def _counters(definition: CounterDefinition) -> CounterMetricFamily:
    return CounterMetricFamily(definition.full_name, definition.help, labels=definition.label_names)

"""Counts and distributions that cost next to nothing while they are kept, and are written out when asked.

What prometheus_client's own metrics do per observation (a lock, a walk over the buckets) is done here
once a scrape. Everything is exact at every scrape; it is counted and asked for on one thread.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Tally(Collector):
    """A counter with one label more than `labels`; `counts` holds what was counted by its values.

    Whoever counts adds to `counts[value]`, which begins at 0.
    """

    def __init__(
        self, name: str, text: str, labels: Mapping[str, str], label: str, registry: CollectorRegistry
    ) -> None:
        self.counts = _Counts()
        self._name = name
        self._text = text
        self._names = (*labels, label)
        self._values = tuple(labels.values())
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """One sample for each value that was counted."""
        family = CounterMetricFamily(self._name, self._text, labels=self._names)
        for value, count in self.counts.items():
            family.add_metric((*self._values, value), count, created=self.counts.created[value])
        yield family


class Asked(Collector):
    """A counter whose counts somebody else keeps; `ask` gives them, by the values of its one more label."""

    def __init__(
        self,
        name: str,
        text: str,
        labels: Mapping[str, str],
        label: str,
        ask: Callable[[], Mapping[str, int]],
        registry: CollectorRegistry,
    ) -> None:
        self._name = name
        self._text = text
        self._names = (*labels, label)
        self._values = tuple(labels.values())
        self._ask = ask
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """One sample for each value."""
        family = CounterMetricFamily(self._name, self._text, labels=self._names)
        for value, count in self._ask().items():
            family.add_metric((*self._values, value), count)
        yield family


class _Counts(dict[str, int]):
    """Remembers when each count began."""

    def __init__(self) -> None:
        super().__init__()
        self.created: dict[str, float] = {}

    def __missing__(self, value: str) -> int:
        self.created[value] = time.time()
        return 0


class Distribution(Collector):
    """A histogram; `bounds` are the upper ends of its buckets, ascending, without the infinite one."""

    def __init__(
        self,
        name: str,
        text: str,
        labels: Mapping[str, str],
        bounds: tuple[float, ...],
        registry: CollectorRegistry,
    ) -> None:
        self._name = name
        self._text = text
        self._labels = dict(labels)
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._created = time.time()
        registry.register(self)

    def observe(self, value: float) -> None:
        """One more, of this size."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def collect(self) -> Iterator[Metric]:
        """The buckets, each with all that is below it."""
        family = HistogramMetricFamily(self._name, self._text, labels=tuple(self._labels))
        below, buckets = 0, []
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            below += count
            buckets.append((floatToGoString(bound), below))  # type: ignore[no-untyped-call]
        family.add_metric(tuple(self._labels.values()), buckets, self._sum)
        family.add_sample(f"{self._name}_created", self._labels, self._created)
        yield family

"""How the process stands when somebody scrapes: asked then, and at no cost otherwise."""

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from processor.core.age import age, known
from processor.core.dead_letter import CODES
from processor.core.group.stability import Stability
from processor.core.pace.circuit import State
from processor.core.progress.assignment import Hold, PartitionStatus
from processor.model import Partition

NAMESPACE = "webhook_processor"


class Snapshot(NamedTuple):
    """How the process stands: counts of records or requests, bytes, seconds, and every assigned partition.

    `endpoint_pause`: for how long the endpoint asked to be left alone; `lease`: for how long our
    membership in the group is proven; `lost`: how partitions stood that we were taken to have left. `ends`
    are those of what may be read, `high` the high watermarks. `at` is the time by the loop's clock.
    """

    in_flight: int
    in_flight_limit: int
    max_in_flight: int
    retries_waiting: int
    dead_letters_blocked: int
    waiting_records: int
    waiting_bytes: int
    withheld: Mapping[str, int]
    held: Mapping[Partition, Hold]
    ends: Mapping[Partition, int]
    high: Mapping[Partition, int]
    stability: Stability
    unreadable: Container[Partition]
    standings: Iterable[tuple[Partition, PartitionStatus]]
    lost: Mapping[Partition, PartitionStatus]
    is_member: bool
    ready: bool
    circuit: State
    dead_letter_budget: int | None
    endpoint_pause: float
    lease: float
    at: float


class PartitionStatuses(Collector):
    """Asks for a snapshot at every scrape."""

    def __init__(self, destination: str, snapshot: Callable[[], Snapshot], now: Callable[[], float]) -> None:
        self._destination = destination
        self._snapshot = snapshot
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Gauges of the process, then of its partitions."""
        snapshot = self._snapshot()
        standings = list(snapshot.standings)
        yield from self._of_process(snapshot, standings)
        ours = {partition for partition, _ in standings}
        kept = [(p, standing) for p, standing in snapshot.lost.items() if p not in ours]
        yield from self._of_partitions(snapshot, standings + kept)
        circuit = self._family("circuit_state", "1 for how the circuit stands, 0 for the others.", "state")
        for state in State:
            circuit.add_metric([self._destination, state.value], int(snapshot.circuit is state))
        yield circuit

    def _of_process(
        self, snapshot: Snapshot, standings: list[tuple[Partition, PartitionStatus]]
    ) -> Iterator[Metric]:
        ages = (known(age(standing.oldest, self._now())) for _, standing in standings)
        eldest = max((seconds for seconds in ages if seconds is not None), default=0.0)
        for name, text, value in (
            ("in_flight", "Requests under way.", snapshot.in_flight),
            ("in_flight_limit", "How many may be under way.", snapshot.in_flight_limit),
            ("max_in_flight", "The most that the limit may come to.", snapshot.max_in_flight),
            ("retries_waiting", "Records that wait for another attempt.", snapshot.retries_waiting),
            (
                "dead_letters_blocked",
                "Dead letters that could not be written yet.",
                snapshot.dead_letters_blocked,
            ),
            ("waiting_records", "Records read and not settled.", snapshot.waiting_records),
            ("waiting_bytes", "Their bytes.", snapshot.waiting_bytes),
            ("oldest_unsettled_age_seconds", "Age of the oldest record read and not settled.", eldest),
            ("assigned_partitions", "Partitions that are read.", len(standings)),
            ("ready", "1 when /readyz says so.", int(snapshot.ready)),
            ("member", "1 while our membership in the group is proven.", int(snapshot.is_member)),
            (
                "dead_letter_budget",
                "Failures of one kind that may become dead letters before an event is delivered.",
                math.inf if snapshot.dead_letter_budget is None else snapshot.dead_letter_budget,
            ),
            (
                "endpoint_pause_seconds",
                "For how long the endpoint asked to be left alone (Retry-After).",
                snapshot.endpoint_pause,
            ),
            (
                "lease_seconds",
                "For how long our membership in the group is proven; at 0 nothing is sent.",
                snapshot.lease,
            ),
        ):
            gauge = self._family(name, text)
            gauge.add_metric([self._destination], value)
            yield gauge

    def _of_partitions(
        self, snapshot: Snapshot, standings: list[tuple[Partition, PartitionStatus]]
    ) -> Iterator[Metric]:
        paused = self._family("paused_partitions", "Partitions of which nothing is taken for now.", "reason")
        for reason in Hold:
            count = sum(1 for hold in snapshot.held.values() if hold is reason)
            paused.add_metric([self._destination, reason.value], count)
        withheld = self._family(
            "withheld_records",
            "Records that wait because too many would be dead letters, by what is wrong with them.",
            "reason",
        )
        for code in CODES:
            withheld.add_metric([self._destination, code], snapshot.withheld.get(code, 0))
        yield withheld
        lag = self._family("lag_records", "Records between the position and the end.", "topic", "partition")
        late = self._family(
            "lag_seconds",
            "Age of the record at the position; 0 at the end, nothing while it is not known.",
            "topic",
            "partition",
        )
        committed = self._family(
            "committed_offset", "The position that the broker acknowledged last.", "topic", "partition"
        )
        gap = self._family(
            "commit_gap_records", "From the position to the highest finished.", "topic", "partition"
        )
        behind = self._family(
            "lag_high_watermark_records",
            "Records between the position and the high watermark, those of open transactions and behind them "
            "included.",
            "topic",
            "partition",
        )
        still = self._family(
            "last_stable_offset_still_seconds",
            "For how long the last stable offset stands still with records behind it: a transaction is open.",
            "topic",
            "partition",
        )
        unreadable = self._family(
            "partition_unreadable", "1 where a partition cannot be read on, else 0.", "topic", "partition"
        )
        for partition, standing in standings:
            labels = [self._destination, partition.topic, str(partition.number)]
            still.add_metric(labels, snapshot.stability.still(partition, snapshot.at))
            unreadable.add_metric(labels, int(partition in snapshot.unreadable))
            if (high := snapshot.high.get(partition)) is not None:
                behind.add_metric(labels, max(0, high - (standing.position or 0)))
            gap.add_metric(labels, standing.gap)
            end = snapshot.ends.get(partition)
            if end is not None:
                lag.add_metric(labels, max(0, end - (standing.position or 0)))
            if (seconds := self._behind(standing, end)) is not None:
                late.add_metric(labels, seconds)
            if standing.committed is not None:
                committed.add_metric(labels, standing.committed)
        yield from (paused, lag, behind, still, unreadable, late, committed, gap)

    def _behind(self, standing: PartitionStatus, end: int | None) -> float | None:
        """How old the record at the position is: known once it was read, or where there is none."""
        if standing.unsettled:
            return known(age(standing.oldest, self._now()))
        return 0.0 if end is not None and end <= (standing.position or 0) else None

    def _family(self, name: str, text: str, *labels: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"{NAMESPACE}_{name}", text, labels=["destination", *labels])

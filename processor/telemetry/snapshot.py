"""How the process stands when somebody scrapes: asked then, and at no cost otherwise."""

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from processor.core.age import age, known
from processor.core.dead_letter import CODES
from processor.core.group.stability import Stability
from processor.core.pace.circuit import State
from processor.core.progress.assignment import Hold, PartitionStatus
from processor.model import Partition
from processor.telemetry import definitions
from processor.telemetry.collectors import gauges


class Snapshot(NamedTuple):
    """How the process stands: counts of records or requests, bytes, seconds, and every assigned partition.

    `endpoint_pause`: for how long the endpoint asked to be left alone; `lease`: for how long our
    membership in the group is proven; `lost`: how partitions stood that we were taken to have left. `ends`
    are those of what may be read, `high` the high watermarks; `letters_oldest_at`: when the open letter that
    waits longest failed, as a timestamp. `at` is the time by the loop's clock.
    """

    in_flight: int
    in_flight_limit: int
    max_in_flight: int
    hosts_in_flight: int
    hosts_down: int
    connections: int
    learnt_rate: float | None
    retries_waiting: int
    dead_letters_blocked: int
    reports_blocked: int
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
    is_unknown: bool
    dead_letter_budget: int | None
    letters_open: int | None
    letters_oldest_at: float | None
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
        circuit = gauges(definitions.CIRCUIT_STATE)
        for state in State:
            circuit.add_metric([self._destination, state.value], int(snapshot.circuit is state))
        yield circuit

    def _of_process(
        self, snapshot: Snapshot, standings: list[tuple[Partition, PartitionStatus]]
    ) -> Iterator[Metric]:
        ages = (known(age(standing.oldest, self._now())) for _, standing in standings)
        eldest = max((seconds for seconds in ages if seconds is not None), default=0.0)
        budget = snapshot.dead_letter_budget
        for definition, value in (
            (definitions.IN_FLIGHT, snapshot.in_flight),
            (definitions.IN_FLIGHT_LIMIT, snapshot.in_flight_limit),
            (definitions.ALLOWED_HOSTS_IN_FLIGHT, snapshot.hosts_in_flight),
            (definitions.ALLOWED_HOSTS_DOWN, snapshot.hosts_down),
            (definitions.LEARNT_RATE, snapshot.learnt_rate or 0.0),
            (definitions.MAX_IN_FLIGHT, snapshot.max_in_flight),
            (definitions.CONNECTIONS_OPEN, snapshot.connections),
            (definitions.RETRIES_WAITING, snapshot.retries_waiting),
            (definitions.DEAD_LETTERS_BLOCKED, snapshot.dead_letters_blocked),
            (definitions.DELIVERY_REPORTS_BLOCKED, snapshot.reports_blocked),
            (definitions.WAITING_RECORDS, snapshot.waiting_records),
            (definitions.WAITING_BYTES, snapshot.waiting_bytes),
            (definitions.OLDEST_UNSETTLED_AGE_SECONDS, eldest),
            (definitions.ASSIGNED_PARTITIONS, len(standings)),
            (definitions.READY, int(snapshot.ready)),
            (definitions.MEMBER, int(snapshot.is_member)),
            (definitions.DEAD_LETTER_BUDGET, math.inf if budget is None else budget),
            (definitions.ENDPOINT_PAUSE_SECONDS, snapshot.endpoint_pause),
            (definitions.LEASE_SECONDS, snapshot.lease),
            (definitions.CREDENTIALS_REFUSED, int(snapshot.is_unknown)),
        ):
            family = gauges(definition)
            family.add_metric([self._destination], value)
            yield family
        oldest = 0.0 if snapshot.letters_open == 0 else known(age(snapshot.letters_oldest_at, self._now()))
        for definition, known_value in (
            (definitions.LETTERS_OPEN, snapshot.letters_open),
            (definitions.LETTERS_OLDEST_AGE_SECONDS, oldest),
        ):
            if known_value is not None:
                family = gauges(definition)
                family.add_metric([self._destination], known_value)
                yield family

    def _of_partitions(
        self, snapshot: Snapshot, standings: list[tuple[Partition, PartitionStatus]]
    ) -> Iterator[Metric]:
        withheld = gauges(definitions.WITHHELD_RECORDS)
        for code in CODES:
            withheld.add_metric([self._destination, code], snapshot.withheld.get(code, 0))
        yield withheld
        paused = gauges(definitions.PAUSED_PARTITIONS)
        for reason in Hold:
            count = sum(1 for hold in snapshot.held.values() if hold is reason)
            paused.add_metric([self._destination, reason.value], count)
        lag = gauges(definitions.LAG_RECORDS)
        behind = gauges(definitions.LAG_HIGH_WATERMARK_RECORDS)
        still = gauges(definitions.LAST_STABLE_OFFSET_STILL_SECONDS)
        unreadable = gauges(definitions.PARTITION_UNREADABLE)
        late = gauges(definitions.LAG_SECONDS)
        committed = gauges(definitions.COMMITTED_OFFSET)
        gap = gauges(definitions.COMMIT_GAP_RECORDS)
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

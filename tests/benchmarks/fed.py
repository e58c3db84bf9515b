"""The latency a contender adds on an idle topic: one event at a time, fed at a steady rate.

A record is appended between the call that produces it and the acknowledgement; its time stamp has a
resolution of a millisecond, so the latency is given from both sides.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaException, Producer

from tests.benchmarks.backlog import record
from tests.benchmarks.contender import Contender
from tests.benchmarks.judge import percentile
from tests.benchmarks.measure import WARM_UP_SHARE, Bench, Run
from tests.benchmarks.receipts import Receipt
from tests.benchmarks.scenario import Scenario

ACKNOWLEDGED_SECONDS = 30.0


@dataclass
class Feed:
    """Produces events at a rate per second; `called` and `acknowledged` are wall clock, ns, by number."""

    scenario: Scenario
    bootstrap: str
    topic: str
    called: list[int] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0, "acks": 1})

    def until(self, count: int) -> None:
        """Produce until there are so many events, each acknowledged before the next."""
        start, done = time.monotonic(), len(self.called)
        for number in range(done, count):
            time.sleep(max(0.0, start + (number - done) / self.scenario.rate - time.monotonic()))
            self._produce(number)

    def _produce(self, number: int) -> None:
        key, value, _ = record(number, self.scenario.shape.key(number))
        self.called.append(time.time_ns())
        self._producer.produce(self.topic, value, key)
        if self._producer.flush(ACKNOWLEDGED_SECONDS):
            raise KafkaException("the broker acknowledges nothing")
        self.acknowledged.append(time.time_ns())


def run(bench: Bench, scenario: Scenario, contender: Contender) -> Run:
    """Feed a new topic; what comes before WARM_UP_SHARE is not measured. Raises StuckError."""
    events, warm = scenario.shape.events, max(1, int(scenario.shape.events * WARM_UP_SHARE))
    topic = bench.backlogs.empty_topic(scenario.shape.partitions)
    with bench.scene(scenario, contender, topic) as scene:
        feed = Feed(scenario, scene.job.bootstrap, topic)
        feed.until(warm)
        first = scene.wait_for(warm)
        feed.until(events)
        last = scene.wait_for(events)
        measured = [row for row in scene.receiver.receipts.rows() if row.number >= warm]
        return scene.finish(first, last, latencies(measured, feed.called, feed.acknowledged))


def latencies(
    rows: Sequence[Receipt], called: Sequence[int], acknowledged: Sequence[int]
) -> Mapping[str, float]:
    """Milliseconds to the arrival of the request from either bound, and to its answer from the first."""
    since_call = [(row.arrived_ns - called[row.number]) / 1e6 for row in rows]
    since_ack = [(row.arrived_ns - acknowledged[row.number]) / 1e6 for row in rows]
    whole = [(row.answered_ns - called[row.number]) / 1e6 for row in rows]
    kinds = {"request": since_call, "request_after_ack": since_ack, "end_to_end": whole}
    return {
        f"{kind}_p{share:g}": percentile(found, share / 100)
        for kind, found in kinds.items()
        for share in (50, 99)
    }

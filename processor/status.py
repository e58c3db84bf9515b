"""Status: what one process says of itself, to probes, scrapes and those who look on.

Promise: an answer is made of what the rooms know at that moment, at no cost otherwise, and never waits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from processor import __version__
from processor.config.settings import Settings
from processor.core.group.stability import Stability
from processor.core.pace.admission import Admission
from processor.core.pace.circuit import State
from processor.core.progress.flow import Flow
from processor.core.request.transform import Transform
from processor.kafka.checks.open_letters import OpenLetters
from processor.kafka.consumer import Consumer
from processor.kafka.producer import Producer
from processor.model import About, Partition, Report
from processor.telemetry.live_events import Live
from processor.telemetry.metrics import ProcessMetrics
from processor.telemetry.snapshot import Snapshot
from processor.telemetry.unreadable import UnreadablePartitions
from processor.telemetry.watch import Batch, Filter
from processor.traffic.attempt import Stage
from processor.traffic.dispatch import Dispatch
from processor.traffic.group import Group
from processor.web.client import Client
from processor.web.credentials.door import Credentials

WEDGED_SECONDS = 60.0
"""After so long without a round of the poll thread the process is not live."""


@dataclass(kw_only=True, eq=False)
class Status:
    """Asks the rooms of one process. `now` is monotonic; `is_draining`: a stop is under way."""

    settings: Settings
    now: Callable[[], float]
    admission: Admission
    flow: Flow
    dispatch: Dispatch
    group: Group
    unreadable: UnreadablePartitions
    consumer: Consumer
    producer: Producer
    open_letters: OpenLetters
    client: Client
    credentials: Credentials
    process_metrics: ProcessMetrics
    live_events: Live
    is_draining: bool = False
    _ends: Mapping[Partition, int] = field(default_factory=dict)
    _high: Mapping[Partition, int] = field(default_factory=dict)
    _stability: Stability = field(default_factory=Stability)

    def measured(self, ends: Mapping[Partition, int], high: Mapping[Partition, int]) -> None:
        """So far the logs go of partitions that were asked for: last stable offset, high watermark."""
        self._high = high
        self._stability.measured(ends, high, self.now())
        shown = self.flow.assignment() | self.group.lost().keys()
        self._ends = {p: end for p, end in {**self._ends, **ends}.items() if p in shown}

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """All metrics in the format that `accept` prefers."""
        return self.process_metrics.exposition(accept)

    def liveness(self) -> Report:
        """Whether the loop, which answers this, and the poll thread go round; a dead endpoint is no fault."""
        silence = self.consumer.silence()
        ok = silence < WEDGED_SECONDS
        return Report(ok, {"poll_thread": "ok" if ok else f"silent for {silence:.0f} s"})

    def readiness(self) -> Report:
        """Whether we are proven to be in the group, its topics can be read, dead letters and
        required reports be written, and no stop is under way.

        A dead endpoint only counts where `circuit.unready` says so, one that does not know us in any case, a
        partition that cannot be read where
        `kafka.unready` does. Events that are held are told, and count until the first one is delivered: so
        a roll-out with a wrong token, or to a wrong topic, ends there.
        """
        checks = {
            "group": self.group.fault() or "ok",
            "topics": self.group.topics_fault() or "ok",
            "partitions": "ok",
            "dead_letters": self.producer.fault() or "ok",
            "draining": "stopping" if self.is_draining else "ok",
            "endpoint": "ok",
            "credentials": self.credentials.fault() or (_UNKNOWN if self.admission.is_unknown() else "ok"),
            "events": self.dispatch.withheld.said(self.now()) or "ok",
        }
        closing = self.dispatch.closing
        if (blocked := closing.late_letters()) and checks["dead_letters"] == "ok":
            checks["dead_letters"] = f"{blocked} cannot be written"
        if unreported := closing.late_reports():
            checks["reports"] = f"{unreported} cannot be written"
        if unprepared := self.dispatch.unprepared.said():
            checks["preparation"] = unprepared
        if self.settings.kafka.unready and (unreadable := self.unreadable.places()):
            checks["partitions"] = f"cannot be read: {', '.join(map(str, sorted(unreadable)))}"
        circuit = self.admission.circuit()
        if self.settings.circuit.unready and circuit.state() is State.OPEN:
            checks["endpoint"] = f"down: {circuit.reason().value}"
        strike = self.settings.secrets.strike
        checks = {name: text if text == "ok" else strike(text) for name, text in checks.items()}
        counts = {name: text for name, text in checks.items() if name != "events"}
        counts = counts if self.admission.delivered() else checks
        return Report(set(counts.values()) == {"ok"}, checks)

    def about(self) -> About:
        """Whose events the live page shows."""
        return about(self.settings)

    def look(self, who: str, wanted: Filter) -> Batch:
        """What has happened since `who` asked last."""
        return self.live_events.look(who, wanted)._replace(letters=self.open_letters.count)

    def unsubscribe(self, who: str) -> None:
        self.live_events.unsubscribe(who)

    def snapshot(self) -> Snapshot:
        """How it stands now, for a scrape."""
        stages = self.dispatch.stages()
        records, size = self.flow.waiting()
        now = self.now()
        return Snapshot(
            in_flight=self.admission.in_flight(),
            in_flight_limit=self.admission.limit(),
            learnt_rate=self.admission.learnt_rate(),
            max_in_flight=self.settings.max_in_flight(),
            hosts_in_flight=self.dispatch.elsewhere.in_flight(),
            hosts_down=self.dispatch.elsewhere.down(),
            connections=self.client.connections(),
            retries_waiting=sum(map(stages.__getitem__, _WAIT_TO_BE_SENT)),
            dead_letters_blocked=self.dispatch.closing.late_letters(),
            reports_blocked=self.dispatch.closing.late_reports(),
            withheld=self.dispatch.withheld.counts(),
            waiting_records=records,
            waiting_bytes=size,
            held=self.flow.held(),
            ends=self._ends,
            high=self._high,
            stability=self._stability,
            unreadable=self.unreadable.places(),
            standings=self.flow.standings(),
            lost=self.group.lost(),
            is_member=self.group.fault() is None,
            ready=self.readiness().ok,
            circuit=self.admission.circuit().state(),
            is_unknown=self.admission.is_unknown(),
            dead_letter_budget=self.admission.budget_left(),
            letters_open=self.open_letters.count,
            letters_oldest_at=self.open_letters.oldest_at,
            endpoint_pause=self.admission.pause(now),
            lease=self.admission.lease(now),
            at=now,
        )


_UNKNOWN = "the endpoint does not take them, nor any event: see the log for its answer"
_WAIT_TO_BE_SENT = (Stage.RETRY, Stage.DUE, Stage.WITHHELD, Stage.ELSEWHERE)


def about(settings: Settings, workers: int | None = None) -> About:
    """Whose events the live page shows."""
    origin = str(Transform(settings.request_policy()).origin)
    return About(settings.destination.name, __version__, origin, settings.live.payloads, workers)

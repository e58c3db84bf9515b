"""A contender at its work: from the backlog in the broker to the figures of one run."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.benchmarks.backlog import Backlogs
from tests.benchmarks.contender import Contender, Job, Running
from tests.benchmarks.judge import Verdict, judge
from tests.benchmarks.receiver import Receiver
from tests.benchmarks.scenario import Scenario
from tests.support import apache_kafka as kafka

WARM_UP_SHARE = 0.1
SILENCE_SECONDS = 90.0
LOOK_SECONDS = 0.002


class StuckError(Exception):
    """A contender has ended, or delivered nothing for SILENCE_SECONDS; the text has the end of its log."""


class CannotStartError(Exception):
    """This machine cannot run the benchmark; the text says why."""


@dataclass(frozen=True)
class Cores:
    """Which core the contender has, and which one all others share."""

    contender: int
    others: int

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """The last two that this process may use. Raises CannotStartError where there is one only."""
        usable = sorted(os.sched_getaffinity(0))
        if len(usable) < 2:
            raise CannotStartError("the benchmark needs two cores")
        return cls(usable[-1], usable[-2])


@dataclass(frozen=True)
class Moment:
    """How far things were: nanoseconds of CPU and of the monotonic clock, events settled."""

    cpu_ns: int
    at_ns: int
    settled: int


@dataclass(frozen=True)
class Run:
    """What one run came to. Latencies are milliseconds, given for a topic that is fed while it is read."""

    scenario: str
    contender: str
    cpu_us: float
    events_per_second: float
    peak_mib: float
    verdict: Verdict
    connections: int
    most_at_once: int
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    round: int = 0


@dataclass
class Scene:
    """A contender, in one process or several, that delivers from a topic to a receiver of its own."""

    scenario: Scenario
    contender: Contender
    receiver: Receiver
    job: Job
    core: int
    stack: ExitStack
    running: list[Running] = field(default_factory=list)

    def start(self) -> None:
        """Start all processes; they are killed at the end, however it ends."""
        started = (self.contender.start(self.job, self.core) for _ in range(self.scenario.processes))
        self.running = [self.stack.enter_context(each) for each in started]

    def kill(self) -> None:
        """kill -9 to all."""
        for each in self.running:
            each.kill()

    def wait_for(self, settled: int) -> Moment:
        """Wait until so many events are settled. Raises StuckError."""
        progress, since = -1, time.monotonic()
        while (now := self.receiver.receipts.settled()) < settled:
            if now != progress:
                progress, since = now, time.monotonic()
            self._check(time.monotonic() - since, f"{now} of {settled} events settled")
            time.sleep(LOOK_SECONDS)
        cpu = sum(each.cpu_ns() for each in self.running)
        return Moment(cpu, time.monotonic_ns(), self.receiver.receipts.settled())

    def _check(self, silent: float, progress: str) -> None:
        ended = [each for each in self.running if each.has_ended()]
        if ended or silent > SILENCE_SECONDS:
            why = "ended" if ended else f"silent for {SILENCE_SECONDS} s"
            raise StuckError(f"{why}, {progress}:\n{(ended or self.running)[0].log_tail()}")

    def finish(self, first: Moment, last: Moment, latency_ms: Mapping[str, float] | None = None) -> Run:
        """Stop the processes; the figures between the two moments."""
        peak = sum(each.peak_bytes() for each in self.running)
        for each in self.running:
            each.terminate()
        events = (last.settled - first.settled) * self.scenario.every
        counters = self.receiver.receipts.counters()
        return Run(
            scenario=self.scenario.name,
            contender=self.contender.name,
            cpu_us=(last.cpu_ns - first.cpu_ns) / 1e3 / events,
            events_per_second=events / (last.at_ns - first.at_ns) * 1e9,
            peak_mib=peak / 2**20,
            verdict=self.verdict(),
            connections=counters.connections,
            most_at_once=counters.most_at_once,
            latency_ms=latency_ms or {},
        )

    def verdict(self) -> Verdict:
        """What the receipts say so far."""
        shape = self.scenario.shape
        return judge(self.receiver.receipts.rows(), shape.events, shape.key, self.scenario.every)


class Bench:
    """The broker with its backlogs and the cores: what all runs have in common."""

    def __init__(self, backlogs: Backlogs, cores: Cores) -> None:
        self.backlogs = backlogs
        self._cores = cores

    @contextmanager
    def scene(self, scenario: Scenario, contender: Contender, topic: str) -> Iterator[Scene]:
        """A receiver, and the contender in a group of its own, started."""
        with Receiver(scenario.shape.events, scenario.conduct) as receiver, ExitStack() as stack:
            job = Job(
                bootstrap=self.backlogs.broker.bootstrap_servers,
                topic=topic,
                group=f"bench-{time.time_ns()}",
                url=receiver.url,
                in_flight=scenario.in_flight,
                dead_letters=self.backlogs.dead_letters(),
                method=scenario.method,
                ca_file=receiver.ca_file,
                settings=scenario.settings,
            )
            scene = Scene(scenario, contender, receiver, job, self._cores.contender, stack)
            scene.start()
            yield scene

    def run(self, scenario: Scenario, contender: Contender) -> Run:
        """Deliver the backlog, measured from WARM_UP_SHARE of it to its end. Raises StuckError."""
        delivered = scenario.delivered
        with self.scene(scenario, contender, self.backlogs.topic(scenario.shape)) as scene:
            first = scene.wait_for(int(delivered * WARM_UP_SHARE))
            return scene.finish(first, scene.wait_for(delivered))


@contextmanager
def opened() -> Iterator[Bench]:
    """A bench with a broker of its own; this process moves to the core of the others for good.

    Raises CannotStartError.
    """
    cores = Cores.of_this_machine()
    os.sched_setaffinity(0, {cores.others})
    broker = kafka.start()
    if broker is None:
        raise CannotStartError(f"no Apache Kafka: {kafka.way()}")
    try:
        yield Bench(Backlogs(broker), cores)
    finally:
        broker.stop()

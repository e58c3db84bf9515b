"""One run: a contender delivers what a topic holds, and is measured from 10 % of it to its end."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.benchmarks.backlog import Backlogs
from tests.benchmarks.contender import Contender, Job, Running
from tests.benchmarks.judge import Verdict, judge
from tests.benchmarks.receiver import Receiver
from tests.benchmarks.scenario import Scenario

WARM_UP_SHARE = 0.1
SILENCE_SECONDS = 90.0
LOOK_SECONDS = 0.002


class StuckError(Exception):
    """A contender has ended, or delivered nothing for SILENCE_SECONDS; the text has the end of its log."""


@dataclass(frozen=True)
class Cores:
    """Which core the contender has, and which one all others share."""

    contender: int
    others: int

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """The last two that this process may use. Raises StuckError where there is one only."""
        usable = sorted(os.sched_getaffinity(0))
        if len(usable) < 2:
            raise StuckError("the benchmark needs two cores")
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
    latency_ms: dict[str, float]


class Bench:
    """The broker with its backlogs and the cores: what all runs have in common."""

    def __init__(self, backlogs: Backlogs, cores: Cores) -> None:
        self.backlogs = backlogs
        self.cores = cores

    def run(self, scenario: Scenario, contender: Contender) -> Run:
        """Let the contender deliver the scenario's backlog. Raises StuckError where it does not."""
        topic, events = self.backlogs.topic(scenario.shape), scenario.shape.events
        with Receiver(events, scenario.conduct) as receiver:
            job = self.job(scenario, topic, receiver)
            with self.started(contender, job, scenario.processes) as running:
                first = wait_for(receiver, running, int(events * WARM_UP_SHARE))
                last = wait_for(receiver, running, events)
                peak = sum(each.peak_bytes() for each in running)
                for each in running:
                    each.terminate()
            return _run_of(scenario, contender, receiver, (first, last), peak)

    def job(self, scenario: Scenario, topic: str, receiver: Receiver) -> Job:
        """What a contender of this scenario is told, as a group of its own."""
        return Job(
            bootstrap=self.backlogs.broker.bootstrap_servers,
            topic=topic,
            group=f"bench-{time.time_ns()}",
            url=receiver.url,
            in_flight=scenario.in_flight,
            dead_letters=self.backlogs.dead_letters(),
            method=scenario.method,
            ca_file=receiver.ca_file,
        )

    @contextmanager
    def started(self, contender: Contender, job: Job, processes: int = 1) -> Iterator[list[Running]]:
        """The contender's processes, killed at the end."""
        with ExitStack() as stack:
            yield [stack.enter_context(contender.start(job, self.cores.contender)) for _ in range(processes)]


def wait_for(receiver: Receiver, running: Sequence[Running], settled: int) -> Moment:
    """Wait until so many events are settled. Raises StuckError."""
    progress, since = -1, time.monotonic()
    while (now := receiver.receipts.settled()) < settled:
        if now != progress:
            progress, since = now, time.monotonic()
        _check(running, time.monotonic() - since, f"{now} of {settled} events settled")
        time.sleep(LOOK_SECONDS)
    return Moment(sum(each.cpu_ns() for each in running), time.monotonic_ns(), receiver.receipts.settled())


def _check(running: Sequence[Running], silent: float, progress: str) -> None:
    ended = [each for each in running if each.has_ended()]
    if ended or silent > SILENCE_SECONDS:
        why = "ended" if ended else f"silent for {SILENCE_SECONDS} s"
        raise StuckError(f"{why}, {progress}:\n{(ended or running)[0].log_tail()}")


def _run_of(
    scenario: Scenario,
    contender: Contender,
    receiver: Receiver,
    window: tuple[Moment, Moment],
    peak: int,
    latency_ms: Callable[[], dict[str, float]] = dict,
) -> Run:
    first, last = window
    count = last.settled - first.settled
    counters = receiver.receipts.counters()
    return Run(
        scenario=scenario.name,
        contender=contender.name,
        cpu_us=(last.cpu_ns - first.cpu_ns) / 1e3 / count,
        events_per_second=count / (last.at_ns - first.at_ns) * 1e9,
        peak_mib=peak / 2**20,
        verdict=judge(receiver.receipts.rows(), scenario.shape.events, scenario.shape.key),
        connections=counters.connections,
        most_at_once=counters.most_at_once,
        latency_ms=latency_ms(),
    )

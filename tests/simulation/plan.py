"""What a seed stands for: the topic, the processes, their policies, and the faults with their times."""

from dataclasses import dataclass, field, replace
from enum import Enum
from random import Random
from typing import NamedTuple

from processor.core.pace.admission import AdmissionPolicy
from processor.core.pace.budget import BudgetPolicy
from processor.core.pace.circuit import CircuitPolicy
from processor.core.pace.concurrency import ConcurrencyPolicy
from processor.core.pace.hosts import HostsPolicy
from processor.core.pace.rate import RatePolicy
from processor.core.progress.flow import FlowPolicy
from processor.core.progress.lanes import Order
from processor.core.progress.lease import LeasePolicy
from processor.core.reports.report import ReportPolicy
from processor.core.retry import RetryPolicy
from processor.traffic.pipeline import PipelinePolicy
from tests.simulation.endpoint import Weather
from tests.simulation.group import Trouble
from tests.simulation.letters import Ink
from tests.simulation.limits import Limits
from tests.simulation.log import Paper
from tests.simulation.promises import Demands
from tests.simulation.shape import Lateness, Shape
from tests.simulation.topic import Kind


class Do(Enum):
    """What can happen."""

    START = "start"
    STOP = "stop"
    CRASH = "crash"
    FREEZE = "freeze"
    BLOCK = "block"
    CUT = "cut"
    DISTURB = "disturb"
    COORDINATOR = "coordinator"
    WEATHER = "weather"
    SLOW = "slow"
    INK = "ink"
    REPORTS = "ink of reports"
    WALL_CLOCK = "wall clock"
    DAMAGE = "damage"
    LOG = "log"
    REFUSAL = "refusal of a topic"
    ANEW = "topic made anew"


class Event(NamedTuple):
    """Something happens at a time, to a process or partition (`which`), for so many seconds.

    `how` says what is wrong with what; `by` is how far a wall clock jumps; a client that was cut off
    `notices` that itself, or not.
    """

    at: float
    do: Do
    which: int
    seconds: float
    how: Trouble | Weather | Ink | Paper | None = None
    by: float = 0.0
    notices: bool = False


class Production(NamedTuple):
    """A record, and so many offsets without one behind it."""

    at: float
    partition: int
    key: bytes | None
    kind: Kind
    gap: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One history before it happens."""

    shape: Shape
    starts: list[int]
    productions: list[Production]
    events: list[Event]
    processes: int
    flaky: float
    latency: float
    topics: int
    metadata_limit: int
    ends_at: float = field(default=0.0)
    limits: Limits = field(default_factory=Limits)


LONG_SECONDS = 600.0
"""Tries that go on for longer do not end in a history."""

OF_PARTITIONS = (Do.DISTURB, Do.REFUSAL, Do.ANEW)

_WEIGHTS = {
    Do.STOP: 4,
    Do.CRASH: 4,
    Do.FREEZE: 3,
    Do.BLOCK: 1,
    Do.CUT: 2,
    Do.DISTURB: 4,
    Do.COORDINATOR: 3,
    Do.WEATHER: 3,
    Do.SLOW: 2,
    Do.INK: 2,
    Do.WALL_CLOCK: 1,
    Do.DAMAGE: 2,
    Do.LOG: 2,
    Do.REFUSAL: 2,
    Do.ANEW: 3,
}


def plan(random: Random, demands: Demands) -> Plan:
    """One of endlessly many."""
    length = random.choice((5.0, 20.0, 60.0, 120.0))
    shape = _shape(random)
    starts = [random.choice((0, 0, 7)) for _ in range(random.randint(1, 4))]
    processes = random.randint(1, 3)
    events = [Event(0.0, Do.START, 0, 0.0)]
    events += [Event(random.uniform(0, length), Do.START, n, 0.0) for n in range(1, processes)]
    events += [_event(random, length, shape, len(starts), processes) for _ in range(random.randint(0, 8))]
    events.sort(key=lambda event: event.at)
    plan = Plan(
        shape=shape,
        starts=starts,
        productions=_productions(random, length, len(starts), _kinds(random, shape, demands)),
        events=events,
        processes=processes,
        flaky=random.choice((0.0, 0.05, 0.3)),
        latency=random.choice((0.005, 0.05, 0.5, 2.0)),
        topics=random.choice((1, 2)),
        metadata_limit=random.choice((4095, 4095, 4095, 200, 100, 45, 0)),
        ends_at=max(length, *(event.at + event.seconds for event in events)),
    )
    plan = replace(plan, shape=replace(shape, lateness=_lateness(random, length)))
    return _reported(random, length, _limited(random, _sent_elsewhere(random, plan)))


def _reported(random: Random, length: float, plan: Plan) -> Plan:
    """In most histories nothing is; where it is the topic of reports may fail for a while."""
    policies = (None, None, ReportPolicy("simulated"), ReportPolicy("simulated", is_required=True))
    policy = random.choice(policies)
    faults = [
        Event(
            at=random.uniform(0, length),
            do=Do.REPORTS,
            which=0,
            seconds=random.choice((3.0, 30.0, 90.0)),
            how=random.choice(list(Ink)[1:]),
        )
        for _ in range(random.choice((0, 1, 2)))
    ]
    if policy is None or not faults:
        return replace(plan, shape=replace(plan.shape, reports=policy))
    return replace(
        plan,
        shape=replace(plan.shape, reports=policy),
        events=sorted([*plan.events, *faults], key=lambda event: event.at),
        ends_at=max(plan.ends_at, *(event.at + event.seconds for event in faults)),
    )


def _limited(random: Random, plan: Plan) -> Plan:
    """In most histories the endpoint takes what comes."""
    return replace(
        plan,
        limits=Limits(
            rate=random.choice((None, None, None, 2.0, 10.0, 50.0)),
            status=random.choice((429, 503)),
            retry_after=random.random() < 0.3,
            workers=random.choice((None, None, None, 2, 4)),
        ),
    )


def _sent_elsewhere(random: Random, plan: Plan) -> Plan:
    """In most histories nothing is."""
    share = random.choice((0.0, 0.0, 0.4))
    hosts = HostsPolicy(random.choice((1, 2, 5)), plan.shape.admission.circuit, remembered=2)
    productions = [
        each._replace(kind=Kind.ELSEWHERE) if each.kind is Kind.GOOD and random.random() < share else each
        for each in plan.productions
    ]
    lateness = replace(plan.shape.lateness, is_framed=random.random() < 0.3)
    return replace(plan, productions=productions, shape=replace(plan.shape, hosts=hosts, lateness=lateness))


def _lateness(random: Random, length: float) -> Lateness:
    """Most histories have none."""
    starts = [random.uniform(0, length) for _ in range(random.choice((0, 1, 2)))]
    return Lateness(
        share=random.choice((0.0, 0.0, 0.3, 1.0)),
        most=random.choice((1, 3, 500)),
        away=tuple((start, min(length, start + random.choice((1.0, 10.0, 60.0)))) for start in starts),
        is_rude=random.random() < 0.5,
    )


def _shape(random: Random) -> Shape:
    interval = random.choice((0.5, 1.0, 1.0, 3.0))
    return Shape(
        flow=FlowPolicy(
            order=random.choice((Order.KEY, Order.KEY, Order.KEY, Order.PARTITION, Order.NONE)),
            max_waiting_records=random.choice((4, 10, 40, 1000)),
            max_waiting_bytes=random.choice((5_000, 50_000, 10_000_000)),
            max_metadata_bytes=random.choice((4095, 4095, 4095, 40)),
            destination="simulated",
        ),
        admission=_admission(random),
        retry=_retry(random),
        pipeline=PipelinePolicy(
            interval, random.choice((1.0, 5.0, 25.0)), LeasePolicy(random.choice((6.0, 15.0, 45.0)))
        ),
        skip_tombstones=random.random() < 0.7,
        batch=random.choice((1, 4, 20)),
    )


def _admission(random: Random) -> AdmissionPolicy:
    return AdmissionPolicy(
        concurrency=ConcurrencyPolicy(random.choice((1, 2, 4, 8, 16)), adaptive=random.random() < 0.7),
        circuit=CircuitPolicy(
            enabled=random.random() < 0.8,
            max_probe_interval=random.choice((2.0, 2.0, 30.0)),
            max_outage=random.choice((100.0, None)),
        ),
        budget=BudgetPolicy(random.choice((5, 20, 100))),
        rate=RatePolicy(20.0, 5) if random.random() < 0.1 else None,
    )


def _retry(random: Random) -> RetryPolicy:
    attempts, elapsed = random.choice(((3, None), (6, 600.0), (None, 10_800.0), (None, 120.0), (None, None)))
    return RetryPolicy(
        max_attempts=attempts,
        max_elapsed=elapsed,
        initial_backoff=random.choice((0.1, 0.5, 2.0)),
        max_backoff=random.choice((2.0, 10.0, 20.0)),
        max_retry_after=random.choice((5.0, 60.0)),
    )


def _kinds(random: Random, shape: Shape, demands: Demands) -> list[Kind]:
    """Mostly good; records that fail for ever only where their attempts come to an end in a history."""
    bad = [Kind.REFUSED, Kind.REDIRECTED, Kind.BROKEN, Kind.FOREIGN, Kind.TOMBSTONE]
    attempts, elapsed = shape.retry.max_attempts, shape.retry.max_elapsed
    ends = attempts is not None or (elapsed is not None and elapsed <= LONG_SECONDS)
    circuit = shape.admission.circuit
    outage_ends = circuit.max_outage is not None and circuit.max_probe_interval < 10.0
    if ends and (not circuit.enabled or (demands.cursed_end and outage_ends)):
        bad.append(Kind.CURSED)
    return [Kind.GOOD] * random.choice((8, 20, 60)) + random.sample(bad, random.randint(0, len(bad)))


def _productions(random: Random, length: float, partitions: int, kinds: list[Kind]) -> list[Production]:
    keys = [b"k%d" % n for n in range(random.choice((1, 3, 10)))] + [None]
    backlog, gaps = random.random(), random.choice((0.0, 0.2))
    productions = [
        Production(
            at=0.0 if random.random() < backlog else random.uniform(0, length),
            partition=random.randrange(partitions),
            key=random.choice(keys),
            kind=random.choice(kinds),
            gap=random.randint(1, 3) if random.random() < gaps else 0,
        )
        for _ in range(random.choice((5, 20, 60, 150)))
    ]
    return sorted(productions, key=lambda production: production.at)


def _event(random: Random, length: float, shape: Shape, partitions: int, processes: int) -> Event:
    do = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    seconds = random.choice((0.5, 3.0, 10.0, 30.0)) * random.uniform(0.5, 1.5)
    which = random.randrange(partitions if do in OF_PARTITIONS else processes)
    how: Trouble | Weather | Ink | Paper | None = None
    match do:
        case Do.FREEZE | Do.CUT:
            seconds = random.uniform(0.1, 2.5) * shape.session
        case Do.COORDINATOR:
            how = random.choice(list(Trouble)[1:])
        case Do.WEATHER:
            how = random.choice(list(Weather)[1:])
            seconds = random.choice((seconds, seconds, 300.0, 900.0))
        case Do.REFUSAL:
            seconds = random.choice((seconds, 60.0, 120.0))
        case Do.INK:
            how = random.choice(list(Ink)[1:])
        case Do.LOG:
            how = random.choice(list(Paper)[1:])
        case _:
            pass
    by = random.choice((-3600.0, -5.0, 5.0, 3600.0))
    return Event(random.uniform(0, length), do, which, seconds, how, by, random.random() < 0.5)

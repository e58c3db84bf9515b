"""The traffic of one process, put together: the one place that knows which room is told by which.

Promise: whoever runs traffic, in production, in a test, a simulation or a benchmark, runs the same wiring.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from processor.clock import Clock
from processor.core.dead_letter import DeadLetterPolicy
from processor.core.pace.admission import Admission
from processor.core.pace.hosts import Hosts, HostsPolicy
from processor.core.progress.flow import Flow
from processor.core.reports.report import ReportPolicy
from processor.core.request.attempt_headers import AttemptHeaders
from processor.core.retry import RetryPolicy
from processor.model import SourceEvent
from processor.telemetry.facts import Facts, Listener
from processor.traffic.attempt import End, Run, Sender, Stage
from processor.traffic.delivery import Delivery
from processor.traffic.dispatch import Dispatch
from processor.traffic.pipeline import Pipeline, PipelinePolicy, Source
from processor.traffic.preparation import Preparing
from processor.traffic.undelivered.dead_letters import Letters
from processor.traffic.undelivered.elsewhere import Elsewhere
from processor.traffic.unprepared import MOST, Unprepared
from processor.traffic.written.closing import Closing
from processor.traffic.written.reports import Reports
from processor.traffic.written.writing import Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What the operator said of it."""

    retry: RetryPolicy
    dead_letter: DeadLetterPolicy
    pipeline: PipelinePolicy
    most_unprepared: int = MOST
    """Of how many records the preparation may be asked at once, where it answers later."""
    reports: ReportPolicy = field(default_factory=lambda: ReportPolicy(""))
    """How it is reported what became of events, where there is a topic for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What it touches. `oldest`: the timestamp before which a record's time is not to be that of its letter.

    `failed` is told why it cannot go on. Without `reports` nothing is reported.
    """

    source: Source
    sender: Sender
    dead_letters: Topic
    clock: Clock
    wall_clock: Callable[[], float]
    chance: Callable[[], float]
    failed: Callable[[str], None]
    oldest: Callable[[], float] = lambda: -math.inf
    reports: Topic | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What it shares with those who ask how it stands."""

    preparation: Preparing
    flow: Flow
    admission: Admission
    facts: Facts
    hosts: Hosts = field(default_factory=lambda: Hosts(HostsPolicy()))
    """The doors to the hosts that events name."""
    attempt_headers: AttemptHeaders | None = None
    """Who makes what each attempt says anew; None: nothing does."""


class Narrowing(Protocol):
    """What of the topics is delivered, where that is not all of it, and who else hears what happens."""

    @property
    def listeners(self) -> Sequence[Listener]:
        """Those of the facts, beside all others."""

    def within(self, event: SourceEvent) -> SourceEvent:
        """The same without what is not to be taken."""

    def preparing(self, inner: Preparing) -> Preparing:
        """Who prepares what is taken."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...


class Traffic(NamedTuple):
    """It begins with `pipeline.start`; facts of the source go to `pipeline.take`."""

    pipeline: Pipeline
    dispatch: Dispatch


def assemble(policies: Policies, world: World, rooms: Rooms) -> Traffic:
    """Put it together; nothing happens yet. Each room makes the one below it, which tells it what happens."""
    clock, chance, facts = world.clock, world.chance, rooms.facts

    def delivery(ended: Callable[[Run, End], None]) -> Delivery:
        return Delivery(
            attempt_headers=rooms.attempt_headers,
            admission=rooms.admission,
            hosts=rooms.hosts,
            policy=policies.retry,
            sender=world.sender,
            clock=clock,
            wall_clock=world.wall_clock,
            chance=chance,
            facts=facts,
            ended=ended,
            is_reported=world.reports is not None,
        )

    def closing(closed: Callable[[Run], None], waits: Callable[[Run, Stage], None]) -> Closing:
        letters = Letters(policies.dead_letter, world.dead_letters, clock, chance, facts, world.oldest)
        topic = world.reports
        reports = None if topic is None else Reports(policies.reports, topic, clock, chance, facts)
        return Closing(letters, reports, rooms.flow, closed=closed, waits=waits)

    def unprepared(
        delivery: Delivery, ended: Callable[[Run, End], None], changed: Callable[[], None]
    ) -> Unprepared:
        return Unprepared(
            rooms.preparation,
            policies.most_unprepared,
            flow=rooms.flow,
            delivery=delivery,
            elsewhere=Elsewhere(
                rooms.hosts, admission=rooms.admission, policy=policies.retry, clock=clock, changed=changed
            ),
            clock=clock,
            chance=chance,
            facts=facts,
            ended=ended,
            changed=changed,
        )

    def dispatch(pumped: Callable[[], None]) -> Dispatch:
        return Dispatch(
            flow=rooms.flow,
            admission=rooms.admission,
            closing=closing,
            delivery=delivery,
            unprepared=unprepared,
            knock_after=policies.retry.max_backoff,
            clock=clock,
            chance=chance,
            facts=facts,
            pumped=pumped,
        )

    pipeline = Pipeline(policies.pipeline, rooms.flow, world.source, dispatch, clock, facts, world.failed)
    return Traffic(pipeline, pipeline.dispatch)

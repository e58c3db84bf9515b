"""One process: the real rooms between a source, an endpoint and a dead-letter topic that are played."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import NamedTuple

from processor.core.dead_letter import DeadLetterPolicy
from processor.core.disclosure import DisclosurePolicy
from processor.core.pace.admission import Admission
from processor.core.pace.hosts import Hosts
from processor.core.progress.flow import Flow, FlowPolicy
from processor.core.reports.report import ReportPolicy
from processor.core.request.filters import FilterPolicy
from processor.core.request.transform import RequestPolicy
from processor.model import Position, Record
from processor.telemetry.facts import Broadcast
from processor.telemetry.live_events import Live
from processor.telemetry.log_lines import LogLines
from processor.telemetry.metrics import ProcessMetrics
from processor.traffic.assembly import Policies, Rooms, World, assemble
from processor.traffic.pipeline import LAST_COMMIT_SECONDS
from processor.traffic.preparation import Preparation as JsonPreparation
from tests.simulation.clock import Gate
from tests.simulation.clock import World as Worlds
from tests.simulation.endpoint import EPOCH, Endpoint, Sender
from tests.simulation.group import Group
from tests.simulation.ledger import Account, History
from tests.simulation.letters import DeadLetters, Topic
from tests.simulation.preparation import Preparation
from tests.simulation.promises import Promise
from tests.simulation.registry import Framed
from tests.simulation.reports import Reports
from tests.simulation.shape import Shape
from tests.simulation.source import Source
from tests.simulation.steady import Steady
from tests.simulation.topic import ELSEWHERE

CLOSE_SECONDS = 10.0
MEASURE_SECONDS = 10.0
URL = "https://endpoint.example/hook"


class Heard(Flow):
    """Says what is settled before it is."""

    def __init__(self, policy: FlowPolicy, account: Account) -> None:
        super().__init__(policy)
        self._account = account

    def finished(self, record: Record) -> bool:
        """Nothing more has to be done."""
        self._account.settled(record)
        return super().finished(record)


class Surroundings(NamedTuple):
    """What all processes of a history share."""

    world: Worlds
    random: Random
    history: History
    group: Group
    endpoint: Endpoint
    letters: Topic
    reports: Topic
    shape: Shape
    preparation: Random
    """The chance of who prepares: apart, so that other histories stay as they are."""
    damage: Callable[[Position], Position | None]


class Process:
    """One life of one process, from its start to its exit or its crash."""

    def __init__(self, name: str, around: Surroundings, gone: Callable[[], None]) -> None:
        self.name = name
        self._around = around
        self._gone = gone
        offset = around.random.uniform(0, 1e6)
        self.loop = Gate(around.world, offset, self._check)
        self.thread = Gate(around.world, offset)
        self.wall_offset = EPOCH + around.random.uniform(-2, 2)
        self.account = Account(around.history, name)
        self.is_up = True
        self._stop_at: float | None = None
        self._was_disturbed = False
        self._cuts = 0
        self._began_at = around.world.now
        self._open()

    def _open(self) -> None:
        around, shape = self._around, self._around.shape
        self.source = Source(
            self.name,
            around.group,
            dict(around.history.logs),
            self.loop,
            self.thread,
            around.random,
            self.account,
            max_wait=shape.pipeline.drain_timeout + CLOSE_SECONDS,
            batch=shape.batch,
            damage=around.damage,
        )
        self.flow, self.admission = Heard(shape.flow, self.account), Admission(shape.admission)
        self.traffic = assemble(
            Policies(
                retry=shape.retry,
                dead_letter=DeadLetterPolicy("simulated", "group", "1"),
                pipeline=shape.pipeline,
                most_unprepared=shape.lateness.most,
                reports=shape.reports or ReportPolicy("simulated"),
            ),
            World(
                source=self.source,
                sender=Sender(around.endpoint, around.world, self.loop, self.wall_clock, self.account),
                dead_letters=DeadLetters(around.letters, self.loop, self.account),
                clock=self.loop,
                wall_clock=self.wall_clock,
                chance=around.random.random,
                failed=partial(around.history.fail, Promise.NO_EXCEPTION, self.name),
                reports=Reports(around.reports, self.loop, self.account) if shape.reports else None,
            ),
            Rooms(
                preparation=(Framed if shape.lateness.is_framed else Preparation)(
                    JsonPreparation(
                        RequestPolicy(URL, allowed_hosts=frozenset(ELSEWHERE)),
                        FilterPolicy(skip_tombstones=shape.skip_tombstones),
                    ),
                    shape.lateness,
                    self.loop,
                    around.preparation,
                    self.account,
                ),
                flow=self.flow,
                admission=self.admission,
                hosts=Hosts(shape.hosts),
                facts=Broadcast(
                    ProcessMetrics("simulated", self.wall_clock),
                    LogLines(self.wall_clock),
                    Live(DisclosurePolicy(), self.loop.time, self.wall_clock),
                    Steady(
                        shape.admission.circuit,
                        self.loop.time,
                        partial(around.history.fail, Promise.STEADY, self.name),
                    ),
                ),
            ),
        )
        self.account.waiting = self.flow.waiting
        self.account.in_flight = self.admission.in_flight
        self.account.in_flight_elsewhere = self.traffic.dispatch.elsewhere.in_flight
        self.source.open(self.traffic.pipeline.take)
        self.traffic.pipeline.start()
        self._identify()

    def _check(self) -> None:
        """After every event: all is counted where it is."""
        self.flow.check()
        self.admission.check()
        self.traffic.dispatch.check()

    def _identify(self) -> None:
        self.source.identify()
        self.loop.call_later(MEASURE_SECONDS, self._identify)

    def leased(self) -> float:
        """For how long its membership is proven, as it says."""
        return self.admission.lease(self.loop.time())

    def is_well(self, since: float) -> bool:
        """Whether it was there and nothing happened to it since."""
        is_up = self.is_up and self._stop_at is None and self._began_at < since
        return is_up and self.loop.is_open() and self.thread.is_open() and not self._cuts

    def wall_clock(self) -> float:
        """Seconds since 1970, as this process has them."""
        return self._around.world.now + self.wall_offset

    # Ends

    def stop(self) -> None:
        """SIGTERM."""
        self.loop.call_soon(self._stop)

    def _stop(self) -> None:
        if self._stop_at is not None:
            return
        self._around.history.note(self.name, "is told to stop")
        self._stop_at = self.account.busy_at = self._around.world.now
        self.account.is_stopping = True
        self.traffic.pipeline.stop(self._stopped)

    def _stopped(self) -> None:
        took = self._around.world.now - (self._stop_at or 0)
        in_time = self._around.shape.pipeline.drain_timeout + LAST_COMMIT_SECONDS + 0.01
        if took > in_time and not self._was_disturbed:
            self._around.history.fail(Promise.STOP, self.name, f"a stop took {took:.1f} seconds")
        self.account.stopped(self._around.group.committed)
        self._around.history.count("stops")
        self.loop.call_later(CLOSE_SECONDS, self._exit)
        self.source.close(self._left)

    def _left(self) -> None:
        self.loop.call_soon(self._exit)

    def _exit(self) -> None:
        if self.is_up:
            self._around.history.note(self.name, "exits")
            self._end()

    def crash(self, calm_since: float) -> None:
        """SIGKILL."""
        if not self.is_up:
            return
        self._around.history.count("crashes")
        self.account.crashed(self._around.group.committed, self._committed_since(calm_since))
        self._end()

    def _committed_since(self, calm_since: float) -> float:
        """What was settled before has to be committed, if nothing was in the way for long enough."""
        interval, now = self._around.shape.pipeline.commit_interval, self._around.world.now
        bound = now - 2 * interval - 2.5
        return bound if calm_since < bound and self.loop.is_open() else -1.0

    def _end(self) -> None:
        self.is_up = False
        self.loop.is_dead = self.thread.is_dead = True
        self._around.group.cut(self.source.member)
        self._gone()

    # Disturbances

    def freeze(self) -> Callable[[], None]:
        """SIGSTOP; what is returned is SIGCONT."""
        self.block()
        self.thread.shut()
        self._cut()
        return self._thaw

    def _thaw(self) -> None:
        self.thread.open()
        self.loop.open()
        self._heal()

    def block(self) -> Callable[[], None]:
        """The loop stands still, the thread goes on; what is returned lets it go on."""
        self._was_disturbed = True
        self.loop.shut()
        return self.loop.open

    def cut(self, *, notices: bool) -> Callable[[], None]:
        """The group is not reached; the client notices by itself, or not."""
        member = self.source.member
        self._cut()
        if notices:
            self.thread.call_later(self._around.shape.session, partial(self._notice, member.name))
        return self._heal

    def _notice(self, name: str) -> None:
        member = self.source.member
        if member.name == name and not member.is_reachable:
            self.source.unknown(member)

    def _cut(self) -> None:
        self._cuts += 1
        self._around.group.cut(self.source.member)

    def _heal(self) -> None:
        self._cuts -= 1
        if self.is_up and not self._cuts:
            self._around.group.heal(self.source.member)

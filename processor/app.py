"""Builds every room from the settings, opens them in order, closes them in reverse."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from processor import __version__
from processor.background import begin, listen
from processor.core.admission import Admission
from processor.core.circuit import State
from processor.core.flow import Flow
from processor.core.live import Batch, Filter
from processor.core.preparation import Preparation
from processor.core.stability import Stability
from processor.core.transform import Transform
from processor.delivery import Delivery
from processor.errors import FatalError
from processor.group import Group
from processor.kafka.consumer import Consumer
from processor.kafka.ends import Ends
from processor.kafka.inquiry import Inquiry
from processor.kafka.options import refuse_unknown, write_debug
from processor.kafka.producer import Producer
from processor.kafka.retention import Retention
from processor.letters import Letters
from processor.live import Live
from processor.model import About, Partition, Report, SourceEvent
from processor.pipeline import LAST_COMMIT_SECONDS, Pipeline, PipelinePolicy
from processor.reading import Reading
from processor.run import Stage
from processor.settings import Settings
from processor.signals import stop_on_signals
from processor.snapshot import Snapshot
from processor.telemetry import Telemetry
from processor.web.admin import Admin
from processor.web.client import Client
from processor.web.listening import authority
from processor.web.pages import Pages

MEASURE_SECONDS = 10.0
"""How often the ends of the partitions are asked for, and whether their topics are still the same."""
REMEASURE_SECONDS = 1.0
"""The same while some are not known."""
WEDGED_SECONDS = 60.0
"""After so long without a round of the poll thread the process is not live."""
CLOSE_SECONDS = 10.0

log = structlog.get_logger()


class Front(Protocol):
    """Where the pages are shown."""

    async def open(self) -> int:
        """The port; 0 where there is none. Raises ConfigError and FatalError."""

    async def close(self) -> None:
        """Show them no more."""


class App:
    """One processor: everything between a topic and an endpoint. Run it once.

    `admin_port` is the port of the pages for operators, once it runs; 0 where `front` has none.
    """

    admin_port: int

    def __init__(self, settings: Settings, front: Callable[[Pages], Front] | None = None) -> None:
        """Build; nothing is connected. `front` shows the pages in place of the admin port.

        Raises ConfigError.
        """
        refuse_unknown(settings.kafka, settings.dead_letter)
        write_debug(settings.kafka, settings.dead_letter)
        self._settings = settings
        self._telemetry = Telemetry(settings.destination.name)
        self._admission = Admission(settings.admission_policy())
        self._flow = Flow(settings.flow_policy())
        self._client = Client(settings.destination, settings.delivery.max_in_flight, may_send=self._is_leased)
        self._producer = Producer(settings.kafka, settings.dead_letter)
        self._retention = Retention(settings.kafka, settings.dead_letter.topic)
        self._consumer = Consumer(
            settings.kafka,
            settings.dead_letter.topic,
            max_wait=settings.longest_revocation(CLOSE_SECONDS),
        )
        self._admin: Front = front(self) if front else Admin(settings.admin, self, live=settings.live.enabled)
        self._ends: Mapping[Partition, int] = {}
        self._high: Mapping[Partition, int] = {}
        self._stability = Stability()
        self._draining = False

    async def run_until_signal(self) -> None:
        """`run` until SIGTERM or SIGINT; a second signal ends the process at once."""
        await self.run(stop_on_signals(asyncio.get_running_loop()))

    async def run(self, stop: asyncio.Future[None]) -> None:
        """Process until `stop` is done, then drain, commit and leave. Raises ConfigError, FatalError."""
        self._loop = loop = asyncio.get_running_loop()
        self._failure: asyncio.Future[str] = loop.create_future()
        try:
            async with contextlib.AsyncExitStack() as rooms:
                await self._open(loop, rooms)
                await asyncio.wait((stop, self._failure), return_when=asyncio.FIRST_COMPLETED)
                self._draining = True
                log.info("stopping", running=len(self._flow.running(self._flow.assignment())))
        finally:
            if self._failure.done():  # what it broke may keep the rest from closing: this is why
                raise FatalError(self._failure.result())
        log.info("stopped")

    async def _open(self, loop: asyncio.AbstractEventLoop, rooms: contextlib.AsyncExitStack) -> None:
        """Open every room; `rooms` closes them in reverse."""
        rooms.callback(listen(loop, self._fail))
        await self._client.open()
        rooms.push_async_callback(self._client.close)
        self._producer.open(self._telemetry.troubled)
        rooms.push_async_callback(self._producer.close, CLOSE_SECONDS)
        self._delivery = self._build_delivery(loop)
        self._pipeline = self._build_pipeline(loop)
        self._delivery.attach(self._pipeline)
        self._group = Group(
            self._flow,
            Inquiry(self._settings.kafka),
            self._telemetry.client_log,
            loop.time,
            self._is_leased,
            self._telemetry.foreign,
            destination=self._settings.destination.name,
            is_classic=self._settings.kafka.group_protocol == "classic",
        )
        self._reading = Reading(self._pipeline.take)
        self._telemetry.watch(self._snapshot)
        self.admin_port = await self._admin.open()
        rooms.push_async_callback(self._admin.close)
        self._consumer.open(self._take)
        rooms.push_async_callback(self._leave)
        self._pipeline.start()
        rooms.push_async_callback(self._drain)
        for work in (self._measure(), self._group.watch(), self._retention.watch()):
            rooms.callback(begin(work, self._fail).cancel)
        self._say_started()

    def _say_started(self) -> None:
        settings = self._settings
        for warning in settings.warnings():
            log.warning(warning)
        log.info(
            "started",
            version=__version__,
            topics=settings.kafka.topics,
            group=settings.kafka.group_id,
            destination=settings.destination.name,
            endpoint=str(self._preparation.origin),
            admin=f"http://{authority(settings.admin.host, self.admin_port)}" if self.admin_port else None,
        )

    async def _drain(self) -> None:
        stopped = asyncio.get_running_loop().create_future()
        self._pipeline.stop(lambda: stopped.set_result(None))
        # A callback that raised may have been the one that says so.
        longest = self._settings.delivery.drain_timeout + LAST_COMMIT_SECONDS + 1
        await asyncio.wait((stopped,), timeout=longest)

    async def _leave(self) -> None:
        if not await self._consumer.close(CLOSE_SECONDS):
            log.warning("the group was not left in time", seconds=CLOSE_SECONDS)

    def _build_delivery(self, loop: asyncio.AbstractEventLoop) -> Delivery:
        settings = self._settings
        self._preparation = Preparation(settings.preparation_policy())
        self._live = Live(settings.disclosure_policy(), loop.time, time.time)
        return Delivery(
            preparation=self._preparation,
            admission=self._admission,
            policy=settings.retry_policy(),
            letters=Letters(
                settings.dead_letter_policy(),
                self._producer,
                loop,
                random.random,
                self._telemetry,
                self._retention.oldest,
            ),
            sender=self._client,
            clock=loop,
            wall_clock=time.time,
            chance=random.random,
            telemetry=self._telemetry,
            live=self._live,
        )

    def _build_pipeline(self, loop: asyncio.AbstractEventLoop) -> Pipeline:
        delivery = self._settings.delivery
        policy = PipelinePolicy(
            delivery.commit_interval, delivery.drain_timeout, self._settings.lease_policy()
        )
        return Pipeline(policy, self._flow, self._consumer, self._delivery, loop, self._telemetry, self._fail)

    def _take(self, event: SourceEvent) -> None:
        self._group.take(event)
        self._reading.take(event)

    def _fail(self, error: str) -> None:
        if not self._failure.done():
            self._failure.set_result(error)

    async def _measure(self) -> None:
        ends = Ends(self._settings.kafka)
        while True:
            self._consumer.identify()
            found = await ends.measure(self._flow.assignment())
            self._high = await ends.high(found)
            self._stability.measured(found, self._high, self._loop.time())
            shown = self._flow.assignment() | self._group.lost().keys()
            self._ends = {p: end for p, end in {**self._ends, **found}.items() if p in shown}
            is_complete = bool(found) and found.keys() >= self._flow.assignment()
            await asyncio.sleep(MEASURE_SECONDS if is_complete else REMEASURE_SECONDS)

    # Pages

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """All metrics in the format that `accept` prefers."""
        return self._telemetry.exposition(accept)

    def live(self) -> Report:
        """Whether the loop, which answers this, and the poll thread go round; a dead endpoint is no fault."""
        silence = self._consumer.silence()
        ok = silence < WEDGED_SECONDS
        return Report(ok, {"poll_thread": "ok" if ok else f"silent for {silence:.0f} s"})

    def ready(self) -> Report:
        """Whether we are proven to be in the group, its topics can be read, dead letters be written, and
        no stop is under way.

        A dead endpoint only counts where `circuit.unready` says so, a partition that cannot be read where
        `kafka.unready` does.
        """
        checks = {
            "group": self._group.fault() or "ok",
            "topics": self._group.topics_fault() or "ok",
            "partitions": "ok",
            "dead_letters": self._producer.fault() or "ok",
            "draining": "stopping" if self._draining else "ok",
            "endpoint": "ok",
        }
        if (blocked := self._delivery.stages()[Stage.BLOCKED_LETTER]) and checks["dead_letters"] == "ok":
            checks["dead_letters"] = f"{blocked} cannot be written"
        if self._settings.kafka.unready and (unreadable := self._reading.unreadable()):
            checks["partitions"] = f"cannot be read: {', '.join(map(str, sorted(unreadable)))}"
        circuit = self._admission.circuit()
        if self._settings.circuit.unready and circuit.state() is State.OPEN:
            checks["endpoint"] = f"down: {circuit.reason().value}"
        return Report(set(checks.values()) == {"ok"}, checks)

    def about(self) -> About:
        """Whose events the live page shows."""
        return about(self._settings)

    def look(self, who: str, wanted: Filter) -> Batch:
        """What has happened since `who` asked last."""
        return self._live.look(who, wanted)

    def leave(self, who: str) -> None:
        """`who` asks no more."""
        self._live.leave(who)

    def _is_leased(self) -> bool:
        return self._admission.lease(self._loop.time()) > 0

    def _snapshot(self) -> Snapshot:
        stages = self._delivery.stages()
        records, size = self._flow.waiting()
        now = self._loop.time()
        return Snapshot(
            in_flight=self._admission.in_flight(),
            in_flight_limit=self._admission.limit(),
            max_in_flight=self._settings.delivery.max_in_flight,
            retries_waiting=stages[Stage.RETRY],
            dead_letters_blocked=stages[Stage.BLOCKED_LETTER],
            withheld=self._delivery.withheld(),
            waiting_records=records,
            waiting_bytes=size,
            held=self._flow.held(),
            ends=self._ends,
            high=self._high,
            stability=self._stability,
            unreadable=self._reading.unreadable(),
            standings=self._flow.standings(),
            lost=self._group.lost(),
            is_member=self._group.fault() is None,
            ready=self.ready().ok,
            circuit=self._admission.circuit().state(),
            dead_letter_budget=self._admission.budget_left(),
            endpoint_pause=self._admission.pause(now),
            lease=self._admission.lease(now),
            at=now,
        )


def about(settings: Settings, workers: int | None = None) -> About:
    """Whose events the live page shows."""
    origin = str(Transform(settings.request_policy()).origin)
    return About(settings.destination.name, __version__, origin, settings.live.payloads, workers)

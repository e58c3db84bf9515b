"""Builds every room from the settings, opens them in order, closes them in reverse."""

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from processor import __version__
from processor.admin.listening import authority
from processor.admin.pages import Pages
from processor.admin.server import Admin
from processor.background import begin, listen
from processor.config.settings import Settings
from processor.core.pace.admission import Admission
from processor.core.pace.hosts import Hosts
from processor.core.progress.flow import Flow
from processor.errors import FatalError
from processor.formats.schema_file import decode_by
from processor.framed.rooms import Framed
from processor.kafka.checks.inquiry import Inquiry
from processor.kafka.checks.open_letters import OpenLetters
from processor.kafka.consumer import Consumer
from processor.kafka.options import refuse_unknown, write_debug
from processor.kafka.partitions.end_offsets import EndOffsets
from processor.kafka.producer import Producer, TopicOfReports
from processor.kafka.retention import Retention
from processor.model import SourceEvent
from processor.signals import stop_on_signals
from processor.status import Status
from processor.telemetry.facts import Broadcast, Listener
from processor.telemetry.live_events import Live
from processor.telemetry.log_lines import LogLines
from processor.telemetry.metrics import ProcessMetrics
from processor.telemetry.tracing.rooms import tracing_of
from processor.telemetry.unreadable import UnreadablePartitions
from processor.traffic.assembly import Narrowing, Policies, Rooms, Traffic, World, assemble
from processor.traffic.group import Group
from processor.traffic.pipeline import LAST_COMMIT_SECONDS, PipelinePolicy
from processor.traffic.preparation import Preparation, Preparing
from processor.web.client import Client
from processor.web.credentials.door import Credentials
from processor.web.credentials.signing import watched

MEASURE_SECONDS = 10.0
"""How often the ends of the partitions are asked for, and whether their topics are still the same."""
REMEASURE_SECONDS = 1.0
"""The same while some are not known."""
SUM_UP_SECONDS = 1.0
"""How often it is asked whether what came again has to be told."""
CLOSE_SECONDS = 10.0

log = structlog.get_logger()


class Front(Protocol):
    """Where the pages are shown."""

    async def open(self) -> int:
        """The port; 0 where there is none. Raises ConfigError and FatalError."""

    async def close(self) -> None: ...


class App:
    """One processor: everything between a topic and an endpoint. Run it once.

    Once it runs, `admin_port` is the port of the pages for operators, 0 where `front` has none, and
    `status` what it says of itself.
    """

    admin_port: int
    status: Status

    def __init__(
        self,
        settings: Settings,
        front: Callable[[Pages], Front] | None = None,
        narrowing: Narrowing | None = None,
    ) -> None:
        """Build; nothing is connected. `front` shows the pages in place of the admin port.

        Raises ConfigError.
        """
        refuse_unknown(settings.kafka, settings.dead_letter)
        write_debug(settings.kafka, settings.dead_letter)
        self._settings = settings
        self._narrowing = narrowing
        topic = settings.dead_letter.topic
        self._decode = decode_by(settings.schema_file_policy())
        self._tracing = tracing_of(settings, time.time, random.random)
        traces = () if self._tracing is None else (self._tracing.traces,)
        self._attempt_headers = settings.attempt_headers(*traces)
        self._metrics = ProcessMetrics(settings.destination.name)
        self._log_lines = LogLines()
        self._admission = Admission(settings.admission_policy())
        self._flow = Flow(settings.flow_policy())
        self._client = Client(
            settings.destination,
            settings.delivery.max_in_flight,
            may_send=self._is_leased,
            chance=random.random,
        )
        self._producer = Producer(settings.kafka, settings.dead_letter)
        self._retention = Retention(settings.kafka, topic)
        self._open_letters = OpenLetters(settings.kafka, topic, settings.dead_letter.group_of(settings.kafka))
        self._consumer = Consumer(
            settings.kafka,
            settings.unread_topics(),
            max_wait=settings.longest_revocation(CLOSE_SECONDS),
        )
        self._framed = Framed(settings) if settings.uses_registry else None
        self._front = front

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
                self.status.is_draining = True
                log.info("stopping", running=len(self._flow.running(self._flow.assignment())))
        finally:
            if self._failure.done():  # what it broke may keep the rest from closing: this is why
                raise FatalError(self._failure.result())
        log.info("stopped")

    async def _open(self, loop: asyncio.AbstractEventLoop, rooms: contextlib.AsyncExitStack) -> None:
        """Open every room; `rooms` closes them in reverse."""
        rooms.callback(listen(loop, self._fail))
        self._traffic = self._build_traffic(loop)
        if self._tracing is not None:
            await self._tracing.open(self._facts, self._fail)
            rooms.push_async_callback(self._tracing.close)
        await self._client.open(self._facts)
        rooms.push_async_callback(self._client.close)
        await self._credentials.open(self._facts)
        rooms.push_async_callback(self._credentials.close)
        if self._framed is not None:
            await self._framed.open(self._facts)
            rooms.push_async_callback(self._framed.close)
        self._pipeline = self._traffic.pipeline
        self._producer.open(self._facts.troubled)
        rooms.push_async_callback(self._producer.close, CLOSE_SECONDS)
        if self._narrowing is not None:
            await self._narrowing.open()
            rooms.push_async_callback(self._narrowing.close)
        self._group = Group(
            self._flow,
            Inquiry(self._settings.kafka),
            self._facts,
            loop.time,
            self._is_leased,
            destination=self._settings.destination.name,
            is_classic=self._settings.kafka.group_protocol == "classic",
        )
        self._unreadable = UnreadablePartitions(self._facts, self._pipeline.take)
        self.status = self._build_status(loop)
        self._metrics.ask(self.status.snapshot)
        front = self._build_front()
        self.admin_port = await front.open()
        rooms.push_async_callback(front.close)
        self._consumer.open(self._take)
        rooms.push_async_callback(self._leave)
        self._pipeline.start()
        rooms.push_async_callback(self._drain)
        watches = (self._group.watch(), self._retention.watch(), self._open_letters.watch())
        for work in (self._measure(), self._sum_up(), *watches):
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

    def _build_traffic(self, loop: asyncio.AbstractEventLoop) -> Traffic:
        settings = self._settings
        delivery, reports = settings.delivery, settings.reports.topic
        self._preparation = Preparation(
            settings.request_policy(), settings.filter_policy(), settings.record_policy(), self._decode
        )
        preparing: Preparing = self._preparation
        if self._framed is not None:
            preparing = self._framed.preparing(self._preparation, loop, random.random)
        others: list[Listener] = [] if self._tracing is None else [self._tracing.traces]
        if self._narrowing is not None:
            preparing = self._narrowing.preparing(preparing)
            others += self._narrowing.listeners
        self._live = Live(settings.disclosure_policy(), loop.time, time.time)
        self._facts = Broadcast(self._metrics, self._log_lines, self._live, *others)
        self._credentials = Credentials(
            settings.destination,
            self._client,
            files=settings.files,
            secrets=settings.secrets,
            may_send=self._is_leased,
            wall_clock=time.time,
            chance=random.random,
            environ=os.environ,
        )
        if (signing := settings.signing_secrets) is not None:
            texts = [each.get_secret_value() for each in settings.destination.signature.secrets]
            for secret, told in watched(texts, settings.files, signing):
                self._credentials.watch(secret, told)
        return assemble(
            Policies(
                retry=settings.retry_policy(),
                dead_letter=settings.dead_letter_policy(),
                reports=settings.report_policy(),
                pipeline=PipelinePolicy(
                    delivery.commit_interval, delivery.drain_timeout, settings.lease_policy()
                ),
            ),
            World(
                source=self._consumer,
                sender=self._credentials.sender,
                dead_letters=self._producer,
                clock=loop,
                wall_clock=time.time,
                chance=random.random,
                failed=self._fail,
                oldest=self._retention.oldest,
                reports=None if reports is None else TopicOfReports(self._producer, reports),
            ),
            Rooms(
                preparation=preparing,
                flow=self._flow,
                admission=self._admission,
                hosts=Hosts(settings.hosts_policy()),
                facts=self._facts,
                attempt_headers=self._attempt_headers,
            ),
        )

    def _build_status(self, loop: asyncio.AbstractEventLoop) -> Status:
        return Status(
            settings=self._settings,
            now=loop.time,
            admission=self._admission,
            flow=self._flow,
            dispatch=self._traffic.dispatch,
            group=self._group,
            unreadable=self._unreadable,
            consumer=self._consumer,
            producer=self._producer,
            open_letters=self._open_letters,
            client=self._client,
            credentials=self._credentials,
            process_metrics=self._metrics,
            live_events=self._live,
        )

    def _build_front(self) -> Front:
        if self._front:
            return self._front(self.status)
        return Admin(self._settings.admin, self.status, live=self._settings.live.enabled)

    def _take(self, event: SourceEvent) -> None:
        if self._narrowing is not None:
            event = self._narrowing.within(event)
        self._group.take(event)
        self._unreadable.take(event)

    def _fail(self, error: str) -> None:
        if not self._failure.done():
            self._failure.set_result(error)

    async def _measure(self) -> None:
        ends = EndOffsets(self._settings.kafka)
        while True:
            self._consumer.identify()
            found = await ends.measure(self._flow.assignment())
            self.status.measured(found, await ends.high(found))
            is_complete = bool(found) and found.keys() >= self._flow.assignment()
            await asyncio.sleep(MEASURE_SECONDS if is_complete else REMEASURE_SECONDS)

    async def _sum_up(self) -> None:
        while True:
            self._log_lines.sum_up()
            await asyncio.sleep(SUM_UP_SECONDS)

    def _is_leased(self) -> bool:
        return self._admission.lease(self._loop.time()) > 0

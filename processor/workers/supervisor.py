"""Several workers of one group on one machine: started, watched, started again, stopped, shown as one.

Promise: a worker that ends without having been asked to is started again, unless the configuration
is what ended it; the first signal drains all, the second ends all at once; when this process is gone,
however it went, the workers drain and leave.
"""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

import structlog

from processor import __version__
from processor.admin.listening import authority
from processor.admin.server import Admin
from processor.config.settings import Settings
from processor.logs import output
from processor.model import About, Report
from processor.status import about
from processor.telemetry.watch import Batch, Filter, joined, read
from processor.workers.channel import Page, SupervisorEnd
from processor.workers.metrics import SupervisorMetrics
from processor.workers.restarts import (
    MISCONFIGURED,
    RestartPolicy,
    Restarts,
    View,
    WorkerState,
    exit_status,
    liveness,
    readiness,
    why,
)
from processor.workers.worker import NUMBER

ANSWER_SECONDS = 3.0
"""How long a worker may take to answer; more, and a scrape or a probe would end without any answer."""

log = structlog.get_logger()


class Worker:
    """One worker: its process while it has one, the line to it, and how it stands."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.state = WorkerState.STARTING
        self.restarts = Restarts(RestartPolicy())
        self._process: asyncio.subprocess.Process | None = None
        self._line: SupervisorEnd | None = None
        self._since = 0.0
        self._is_to_stop = False

    def turn(self, state: WorkerState) -> None:
        """It stands otherwise from now on."""
        self.state = state
        self._since = asyncio.get_running_loop().time()

    async def run(self, command: Sequence[str]) -> int:
        """Start it, wait until it ends: its exit status. Raises OSError where it cannot be started."""
        self.turn(WorkerState.STARTING)
        self._line, theirs = await SupervisorEnd.pair()
        greeting = asyncio.create_task(self._greet(self._line))
        try:
            with theirs:
                self._process = await self._spawn(command, theirs.fileno())
            log.info("worker started", worker=self.number, pid=self._process.pid)
            if self._is_to_stop:
                self.send(signal.SIGTERM)
            return await self._process.wait()
        finally:
            self._process = None
            await self._line.close()
            await greeting

    def stop(self) -> None:
        """Ask its process to stop, also one that is only being started."""
        self._is_to_stop = True
        self.send(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """Signal its process, if there is one."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def ask(self, page: Page, wanted: Any = None) -> Any:
        """What it answers; None: nothing, in time."""
        if self._line is None or self.state is not WorkerState.RUNNING:
            return None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._line.ask(page, wanted)
        return None

    async def view(self, page: Page) -> View:
        """How it stands, with its own report."""
        said = await self.ask(page)
        since = asyncio.get_running_loop().time() - self._since
        return View(self.state, since, None if said is None else Report(*said))

    async def _spawn(self, command: Sequence[str], stdin: int) -> asyncio.subprocess.Process:
        """Out of reach of the terminal, whose Ctrl-C is for the supervisor."""
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=stdin,
            env=os.environ | {NUMBER: str(self.number)},
            start_new_session=True,
        )

    async def _greet(self, line: SupervisorEnd) -> None:
        """It runs as soon as it answers."""
        if await line.ask(Page.LIVE) is not None:
            self.turn(WorkerState.RUNNING)


class Supervisor:
    """So many workers, each a process of `command`, and the admin port for all of them. Run it once."""

    def __init__(self, settings: Settings, command: Sequence[str], workers: int) -> None:
        self._settings = settings.admin
        self._about = about(settings, workers)
        self._command = command
        self._workers = [Worker(number) for number in range(workers)]
        self._telemetry = SupervisorMetrics(
            settings.destination.name, lambda: [worker.state for worker in self._workers]
        )
        self._admin = Admin(settings.admin, self, live=settings.live.enabled)
        self._statuses: list[int] = []

    async def run_until_signal(self) -> int:
        """Keep them running until SIGTERM or SIGINT; then the exit status.

        Raises ConfigError and FatalError.
        """
        loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked, number)
        port = await self._admin.open()
        log.info(
            "started",
            version=__version__,
            workers=len(self._workers),
            admin=f"http://{authority(self._settings.host, port)}",
        )
        try:
            await asyncio.gather(*map(self._keep, self._workers))
        finally:
            await self._admin.close()
        log.info("stopped")
        return exit_status(self._statuses)

    async def _keep(self, worker: Worker) -> None:
        """Start it again and again, until all stop."""
        loop = asyncio.get_running_loop()
        self._telemetry.has(worker.number)
        while not self._stopping.is_set():
            began = loop.time()
            status = await self._run(worker)
            if status == MISCONFIGURED:
                log.error("the configuration is wrong by now, all stop", worker=worker.number)
                self._stop()
            if self._stopping.is_set():
                self._statuses += [] if status is None else [status]
            else:
                await self._wait(worker, status, loop.time() - began)
        worker.turn(WorkerState.ENDED)

    async def _run(self, worker: Worker) -> int | None:
        """Its exit status; None: it could not be started."""
        try:
            return await worker.run(self._command)
        except (OSError, subprocess.SubprocessError) as error:
            log.warning("a worker cannot be started", worker=worker.number, error=str(error))
            return None

    async def _wait(self, worker: Worker, status: int | None, ran: float) -> None:
        seconds = worker.restarts.after(ran, random.random())  # noqa: S311
        worker.turn(WorkerState.WAITING)
        log.error(
            "a worker ended and will be started again",
            worker=worker.number,
            why="no process" if status is None else why(status),
            ran=round(ran, 1),
            restart_in=round(seconds, 1),
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        if not self._stopping.is_set():
            self._telemetry.restarted(worker.number)

    def _asked(self, number: signal.Signals) -> None:
        if self._stopping.is_set():
            log.warning("stopping at once", signal=number.name)
            for worker in self._workers:
                worker.send(signal.SIGKILL)
            output.leave(128 + number)
        log.info("signal", signal=number.name)
        self._stop()

    def _stop(self) -> None:
        self._stopping.set()
        for worker in self._workers:
            worker.stop()

    # Pages

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """All metrics of all workers that answer in time, in the format that `accept` prefers."""
        told = await asyncio.gather(*(worker.ask(Page.METRICS) for worker in self._workers))
        return self._telemetry.exposition(dict(enumerate(told)), accept)

    async def liveness(self) -> Report:
        """Whether every worker that runs works; one that waits for its restart is no fault."""
        return liveness(await self._views(Page.LIVE))

    async def readiness(self) -> Report:
        """Whether events flow in every worker."""
        return readiness(await self._views(Page.READY))

    def about(self) -> About:
        """Whose events the live page shows."""
        return self._about

    async def look(self, who: str, wanted: Filter) -> Batch:
        """What has happened in all workers since `who` asked last."""
        said = await asyncio.gather(*(worker.ask(Page.LOOK, [who, *wanted]) for worker in self._workers))
        return joined((number, read(each)) for number, each in enumerate(said))

    def unsubscribe(self, who: str) -> None:
        """Nothing to do: workers forget who asks no more."""

    async def _views(self, page: Page) -> dict[int, View]:
        views = await asyncio.gather(*(worker.view(page) for worker in self._workers))
        return dict(enumerate(views))

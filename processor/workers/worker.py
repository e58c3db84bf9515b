"""One of several workers: a processor whose pages a supervisor shows, and which ends with it."""

import asyncio
import re
import signal
from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog

from processor.admin.pages import Pages
from processor.app import App
from processor.config.settings import Settings
from processor.errors import ConfigError, Problem
from processor.telemetry.watch import Filter, written
from processor.workers.channel import Page, WorkerEnd
from processor.workers.metrics import WORKERS_FORMAT

NUMBER = "WEBHOOK_PROCESSOR_SUPERVISED_AS"
"""The environment variable by which a supervisor tells a worker its number."""
_A_NUMBER = re.compile("[0-9]{1,4}")

log = structlog.get_logger()


def number_in(environ: Mapping[str, str]) -> int | None:
    """The number of the worker that this process is to be; None: it is none. Raises ConfigError."""
    said = environ.get(NUMBER)
    if said is None:
        return None
    if not _A_NUMBER.fullmatch(said):
        raise ConfigError([Problem(NUMBER, "is for the workers that `run --workers` starts", "unset it")])
    return int(said)


def settings_of(settings: Settings, number: int) -> Settings:
    """The settings of one worker: brokers and the group tell it from the others; its secrets are the same."""
    kafka = settings.kafka
    assert settings.secrets is not None  # made before it is copied: what is added counts for both
    names = {"client_id": f"{kafka.client_id}-{number}"}
    if kafka.group_instance_id:
        names["group_instance_id"] = f"{kafka.group_instance_id}-{number}"
    return settings.model_copy(update={"kafka": kafka.model_copy(update=names)})


async def work(settings: Settings) -> None:
    """Process until a signal, or until the supervisor is gone. Raises ConfigError and FatalError.

    Signals after the first mean nothing: some send them to every process, the supervisor does as
    well, and it alone decides what is at once.
    """
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()

    def asked(by: str) -> None:
        if not stop.done():
            log.info("asked to stop", by=by)
            stop.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number.name)

    def front(pages: Pages) -> WorkerEnd:
        return WorkerEnd(partial(_answer, pages), lambda: asked("the end of the supervisor"))

    await App(settings, front).run(stop)


def _answer(pages: Pages, page: Page, wanted: Any) -> Any:
    match page:
        case Page.METRICS:
            return pages.metrics(WORKERS_FORMAT)[0].decode()
        case Page.LIVE:
            return pages.liveness()
        case Page.READY:
            return pages.readiness()
        case Page.LOOK:
            who, *texts = wanted
            return written(pages.look(who, Filter(*texts)))

"""SIGTERM and SIGINT: the first asks for a stop, the second is one at once."""

import asyncio
import signal

import structlog

from processor.logs import output

log = structlog.get_logger()


def stop_on_signals(loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
    """What is done with the first signal; a second one ends the process."""
    stop: asyncio.Future[None] = loop.create_future()

    def asked(number: signal.Signals) -> None:
        if stop.done():
            log.warning("stopping at once", signal=number.name)
            output.leave(128 + number)
        log.info("signal", signal=number.name)
        stop.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    return stop

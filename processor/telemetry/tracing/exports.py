"""Ended spans on their way to a collector.

Promises: to hand one over waits for nothing and fails never; no more than `MOST_WAITING` wait, and what is
too much is dropped and counted; one batch is under way at a time, in a thread of its own, so that a collector
that hangs holds nobody else up. When the process stops, what waits has `FLUSH_SECONDS`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Generic, TypeVar

from processor.background import Failed, begin
from processor.telemetry.facts import Facts

MOST_WAITING: Final = 2048
MOST_AT_ONCE: Final = 512
EVERY_SECONDS: Final = 1.0
FLUSH_SECONDS: Final = 3.0

Ended = TypeVar("Ended")


class Exports(Generic[Ended]):
    """`export` sends some and says why they were not taken, or nothing; it is called in the thread.

    `stop` ends what it waits for. Some leave `every` so many seconds, and `tick` is called then; at the end
    what waits has `patience`.
    """

    def __init__(
        self,
        export: Callable[[Sequence[Ended]], str],
        stop: Callable[[], None],
        tick: Callable[[], None] = lambda: None,
        every: float = EVERY_SECONDS,
        patience: float = FLUSH_SECONDS,
    ) -> None:
        self._export = export
        self._stop = stop
        self._tick = tick
        self._every = every
        self._patience = patience
        self._waiting: deque[Ended] = deque()
        self._dropped = 0
        self._facts = Facts()

    def put(self, span: Ended) -> None:
        """It has ended, and waits to be sent."""
        if len(self._waiting) == MOST_WAITING:
            self._dropped += 1
        else:
            self._waiting.append(span)

    async def open(self, facts: Facts, failed: Failed) -> None:
        """From now on they are sent; `failed` is told why not any more."""
        self._facts = facts
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spans")
        self._sending: asyncio.Task[None] | None = None
        self._beat = begin(self._run(), failed)

    async def close(self) -> None:
        """Send what waits, for so long; then no more."""
        self._beat.cancel()
        await asyncio.wait((self._beat,))
        try:
            async with asyncio.timeout(self._patience):
                while self._sending is not None or self._waiting:
                    self._begin()
                    assert self._sending is not None
                    await asyncio.shield(self._sending)
        except TimeoutError:
            assert self._sending is not None
            self._sending.cancel()
            await asyncio.wait((self._sending,))
            self._dropped += len(self._waiting)
        self._tell_dropped()
        self._stop()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            self._tick()
            self._tell_dropped()
            self._begin()

    def _begin(self) -> None:
        """Send a batch, if none is under way; behind a full one the next."""
        if self._sending is None and self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
            self._sending = asyncio.create_task(self._send(batch))

    async def _send(self, batch: list[Ended]) -> None:
        try:
            why = await asyncio.get_running_loop().run_in_executor(self._thread, self._export, batch)
        except asyncio.CancelledError:
            self._dropped += len(batch)
            raise
        self._sending = None
        self._facts.traced("failed" if why else "exported", len(batch), why)
        if len(self._waiting) >= MOST_AT_ONCE:
            self._begin()

    def _tell_dropped(self) -> None:
        if self._dropped:
            self._facts.traced("dropped", self._dropped, "more spans end than the collector takes")
            self._dropped = 0

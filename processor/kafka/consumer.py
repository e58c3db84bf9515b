"""The consumer as the event loop knows it: what is asked of its thread, and whether that is alive.

Promise: nothing here waits for the client, which blocks for seconds: all that is asked is put into a queue
that the thread obeys, in order; `PollThread` says what comes of it.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Mapping

from processor.config.kafka import KafkaSettings
from processor.kafka.commands import Commands
from processor.kafka.partitions.committer import Done
from processor.kafka.poll_thread import PollThread
from processor.model import Commit, Partition, SourceEvent


class Consumer:
    """Reads the topics of `kafka` as a member of its group, from `open` to `close`."""

    def __init__(self, kafka: KafkaSettings, unread: frozenset[str], *, max_wait: float) -> None:
        """No pattern of `kafka` stands for the topics `unread`."""
        self._kafka = kafka
        self._unread = unread
        self._max_wait = max_wait
        self._commands = Commands()
        self._ended = asyncio.Event()
        self._thread: PollThread | None = None
        self._made_at = time.monotonic()

    def open(self, sink: Callable[[SourceEvent], None]) -> None:
        """Join the group; source events come to `sink` on the running loop from now on."""
        loop = asyncio.get_running_loop()
        self._thread = PollThread(
            self._kafka,
            self._unread,
            self._max_wait,
            self._commands,
            loop,
            sink,
            self._ended.set,
        )
        threading.Thread(target=self._thread.run, name="kafka-consumer", daemon=True).start()

    def commit(self, commits: Mapping[Partition, Commit], done: Done) -> None:
        """Commit; `done` is called on the loop with None or what went wrong for each partition."""
        self._commands.put(lambda: self._opened.commit(commits, done))

    def hold(self, partitions: Collection[Partition], *, at_once: bool) -> None:
        """Take nothing from these partitions for now; from all others again."""
        wanted = frozenset(partitions)
        self._commands.put(lambda: self._opened.hold(wanted, at_once=at_once))

    def rest(self, resting: bool) -> None:
        """There is enough to do: read nothing for a moment; or there is not any more."""
        self._commands.put(lambda: self._opened.rest(resting))

    def released(self, partitions: Collection[Partition]) -> None:
        """All that was to be done for these revoked partitions is done."""
        self._commands.put(lambda: self._opened.released(partitions))

    def identify(self) -> None:
        """Ask which topics these are by now; what that comes to is told as `Identified` and `MadeAnew`."""
        self._commands.put(self._opened.identify)

    def silence(self) -> float:
        """Seconds since the thread last went round; large when it is wedged."""
        return time.monotonic() - (self._thread.beat if self._thread else self._made_at)

    async def close(self, within: float) -> bool:
        """Leave the group; False when that took longer than `within` seconds and was given up."""
        self._commands.put(self._opened.close)
        try:
            await asyncio.wait_for(self._ended.wait(), within)
        except TimeoutError:
            return False
        return True

    @property
    def _opened(self) -> PollThread:
        assert self._thread is not None
        return self._thread

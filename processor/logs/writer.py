"""The appender behind the log: a bounded queue, and one thread that writes a line at a time.

Promise: `put` waits for nothing and raises nothing, whatever has become of the other end. Lines keep
their order, each is one write, and what cannot be written is lost, counted, and told once lines pass
again. Nobody who stopped reading keeps the process from ending.
"""

import contextlib
import os
import select
import threading
from collections.abc import Callable
from queue import SimpleQueue

from processor import stderr

LONGEST_LINE = 4096
"""Bytes of a line with its end: what a pipe takes whole, whoever else writes to it (PIPE_BUF)."""
MOST_LINES = 1000
"""Lines that may wait to be written."""
FLUSH_SECONDS = 1.0
"""How long the end of the process waits for lines."""

QUEUE_FULL = "queue_full"
UNWRITABLE = "unwritable"
REASONS = (QUEUE_FULL, UNWRITABLE)

Lost = dict[str, int]


class LogWriter:
    """Writes to `descriptor`, in a thread of its own, from `open` on.

    `told` makes the line that says how many were lost. `lost`: how many so far, by reason.
    """

    def __init__(self, descriptor: int, told: Callable[[int], bytes]) -> None:
        self.lost: Lost = dict.fromkeys(REASONS, 0)
        self._descriptor = descriptor
        self.told = told
        self._queue: SimpleQueue[bytes | threading.Event] = SimpleQueue()  # its put may interrupt itself
        self._counting = threading.RLock()
        self._untold = 0
        self._is_torn = False

    def open(self) -> None:
        with contextlib.suppress(RuntimeError):  # no thread can be had: the queue fills, and that is counted
            threading.Thread(target=self._write_all, name="log", daemon=True).start()

    def put(self, line: bytes) -> None:
        """Write a line, which ends with its line break, as soon as may be."""
        if self._queue.qsize() < MOST_LINES:
            self._queue.put(line)
        else:
            self.lose(QUEUE_FULL)

    def lose(self, reason: str) -> None:
        """Count a line that will not be written."""
        with self._counting:  # the loop, the Kafka client's threads and ours
            self.lost[reason] += 1
            self._untold += 1

    def flush(self, within: float = FLUSH_SECONDS) -> bool:
        """Wait, up to `within` seconds, until all that was put is written or lost; whether it is."""
        reached = threading.Event()
        self._queue.put(reached)
        return reached.wait(within)

    def _write_all(self) -> None:
        while True:
            line = self._queue.get()
            if isinstance(line, threading.Event):
                line.set()
            elif self._write(line):
                self._tell_lost()
            else:
                self.lose(UNWRITABLE)

    def _write(self, line: bytes) -> bool:
        """Whether it was written whole; the rest of one that was not is made a line of its own."""
        left = b"\n" + line if self._is_torn else line
        try:
            while left:
                written = self._write_some(left)
                self._is_torn = written < len(left)
                left = left[written:]
        except (OSError, ValueError):  # nobody reads, the disk is full, the descriptor is closed
            return False
        return True

    def _write_some(self, left: bytes) -> int:
        while True:
            try:
                with stderr.held() if self._descriptor == stderr.DESCRIPTOR else contextlib.nullcontext():
                    return os.write(self._descriptor, left)
            except BlockingIOError:  # who shares the descriptor made it so
                ready = select.poll()
                ready.register(self._descriptor, select.POLLOUT)
                ready.poll()

    def _tell_lost(self) -> None:
        """Say how many were lost before the line that was written last."""
        with self._counting:
            untold, self._untold = self._untold, 0
        if untold and not self._write(self.told(untold)):
            with self._counting:
                self._untold += untold

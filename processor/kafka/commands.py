"""What the event loop and the threads that own a client ask of each other.

Promise: what is asked is carried out in order, on the loop or by who calls `obey`.
"""

import contextlib
from asyncio import AbstractEventLoop
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVarTuple

Command = Callable[[], object]
Arguments = TypeVarTuple("Arguments")


class Commands:
    """A queue of them, for any number of threads that ask and one that obeys."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[Command] = SimpleQueue()

    def put(self, command: Command) -> None:
        """Have it carried out by the thread that obeys, after what was asked before."""
        self._asked.put(command)

    def obey(self, wait: float = 0.0) -> None:
        """Carry out what was asked; wait up to `wait` seconds for the first command."""
        try:
            command = self._asked.get(timeout=wait) if wait else self._asked.get_nowait()
            while True:
                command()
                command = self._asked.get_nowait()
        except Empty:
            return


def call_on(loop: AbstractEventLoop, function: Callable[[*Arguments], object], *args: *Arguments) -> None:
    """From any thread: call it there. Not where the loop was closed: nobody listens any more."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *args)

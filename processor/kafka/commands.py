"""What the event loop asks of the thread that owns the consumer.

Promise: what is asked is carried out in order, by who calls `obey`.
"""

from collections.abc import Callable
from queue import Empty, SimpleQueue

Command = Callable[[], object]


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

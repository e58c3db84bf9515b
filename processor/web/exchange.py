"""One request under way: its bytes, and who waits for the answer.

Promise: `answered` is called once, or never when it was called off before.
"""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from processor.model import Answer


class Carrier(Protocol):
    """A connection that carries it."""

    def end(self) -> None: ...


class Queue(Protocol):
    """Where it waits for one."""

    def withdrawn(self, exchange: "Exchange") -> None: ...


class Exchange(Struct, eq=False, gc=False):
    """A request until it is answered; `deadline` in monotonic seconds.

    `is_second_try`: it was on its way once, on a connection that was dead already.
    """

    payload: bytes
    deadline: float
    answered: Callable[[Answer], None] | None
    queue: Queue
    is_second_try: bool = False
    carrier: Carrier | None = None

    def end(self, answer: Answer) -> None:
        """Give the answer, unless it was given or nobody wants it any more."""
        answered, self.answered, self.carrier = self.answered, None, None
        if answered:
            answered(answer)

    def cancel(self) -> None:
        """Nobody wants the answer any more."""
        if self.answered:
            self.answered = None
            if self.carrier:
                self.carrier.end()
            else:
                self.queue.withdrawn(self)

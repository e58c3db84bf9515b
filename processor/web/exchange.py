"""One request under way: its bytes, and who waits for the answer.

Promise: `answered` is called once, or never when it was called off before.
"""

from collections.abc import Callable
from typing import Protocol

from processor.model import Answer


class Carrier(Protocol):
    """A connection that carries it."""

    def end(self) -> None:
        """Break it off."""
        ...


class Queue(Protocol):
    """Where it waits for one."""

    def withdrawn(self, exchange: "Exchange") -> None:
        """It is called off."""
        ...


class Exchange:
    """A request until it is answered; `deadline` in monotonic seconds.

    `is_second_try`: it was on its way once, on a connection that was dead already.
    """

    __slots__ = ("_answered", "_queue", "carrier", "deadline", "is_second_try", "payload")

    def __init__(
        self, payload: bytes, deadline: float, answered: Callable[[Answer], None], queue: Queue
    ) -> None:
        self.payload = payload
        self.deadline = deadline
        self.is_second_try = False
        self.carrier: Carrier | None = None
        self._answered: Callable[[Answer], None] | None = answered
        self._queue = queue

    def end(self, answer: Answer) -> None:
        """Give the answer, unless it was given or nobody wants it any more."""
        answered, self._answered, self.carrier = self._answered, None, None
        if answered:
            answered(answer)

    def cancel(self) -> None:
        """Nobody wants the answer any more."""
        if self._answered:
            self._answered = None
            if self.carrier:
                self.carrier.end()
            else:
                self._queue.withdrawn(self)

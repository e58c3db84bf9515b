"""Writing to a topic of ours until it is acknowledged.

Promise: what is written counts as written once all replicas have it; what cannot be written is written again
until it can be, as long as somebody needs it, with less where the topic takes no more and that may be; and of
what is given up nothing is told any more. What is refused for what another holds is written again at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from processor.clock import Clock, Timer
from processor.core.retry import backoff
from processor.errors import WriteError
from processor.model import Message, Record

REWRITE_SECONDS = 1.0
REWRITE_MAX_SECONDS = 30.0


class Topic(Protocol):
    """Where it is written."""

    def write(self, message: Message, written: Callable[[WriteError | None], None]) -> None:
        """Call `written` once, later, with None as soon as all replicas have it."""
        ...


def nobody() -> None:
    """Nobody waits for it."""


class Writing(ABC):
    """One on its way, for whoever is called: `written` once, `blocked` at each failure, `rewritten` after it.

    What is written, and what is told of it, each kind says for itself.
    """

    def __init__(
        self,
        writer: "Writer",
        record: Record,
        written: Callable[[], None],
        blocked: Callable[[], None],
        rewritten: Callable[[], None],
    ) -> None:
        self._writer = writer
        self.record = record
        self.written = written
        self.blocked = blocked
        self.rewritten = rewritten
        self.failures = 0
        self.is_given_up = False
        self.timer: Timer | None = None

    @abstractmethod
    def message(self) -> Message:
        """What is written, as it reads now."""

    @abstractmethod
    def becomes_less(self, reason: str) -> bool:
        """Whether it reads otherwise now, after it was refused for that."""

    @abstractmethod
    def acknowledged(self, message: Message) -> None:
        """It was written as that, and acknowledged."""

    @abstractmethod
    def failed(self, error: WriteError) -> bool:
        """It could not be written; whether it is to be written again."""

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        self._writer.late -= self.failures > 0
        self.is_given_up = True
        if self.timer:
            self.timer.cancel()


class Writer:
    """All that is being written to one topic."""

    def __init__(self, topic: Topic, clock: Clock, chance: Callable[[], float]) -> None:
        self._topic = topic
        self._clock = clock
        self._chance = chance
        self.late = 0
        """How many could not be written, and are not yet: also while they are written again."""

    def send(self, writing: Writing) -> None:
        """Write it; what comes of it is told later."""
        message = writing.message()
        self._topic.write(message, lambda error: self._answered(writing, message, error))

    def _answered(self, writing: Writing, message: Message, error: WriteError | None) -> None:
        if writing.is_given_up:
            return
        if error is None:
            self.late -= writing.failures > 0
            writing.acknowledged(message)
            writing.written()
        elif error.reason == "other_record" or writing.becomes_less(error.reason):
            # Those that are at fault are written otherwise or later, so this comes to an end.
            self.send(writing)
        elif writing.failed(error):
            self._send_later(writing)

    def _send_later(self, writing: Writing) -> None:
        self.late += writing.failures == 0
        writing.failures += 1
        delay = backoff(REWRITE_SECONDS, REWRITE_MAX_SECONDS, writing.failures, (1 + self._chance()) / 2)
        writing.timer = self._clock.call_later(delay, lambda: self._send_again(writing))
        writing.blocked()

    def _send_again(self, writing: Writing) -> None:
        writing.rewritten()
        self.send(writing)

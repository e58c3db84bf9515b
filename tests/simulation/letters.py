"""The dead-letter topic, and what a process sees of it: a letter may be there though no one said so."""

from collections.abc import Callable
from enum import Enum
from functools import partial
from random import Random
from typing import Protocol

from processor.errors import WriteError
from processor.model import DeadLetter
from tests.simulation.clock import Gate
from tests.simulation.topic import Item

PARTITION = "__connect.errors.partition"
OFFSET = "__connect.errors.offset"
CODE = "__webhook_processor.error.code"
ATTEMPTS = "__webhook_processor.attempts"


class Ink(Enum):
    """What is wrong with the dead-letter topic."""

    FLOWS = "well"
    DRY = "every write fails"
    SMEARS = "some writes fail"
    THICK = "only the shortest letters pass"


class Watcher(Protocol):
    """Who wants to know of letters."""

    def letter_sent(self, item: Item | None, letter: DeadLetter, code: str) -> None:
        """A letter leaves."""
        ...

    def letter_answered(self, item: Item, error: WriteError | None) -> None:
        """The process is about to be told."""
        ...


class Topic:
    """The dead-letter topic of all processes."""

    def __init__(self, random: Random, items: dict[str, Item]) -> None:
        self._random = random
        self._items = items
        self.ink = Ink.FLOWS

    def item(self, letter: DeadLetter, texts: dict[str, str]) -> Item | None:
        """The record that a letter is about; of a topic made anew there may be several at its place."""
        place = f"{texts.get(PARTITION)}:{texts.get(OFFSET)}"
        found = [item for item in self._items.values() if item.name.partition("#")[0] == place]
        like = [item for item in found if (item.key, item.value) == (letter.key, letter.value)]
        return next(reversed(like or found), None)

    def outcome(self, letter: DeadLetter) -> tuple[WriteError | None, bool, float]:
        """What is answered, whether the letter is there, and the seconds until the answer."""
        soon = self._random.uniform(0.001, 0.1)
        if self.ink is Ink.THICK and len(letter.headers) > 4:
            return WriteError("too_large", "too large"), False, soon
        if self.ink is Ink.DRY or (self.ink is Ink.SMEARS and self._random.random() < 0.5):
            return self._failure()
        return None, True, soon

    def _failure(self) -> tuple[WriteError, bool, float]:
        match self._random.randrange(4):
            case 0:
                return WriteError("timed_out", "no answer in time"), self._random.random() < 0.5, 30.0
            case 1:
                return WriteError("unknown_topic", "no such topic"), False, 0.05
            case 2:
                return WriteError("queue_full", "too many wait"), False, 0.0
            case _:
                return WriteError("broker", "not enough replicas"), False, self._random.uniform(0, 3)


class DeadLetters:
    """What one process writes."""

    def __init__(self, topic: Topic, loop: Gate, watcher: Watcher) -> None:
        self._topic = topic
        self._loop = loop
        self._watcher = watcher

    def write(self, letter: DeadLetter, written: Callable[[WriteError | None], None]) -> None:
        """Acknowledged, or not, later."""
        texts = {name: (value or b"").decode() for name, value in letter.headers}
        item = self._topic.item(letter, texts)
        self._watcher.letter_sent(item, letter, texts.get(CODE, ""))
        if item is None:
            return
        error, is_there, seconds = self._topic.outcome(letter)
        item.letters += is_there
        self._loop.call_later(seconds, partial(self._answer, item, error, written))

    def _answer(
        self, item: Item, error: WriteError | None, written: Callable[[WriteError | None], None]
    ) -> None:
        self._watcher.letter_answered(item, error)
        written(error)

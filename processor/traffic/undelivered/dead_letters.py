"""Dead letters until they are acknowledged.

Promise: that of `written/writing`; with less a letter is written only as far as the policy lets it.
"""

import math
from collections.abc import Callable

from processor.clock import Clock
from processor.core.dead_letter import DeadLetterPolicy, Failure, Form, has_other_time, lesser, write_down
from processor.errors import WriteError
from processor.model import Message, Record
from processor.telemetry.facts import Facts
from processor.traffic.written.writing import Topic, Writer, Writing

OTHER_TIME = (
    "dead letters have the time at which they are written in place of their record's, which the dead-letter "
    "topic does not take (message.timestamp.before.max.ms, message.timestamp.after.max.ms) or would keep too "
    "short (retention.ms): raise these, or set dead_letter.timestamp to now"
)


class Letters(Writer):
    """All dead letters of this process that are being written."""

    def __init__(
        self,
        policy: DeadLetterPolicy,
        topic: Topic,
        clock: Clock,
        chance: Callable[[], float],
        facts: Facts,
        oldest: Callable[[], float] = lambda: -math.inf,
    ) -> None:
        """`oldest`: the timestamp before which a record's time is not to be that of its letter."""
        super().__init__(topic, clock, chance)
        self.oldest = oldest
        self.policy = policy
        self.facts = facts

    def write(
        self,
        record: Record,
        failure: Failure,
        written: Callable[[], None],
        blocked: Callable[[], None],
        rewritten: Callable[[], None] = lambda: None,
    ) -> "Letter":
        """Write `record` down; `written` is called once it is acknowledged.

        `blocked` is called when that fails, and then `rewritten`, when it is tried again.
        """
        letter = Letter(self, record, failure, written, blocked, rewritten)
        self.send(letter)
        return letter


class Letter(Writing):
    """A dead letter on its way."""

    def __init__(
        self,
        letters: Letters,
        record: Record,
        failure: Failure,
        written: Callable[[], None],
        blocked: Callable[[], None],
        rewritten: Callable[[], None],
    ) -> None:
        super().__init__(letters, record, written, blocked, rewritten)
        self._letters = letters
        self.failure = failure
        self.form = Form()

    def message(self) -> Message:
        """The record, with what became of it."""
        letters = self._letters
        return write_down(letters.policy, self.record, self.failure, self.form, letters.oldest())

    def becomes_less(self, reason: str) -> bool:
        """Whether it reads otherwise now, after it was refused for that."""
        form = lesser(self._letters.policy, self.record, self.form, reason)
        self.form = form or self.form
        return form is not None

    def acknowledged(self, message: Message) -> None:
        """It was written as that, and acknowledged."""
        facts = self._letters.facts
        if has_other_time(self._letters.policy, self.record, message):
            facts.troubled("dead_letter_time", OTHER_TIME)
        facts.dead_lettered(self.record, self.failure, is_whole=self.form.has_value)

    def failed(self, error: WriteError) -> bool:
        """It is written again, until it can be."""
        self._letters.facts.blocked(self.record, self.failure, error)
        return True

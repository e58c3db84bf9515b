"""Dead letters until they are acknowledged.

Promise: a letter counts as written once all replicas have it; one that cannot be written is written
again until it can be, with less where the broker takes no more and the policy lets it, and one that is
given up is never told of again. One that is refused for what another holds is written again at once.
"""

import math
from collections.abc import Callable
from typing import Protocol

from processor.clock import Clock, Timer
from processor.core.dead_letter import DeadLetterPolicy, Failure, Form, has_other_time, lesser, write_down
from processor.core.retry import backoff
from processor.errors import WriteError
from processor.model import DeadLetter, Record
from processor.telemetry.facts import Facts

REWRITE_SECONDS = 1.0
REWRITE_MAX_SECONDS = 30.0
OTHER_TIME = (
    "dead letters have the time at which they are written in place of their record's, which the dead-letter "
    "topic does not take (message.timestamp.before.max.ms, message.timestamp.after.max.ms) or would keep too "
    "short (retention.ms): raise these, or set dead_letter.timestamp to now"
)


class DeadLetters(Protocol):
    """Writes dead letters."""

    def write(self, letter: DeadLetter, written: Callable[[WriteError | None], None]) -> None:
        """Call `written` once, later, with None as soon as all replicas have it."""
        ...


class Letters:
    """All dead letters of this process that are being written."""

    def __init__(
        self,
        policy: DeadLetterPolicy,
        topic: DeadLetters,
        clock: Clock,
        chance: Callable[[], float],
        facts: Facts,
        oldest: Callable[[], float] = lambda: -math.inf,
    ) -> None:
        """`oldest`: the timestamp before which a record's time is not to be that of its letter."""
        self._oldest = oldest
        self._policy = policy
        self._topic = topic
        self._clock = clock
        self._chance = chance
        self._facts = facts

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
        letter = Letter(record, failure, written, blocked, rewritten)
        self._send(letter)
        return letter

    def _send(self, letter: "Letter") -> None:
        text = write_down(self._policy, letter.record, letter.failure, letter.form, self._oldest())
        self._topic.write(text, lambda error: self._answered(letter, text, error))

    def _answered(self, letter: "Letter", text: DeadLetter, error: WriteError | None) -> None:
        if letter.is_given_up:
            return
        if error is None:
            if has_other_time(self._policy, letter.record, text):
                self._facts.troubled("dead_letter_time", OTHER_TIME)
            self._facts.dead_lettered(letter.record, letter.failure, is_whole=letter.form.has_value)
            letter.written()
        elif error.reason == "other_record":
            self._send(
                letter
            )  # those that are at fault are written otherwise or later, so this comes to an end
        elif form := lesser(self._policy, letter.record, letter.form, error.reason):
            letter.form = form
            self._send(letter)
        else:
            self._send_later(letter, error)

    def _send_later(self, letter: "Letter", error: WriteError) -> None:
        letter.failures += 1
        self._facts.blocked(letter.record, letter.failure, error)
        delay = backoff(REWRITE_SECONDS, REWRITE_MAX_SECONDS, letter.failures, (1 + self._chance()) / 2)
        letter.timer = self._clock.call_later(delay, lambda: self._send_again(letter))
        letter.blocked()

    def _send_again(self, letter: "Letter") -> None:
        letter.rewritten()
        self._send(letter)


class Letter:
    """A dead letter on its way."""

    def __init__(
        self,
        record: Record,
        failure: Failure,
        written: Callable[[], None],
        blocked: Callable[[], None],
        rewritten: Callable[[], None],
    ) -> None:
        self.record = record
        self.failure = failure
        self.written = written
        self.blocked = blocked
        self.rewritten = rewritten
        self.form = Form()
        self.failures = 0
        self.is_given_up = False
        self.timer: Timer | None = None

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        self.is_given_up = True
        if self.timer:
            self.timer.cancel()

"""Schemas: which are known, which are asked for, and what becomes of a record whose schema is not to be had.

Promises:
- one schema is asked for by one question at a time, and after a failure not before some time has passed,
  the longer the more often it failed (`FIRST_SECONDS` to `LONGEST_SECONDS`); when the registry as a whole
  fails, nothing is asked for `PAUSE_SECONDS`;
- an id of a registry never changes its meaning: what is known is never asked for again while it is kept;
- only a schema that cannot be used, or one of which the registry itself has said at least `missing_after`
  after its first word that it is not there, refuses a record: for all else records wait;
- no more than `most` schemas are kept, those that were used last, and of no more than `MOST_OPEN` it is
  remembered that they are not known.

Times are seconds; `chance` is between 0 and 1. Cost: O(1) a record.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from processor.core.record.registry.answers import OF_ALL, Away, Missing
from processor.errors import EventError

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 10.0
PAUSE_SECONDS = 1.0
REMEMBERED_SECONDS = 60.0
"""For so long a schema that is not there is not asked for again."""
MOST_OPEN = 20_000

Decoder = TypeVar("Decoder")


@dataclass(frozen=True, slots=True)
class SchemasPolicy:
    """How long an id may be unknown (seconds), and how many schemas are kept."""

    missing_after: float = 60.0
    most: int = 1000


class Question(Enum):
    """What has to be done for a record whose schema is not known."""

    ASK = "ask"
    """Ask the registry."""
    ASKED = "asked"
    """Wait: it has been asked."""


class Unavailable(NamedTuple):
    """It is not to be had now; `reason` is a sentence for the operator."""

    reason: str


class _Open:
    """One that is not known: how often asking failed, and what was said."""

    __slots__ = ("failures", "first_missed", "is_asked", "not_before", "reason", "verdict")

    def __init__(self) -> None:
        self.is_asked = False
        self.failures = 0
        self.not_before = 0.0
        self.first_missed: float | None = None
        self.reason = ""
        self.verdict: EventError | None = None


class Schemas(Generic[Decoder]):
    """Those of one registry, by what names them in frames."""

    def __init__(self, policy: SchemasPolicy) -> None:
        self._policy = policy
        self._known: dict[Hashable, Decoder | EventError] = {}
        """Those used last are last."""
        self._open: dict[Hashable, _Open] = {}
        self._silent_until = 0.0
        self._why = ""

    def look(self, schema: Hashable, now: float) -> Decoder | EventError | Unavailable | Question:
        """What decodes values of a schema, why none does, or what has to be done."""
        known = self._known.pop(schema, None)
        if known is not None:
            self._known[schema] = known
            return known
        state = self._open.pop(schema, None) or _Open()
        self._open[schema] = state
        if state.is_asked:
            return Question.ASKED
        if now < state.not_before:
            return state.verdict or Unavailable(state.reason)
        if now < self._silent_until:
            return Unavailable(state.reason or self._why)
        state.is_asked = True
        self._forget_oldest()
        return Question.ASK

    def told(
        self, schema: Hashable, answer: Decoder | EventError | Missing | Away, now: float, chance: float
    ) -> Decoder | EventError | Unavailable:
        """What was asked has been answered: what that means for who waits."""
        state = self._open.pop(schema, None) or _Open()
        if not isinstance(answer, Missing | Away):
            self._known[schema] = answer
            while len(self._known) > self._policy.most:
                del self._known[next(iter(self._known))]
            return answer
        self._open[schema] = state
        state.is_asked = False
        state.failures += 1
        ceiling = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(state.failures - 1, 16))
        state.not_before = now + ceiling * (1 + chance) / 2
        if isinstance(answer, Missing):
            return self._missed(state, schema, answer, now)
        state.verdict, state.reason = None, answer.reason
        if answer.result in OF_ALL:
            self._silent_until, self._why = now + PAUSE_SECONDS * (1 + chance) / 2, answer.reason
        return Unavailable(answer.reason)

    def sizes(self) -> tuple[int, int]:
        """How many are known, and of how many it is remembered that they are not."""
        return len(self._known), len(self._open)

    def _missed(
        self, state: _Open, schema: Hashable, answer: Missing, now: float
    ) -> EventError | Unavailable:
        if state.first_missed is None:
            state.first_missed = now
        unknown = f"the schema registry does not know {schema} ({answer.message})"
        if now - state.first_missed < self._policy.missing_after:
            state.verdict = None
            state.reason = f"{unknown}, and may yet: it is asked again for {self._policy.missing_after:g} s"
            return Unavailable(state.reason)
        state.not_before = now + REMEMBERED_SECONDS
        state.verdict = EventError("unknown_schema", unknown)
        return state.verdict

    def _forget_oldest(self) -> None:
        """Of those that nobody waits for, the one that was looked for longest ago."""
        if len(self._open) > MOST_OPEN:
            idle = (schema for schema, state in self._open.items() if not state.is_asked)
            self._open.pop(next(idle, None), None)

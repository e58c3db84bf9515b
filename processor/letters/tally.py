"""What has come of the letters that were sent again, counted, and said in a line.

Promise: all that is settled is counted once, whatever became of it.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from processor.core.dead_letter import Failure
from processor.core.letters.redelivery import Verdict
from processor.core.pace.circuit import State
from processor.model import Answer, Record, Signal
from processor.telemetry.facts import Listener, Tried

DELIVERED, FAILED_AGAIN, REQUEUED = "delivered", "failed_again", "requeued"
_REFUSALS = (Signal.REFUSED, Signal.CREDENTIALS)
_UNDONE = (FAILED_AGAIN, Verdict.TOO_OFTEN, Verdict.INCOMPLETE, Verdict.UNUSABLE, Verdict.PARKED)
_WORDS = {
    DELIVERED: "delivered",
    FAILED_AGAIN: "failed again",
    REQUEUED: "requeued",
    Verdict.OTHER: "not meant",
    Verdict.ELSEWHERE: "left to other destinations",
    Verdict.TOO_OFTEN: "passed over (failed too often)",
    Verdict.INCOMPLETE: "passed over (without their value)",
    Verdict.UNUSABLE: "passed over (no request)",
    Verdict.PARKED: "parked",
}
BAR = 24
"""Characters."""


def is_clean(settled: Mapping[str, int]) -> bool:
    """Whether nothing that was meant ended otherwise than it was to."""
    return not any(settled.get(end) for end in _UNDONE)


class Tally(Listener):
    """Of one run."""

    def __init__(self) -> None:
        self.settled: Counter[str] = Counter()
        """How many there are of each end: DELIVERED, FAILED_AGAIN, or why it was left out."""
        self.is_away = False
        """Whether the endpoint is down, as far as that is no word about what it is sent."""
        self.is_refusing = False
        """Whether it takes nothing for what we send, or who we are, or failures wait to be paid for."""

    def delivered(self, *_: object) -> None:
        """A letter has come back."""
        self._ends(DELIVERED)

    def dead_lettered(self, _record: Record, _failure: Failure, /, *, is_whole: bool) -> None:  # noqa: ARG002
        """It is a letter again."""
        self._ends(FAILED_AGAIN)

    def skipped(self, _record: Record, reason: str, /) -> None:
        """It was left out, by a rule or since nothing can be made of it."""
        self._ends(reason)

    def withheld(
        self,
        _tried: Tried,
        _failure: Failure,
        _answer: Answer | None,
        /,
        *,
        is_first: bool,  # noqa: ARG002
    ) -> None:
        """It failed, and nothing becomes of it."""
        self.is_refusing = True

    def circuit_changed(self, state: State, reason: Signal, _answer: Answer, /) -> None:
        """It is sent nothing but probes, or more again."""
        is_open, is_refusal = state is State.OPEN, reason in _REFUSALS
        self.is_away = is_open and not is_refusal
        self.is_refusing = self.is_refusing or (is_open and is_refusal)

    def _ends(self, end: str) -> None:
        self.settled[end] += 1
        self.is_refusing = False

    def is_clean(self) -> bool:
        """Whether everything that was meant was delivered, or is not for this destination by a rule."""
        return is_clean(self.settled)


class Progress(NamedTuple):
    """How far a run has come: `left` offsets are still to be settled, `rate` were in each second of late.

    `settled`: how many there are of each end; `waits`: why nothing goes on, in words.
    """

    left: int
    settled: Mapping[str, int]
    rate: float
    waits: str | None = None
    told: tuple[str, ...] = (DELIVERED, FAILED_AGAIN)
    """Ends that are told of in any case."""

    def seconds_left(self) -> float | None:
        """None: not known, as nothing goes on."""
        return self.left / self.rate if self.rate > 0 else None

    def fields(self) -> dict[str, Any]:
        """All of it as one JSON object."""
        left = self.seconds_left()
        return {
            "left": self.left,
            **{end: self.settled.get(end, 0) for end in self.told},
            **{end: count for end, count in sorted(self.settled.items()) if end not in self.told},
            "per_second": round(self.rate, 1),
            "seconds_left": None if left is None else round(left),
            "waits": self.waits,
        }

    def line(self) -> str:
        """The same for people, on one line."""
        done = sum(self.settled.values())
        share = done / (done + self.left) if done + self.left else 1.0
        bar = ("#" * round(share * BAR)).ljust(BAR, "-")
        left = self.seconds_left()
        others = {end: self.settled[end] for end in sorted(self.settled) if end not in self.told}
        said = [
            *(f"{self.settled.get(end, 0):,} {_WORDS[end]}" for end in self.told),
            *(f"{count:,} {_WORDS.get(end, f'left out ({end})')}" for end, count in others.items()),
            f"{self.left:,} left",
            f"{self.rate:.0f}/s",
            self.waits or ("" if left is None else f"{_short(left)} to go"),
        ]
        return f"[{bar}] {', '.join(filter(None, said))}"


def _short(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

"""What those see who look on while events pass: which of them, how many, and how much of each.

Promises: what a watch holds is bounded, however fast events pass and however slowly it is emptied;
so is what it asks for: in each quarter of a second it wants a few deliveries and, apart from them,
a few failures, so that a flood of one never hides the other. What it left out it counts.

Times are monotonic seconds, but for `Entry.at`: a timestamp.
"""

from collections import deque
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct, convert, to_builtins
from msgspec.structs import replace

from processor.model import Headers

WINDOW_SECONDS = 0.25
SHOWN = 10
"""Entries of each kind (failures, and the rest) that a watch takes in a window: 40 a second."""
EXAMINED = 200
"""Entries of each kind that a watch looks into in a window, to find what its filter wants."""
LONGEST = 200
"""Characters of a text to look for."""
KEPT = 200
"""Entries that a watch holds until somebody takes them."""


class Happening(StrEnum):
    """What became of a record, or of an attempt to deliver it."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    """An attempt failed and will be followed by another."""
    HELD = "held"
    """It is to become a dead letter, and cannot now: it waits."""
    DEAD_LETTERED = "dead_lettered"
    SKIPPED = "skipped"


FAILURES = frozenset((Happening.RETRIED, Happening.HELD, Happening.DEAD_LETTERED))


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """One thing that happened to one record. Times are seconds, `bytes` the size of the record's value.

    `seconds` is the latency of the last attempt, `age` the time from the record's timestamp; None: unknown.
    """

    at: float
    outcome: Happening
    topic: str
    partition: int
    offset: int
    age: float | None
    type: str | None = None
    name: str | None = None
    key: str | None = None
    bytes: int | None = None
    payload: str | None = None
    method: str | None = None
    url: str | None = None
    request_headers: Headers = ()
    attempts: int = 0
    status: int | None = None
    reason: str | None = None
    message: str | None = None
    response: str | None = None
    seconds: float | None = None
    retry_in: float | None = None
    again: bool = False
    """Whether it was a dead letter before."""
    worker: int | None = None

    def says(self, text: str) -> bool:
        """Whether `text`, casefolded, stands in what is shown of it, its payload left out."""
        place = f"{self.topic}/{self.partition}@{self.offset}"
        told = (self.type, self.name, self.key, place, self.url, self.reason, self.message, self.response)
        return text in "\n".join([str(self.status), *filter(None, told)]).casefold()


class Filter(NamedTuple):
    """What somebody wants to see: `outcome` is `all`, `failures` or one Happening; empty texts: any."""

    outcome: str = "all"
    type: str = ""
    text: str = ""

    @classmethod
    def of(cls, outcome: str, type_: str, text: str) -> "Filter":
        """The filter of three texts. Raises ValueError with what is wrong."""
        if outcome not in ("all", "failures", *Happening):
            raise ValueError(f"outcome must be one of all, failures, {', '.join(Happening)}")
        if max(len(type_), len(text)) > LONGEST:
            raise ValueError(f"type and text must not be longer than {LONGEST} characters")
        return cls(outcome, type_.strip().casefold(), text.strip().casefold())

    def wants(self, happening: Happening) -> bool:
        """Whether it may be among what is wanted."""
        if self.outcome == "failures":
            return happening in FAILURES
        return self.outcome in ("all", happening)

    def matches(self, entry: Entry) -> bool:
        """Whether it is what is wanted."""
        if not self.wants(entry.outcome) or (self.type and self.type != (entry.type or "").casefold()):
            return False
        return not self.text or entry.says(self.text)


class Batch(NamedTuple):
    """What a watch has seen since it was last asked, the oldest first, and how many it left out.

    `letters`: how many dead letters are open; None: not known.
    """

    entries: tuple[Entry, ...]
    unseen: int
    letters: int | None = None


class Allowance:
    """So many in each window of time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._window = -1
        self._left = 0

    def has(self, now: float) -> bool:
        """Whether there is one left."""
        window = int(now / WINDOW_SECONDS)
        if window != self._window:
            self._window, self._left = window, self._most
        return self._left > 0

    def use(self) -> None:
        self._left -= 1

    def takes(self, now: float) -> bool:
        """Use one, if there is one left."""
        is_left = self.has(now)
        self._left -= is_left
        return is_left


class Watch:
    """One who looks on, from when they came."""

    def __init__(self, wanted: Filter, before: Iterable[Entry] = ()) -> None:
        self._wanted = wanted
        self._entries = deque((entry for entry in before if wanted.matches(entry)), maxlen=KEPT)
        self._unseen = 0
        self._shown = {kind: Allowance(SHOWN) for kind in (False, True)}
        self._examined = {kind: Allowance(EXAMINED) for kind in (False, True)}

    def wants(self, happening: Happening, now: float) -> bool:
        """Whether it wants to be given an entry of what has just happened."""
        if not self._wanted.wants(happening):
            return False
        is_failure = happening in FAILURES
        if self._shown[is_failure].has(now) and self._examined[is_failure].takes(now):
            return True
        self._unseen += 1
        return False

    def give(self, entry: Entry) -> None:
        """Here is one that it wanted."""
        if not self._wanted.matches(entry):
            return
        self._shown[entry.outcome in FAILURES].use()
        self._unseen += len(self._entries) == KEPT
        self._entries.append(entry)

    def taken(self) -> Batch:
        """What it holds; then it holds nothing."""
        batch = Batch(tuple(self._entries), self._unseen)
        self._entries.clear()
        self._unseen = 0
        return batch


def written(batch: Batch) -> Any:
    """A batch as JSON can hold it, for another process."""
    return to_builtins(batch)


def read(said: Any) -> Batch:
    """What `written` made; nothing of None, which nobody answered. Raises ValidationError."""
    return Batch((), 0) if said is None else convert(said, Batch)


def joined(batches: Iterable[tuple[int, Batch]]) -> Batch:
    """What several workers saw, each by its number, as one."""
    told = list(batches)
    entries = [replace(entry, worker=number) for number, batch in told for entry in batch.entries]
    letters = [batch.letters for _, batch in told if batch.letters is not None]
    return Batch(
        tuple(sorted(entries, key=lambda entry: entry.at)),
        sum(batch.unseen for _, batch in told),
        max(letters, default=None),
    )

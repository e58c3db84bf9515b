"""How many letters of each kind there are: by code, status and destination, with their times and samples.

Promise: it takes the same memory whatever the letters say and however many there are: of kinds beyond
`MOST_KINDS` only their number is known.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from processor.core.letters.letter import Letter, Place

MOST_KINDS = 200
SAMPLES = 3
"""Of each kind."""
LONGEST_NAME = 64
"""Characters of a destination."""


class Kind(NamedTuple):
    """What letters have in common."""

    code: str
    status: int | None
    destination: str | None


@dataclass(slots=True)
class Tally:
    """How many there are of a kind; times as timestamps in seconds, None where none says one."""

    letters: int = 0
    oldest: float | None = None
    newest: float | None = None
    samples: list[Place] = field(default_factory=list)
    """Where the first of them stand."""

    def add(self, letter: Letter) -> None:
        """One more of this kind."""
        self.letters += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(letter.place)
        if letter.at is not None:
            self.oldest = letter.at if self.oldest is None else min(self.oldest, letter.at)
            self.newest = letter.at if self.newest is None else max(self.newest, letter.at)


class Histogram:
    """All kinds."""

    def __init__(self) -> None:
        self._kinds: dict[Kind, Tally] = {}
        self.others = 0
        """Letters of kinds that there was no room for."""

    def add(self, letter: Letter) -> None:
        destination = letter.destination and letter.destination[:LONGEST_NAME]
        kind = Kind(letter.code, letter.status, destination)
        tally = self._kinds.get(kind)
        if tally is None:
            if len(self._kinds) >= MOST_KINDS:
                self.others += 1
                return
            tally = self._kinds[kind] = Tally()
        tally.add(letter)

    @property
    def letters(self) -> int:
        """How many letters there are of all kinds."""
        return self.others + sum(tally.letters for tally in self._kinds.values())

    def kinds(self) -> Iterator[tuple[Kind, Tally]]:
        """What there is, that with most letters first."""
        yield from sorted(self._kinds.items(), key=lambda each: (-each[1].letters, each[0].code))

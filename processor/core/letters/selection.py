"""Which letters are meant: by what their headers tell, and by where they stand.

Promise: what is said of several things has to hold of each, of one thing any of what is said; without
anything said all are meant.
"""

from dataclasses import dataclass

from processor.core.letters.letter import Letter, Place


@dataclass(frozen=True, slots=True)
class SelectionPolicy:
    """What was asked for; empty or None: anything.

    `since` and `until` are timestamps in seconds, the first included, the second not; `topics`: where their
    records stood first; `places`: where the letters stand.
    """

    codes: frozenset[str] = frozenset()
    statuses: frozenset[int] = frozenset()
    since: float | None = None
    until: float | None = None
    keys: frozenset[bytes] = frozenset()
    destinations: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    places: frozenset[Place] = frozenset()

    def means(self, letter: Letter) -> bool:
        """Whether a letter is one of them; what it does not say of itself it is not."""
        topic = letter.origin.partition.topic if letter.origin else None
        asked = (
            (self.codes, letter.code),
            (self.statuses, letter.status),
            (self.keys, letter.key),
            (self.destinations, letter.destination),
            (self.topics, topic),
            (self.places, letter.place),
        )
        return all(not wanted or said in wanted for wanted, said in asked) and self._is_of_its_time(letter.at)

    def _is_of_its_time(self, at: float | None) -> bool:
        if self.since is None and self.until is None:
            return True
        if at is None:
            return False
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


ALL = SelectionPolicy()
"""Every letter."""

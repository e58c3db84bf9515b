"""What is sent: every event, its key and what the endpoint does with it follow from a seed and its number.

Nothing has to be remembered to know what event n was: the one who sends it, the endpoint and the ledger
each derive it. `n` rises within a key, so it is the event's sequence number too.
"""

import random
import string
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

_WORD = (1 << 64) - 1
_PAD = 1 << 16
_PART = 1 << 20
"""A fate is drawn by parts of so many."""
_HOT_KEYS = 64
"""Half of the events share so few keys: order is worth little among events that never meet."""


class Fate(IntEnum):
    """What the endpoint does with an event when nothing else is wrong with it."""

    PLAIN = 0
    BUSY = 1
    """503 at the first attempt."""
    AMBIGUOUS = 2
    """Does the work at the first attempt, and resets the connection in place of an answer."""
    POISON = 3
    """400, always."""
    SLOW = 4
    """200, after `Plan.slow_seconds`."""


@dataclass(frozen=True)
class Plan:
    """So many events, with shares of fates; `pad` is the least and the most text that makes events large."""

    seed: int
    events: int
    keys: int = 1000
    busy: float = 0.05
    ambiguous: float = 0.01
    poison: float = 0.005
    slow: float = 0.0
    slow_seconds: float = 0.5
    pad: tuple[int, int] = (200, 900)

    def fate(self, n: int) -> Fate:
        """What becomes of event n at the endpoint."""
        drawn = (self._draw(n) & (_PART - 1)) / _PART
        for fate, share in zip(tuple(Fate)[1:], self._shares(), strict=True):
            if drawn < share:
                return fate
            drawn -= share
        return Fate.PLAIN

    def key(self, n: int) -> int:
        """The number of the key of event n."""
        drawn = self._draw(n) >> 20
        return (drawn >> 1) % (self.keys if drawn & 1 else min(_HOT_KEYS, self.keys))

    def key_bytes(self, n: int) -> bytes:
        """The record's key."""
        return b"key-%d" % self.key(n)

    def payload(self, n: int) -> bytes:
        """The record's value, which is the request's body byte for byte."""
        drawn, text = self._draw(n) >> 40, _text(self.seed)
        least, most = self.pad
        start, length = drawn % _PAD, least + (drawn >> 8) % (most - least + 1)
        pad = text[start : start + length]
        return b'{"n":%d,"type":"track","userId":"key-%d","pad":"%b"}' % (n, self.key(n), pad)

    def _shares(self) -> tuple[float, ...]:
        return self.busy, self.ambiguous, self.poison, self.slow

    def _draw(self, n: int) -> int:
        """64 bits that look like chance (splitmix64)."""
        x = (self.seed * 0xD1342543DE82EF95 + (n + 1) * 0x9E3779B97F4A7C15) & _WORD
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _WORD
        return x ^ (x >> 31)


def number_of(payload: bytes) -> int | None:
    """The number that an event says it has; None when it says none."""
    digits = payload[5 : payload.find(b",")]
    return int(digits) if payload.startswith(b'{"n":') and digits.isdigit() and len(digits) < 10 else None


@cache
def _text(seed: int) -> bytes:
    """Letters to cut pads from."""
    letters = random.Random(seed).choices(string.ascii_letters + string.digits, k=2 * _PAD)
    return "".join(letters).encode()

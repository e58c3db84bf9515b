"""A thousand odd answers to one HTTP request: what a server says, in which pieces, and what it does then.

An answer is put together from one choice for each of its aspects; the first choice of an aspect is the
usual one. Every choice occurs alone, whole and byte for byte; two answers break off at every point of
them; the others are drawn, with one to four oddities each. The same seed draws the same answers.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.differential.odd_parts import BEFORE, BODIES, CONNECTIONS, ENDS, FIELDS, LINES, RETRIES, STATUSES

UNASKED = b"HTTP/1.1 299 Unasked\r\nContent-Length: 7\r\n\r\nunasked"
NONSENSE = b"what is no HTTP\r\n\r\n"

THEN = ("keeps open", "closes", "resets", "says more", "says more at once", "says nonsense")
"""What the server does behind the answer; if it says more it keeps open as well."""

_BYTES = 250
"""So many bytes are sent alone; what is behind them comes in one piece."""

_PIECES = 40


class Recipe(NamedTuple):
    """One choice for each aspect; `end` is the share of the answer that is said."""

    line: str
    status: str
    before: str
    body: str
    connection: str
    retry: str
    field: str
    ends: str
    cut: str
    then: str
    end: float

    def having(self, choices: Mapping[str, str]) -> "Recipe":
        """With these choices for these aspects."""
        return Recipe(**{**self._asdict(), **choices})

    @property
    def oddities(self) -> tuple[str, ...]:
        """The choices that are not the usual ones."""
        return tuple(str(mine) for mine, usual in zip(self, USUAL, strict=True) if mine != usual)


class Odd(NamedTuple):
    """One answer: `segments` are written one by one, then the server does `then`."""

    number: int
    recipe: Recipe
    segments: tuple[bytes, ...]

    def __str__(self) -> str:
        """Its number and what is odd about it."""
        return f"{self.number}: {'; '.join(self.recipe.oddities) or 'nothing odd'}"

    @property
    def said(self) -> bytes:
        """All of it."""
        return b"".join(self.segments)


def _everything(said: bytes, _: random.Random) -> Sequence[int]:
    return ()


def _every_byte(said: bytes, _: random.Random) -> Sequence[int]:
    return range(1, min(len(said), _BYTES))


def _behind(what: bytes) -> "Cut":
    def cut(said: bytes, _: random.Random) -> Sequence[int]:
        return [place + 1 for place in range(len(said)) if said.startswith(what, place)][:_PIECES]

    return cut


def _head_and_body(said: bytes, _: random.Random) -> Sequence[int]:
    return [said.find(b"\r\n\r\n") + 4] if b"\r\n\r\n" in said else ()


def _by_chance(said: bytes, chance: random.Random) -> Sequence[int]:
    return sorted(chance.randrange(len(said) + 1) for _ in range(chance.randint(1, 8)))


Cut = Callable[[bytes, random.Random], Sequence[int]]
CUTS: dict[str, Cut] = {
    "in one piece": _everything,
    "every byte": _every_byte,
    "inside each CRLF": _behind(b"\r"),
    "behind each line": _behind(b"\n"),
    "behind each colon": _behind(b":"),
    "head and body": _head_and_body,
    "by chance": _by_chance,
}
"""Where an answer is cut into segments."""

CHOICES: dict[str, Sequence[str]] = {
    "line": tuple(LINES),
    "status": STATUSES,
    "before": tuple(BEFORE),
    "body": tuple(BODIES),
    "connection": tuple(CONNECTIONS),
    "retry": tuple(RETRIES),
    "field": tuple(FIELDS),
    "ends": tuple(ENDS),
    "cut": tuple(CUTS),
    "then": THEN,
}
USUAL = Recipe(**{aspect: choices[0] for aspect, choices in CHOICES.items()}, end=1.0)

_BREAKING = (
    USUAL.having({"status": "503", "retry": "seconds"}),
    USUAL._replace(before="100 before", body="chunks"),
)


def systematic() -> list[Recipe]:
    """Every choice alone, in one piece and byte for byte; two answers broken off at every point.

    So has every `Retry-After` of a failure, and a server that was to close goes on in every way.
    """
    alone = [USUAL.having({aspect: choice}) for aspect, all_ in CHOICES.items() for choice in all_]
    bytewise = [recipe._replace(cut="every byte") for recipe in alone if recipe.cut == USUAL.cut]
    failing = [USUAL.having({"status": "503", "retry": retry}) for retry in RETRIES]
    failing += [recipe._replace(cut="every byte") for recipe in failing]
    more = [
        USUAL.having({"status": "150", "body": "a trailer too large"}),
        USUAL.having({"status": "150", "body": "gzipped"}),
        USUAL.having({"body": "200 trailers", "cut": "behind each line"}),
        USUAL.having({"body": "chunks of the limit", "cut": "inside each CRLF"}),
        USUAL.having({"status": "099", "then": "says more at once"}),
        USUAL.having({"status": "503", "retry": "seconds", "ends": "LF", "then": "says more at once"}),
    ]
    closing = [USUAL.having({"connection": "close", "then": then}) for then in THEN]
    return [*alone, *bytewise, *failing, *more, *closing, *_broken_off()]


def _broken_off() -> Iterator[Recipe]:
    for recipe in _BREAKING:
        length = len(_whole(recipe))
        for place in range(length):
            then = THEN[1] if place % 3 else THEN[place % 2 * 2]
            yield recipe._replace(end=place / length, then=then)


def drawn(seed: int, count: int) -> Iterator[Recipe]:
    """Recipes by chance."""
    chance = random.Random(seed)
    for _ in range(count):
        odd = chance.sample(list(CHOICES), chance.randint(1, 4))
        recipe = USUAL.having({aspect: chance.choice(CHOICES[aspect]) for aspect in odd})
        if chance.random() < 0.3:
            recipe = recipe._replace(status=str(chance.randint(100, 599)))
        if chance.random() < 0.5:
            recipe = recipe._replace(then=chance.choice(THEN), cut=chance.choice(list(CUTS)))
        if chance.random() < 0.1:
            recipe = recipe._replace(end=chance.random())
        yield recipe


def odd_answers(recipes: Sequence[Recipe], seed: int = 0) -> list[Odd]:
    """The answers that these recipes come to, with their numbers in their bodies."""
    return [_made(number, recipe, random.Random(f"{seed}/{number}")) for number, recipe in enumerate(recipes)]


def _made(number: int, recipe: Recipe, chance: random.Random) -> Odd:
    said = _whole(recipe).replace(b"said", b"%04d" % (number % 10_000))
    said = said[: round(recipe.end * len(said))]
    if recipe.then == "says more at once":
        said += UNASKED
    places = [0, *CUTS[recipe.cut](said, chance), len(said)]
    return Odd(number, recipe, tuple(said[a:b] for a, b in pairwise(places) if a < b))


def _whole(recipe: Recipe) -> bytes:
    body = BODIES[recipe.body]
    head = b"".join(
        (
            LINES[recipe.line] % recipe.status.encode() + b"\r\n",
            FIELDS[recipe.field],
            RETRIES[recipe.retry],
            body.headers,
            CONNECTIONS[recipe.connection],
            b"\r\n",
        )
    )
    return BEFORE[recipe.before] + head.replace(b"\r\n", ENDS[recipe.ends]) + body.sent

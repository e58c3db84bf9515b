"""Spellings: the ways in which programs write one and the same text, and how to read through them.

Promise: a text is found wherever an encoder has put it: JSON (also PHP's `\\/` and `\\uXXXX`), URL and
form, HTML, a Python repr, these inside one another three deep, Base64 at any offset, hexadecimal.
Reading costs time in proportion to the text, whatever it holds.
"""

import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from html import unescape
from itertools import accumulate
from typing import NamedTuple

DEPTH = 3
"""How many encoders may have written over each other."""
SHORTEST = 6
"""Characters from which a text is looked for inside words; a shorter one has to stand alone."""
SHORTEST_BASE64, SHORTEST_HEX = 5, 12
"""The same for digits of an encoding: so few of them may stand in any word by chance."""

_H = "[0-9a-fA-F]"
_TAIL = "[89abAB]" + _H
_ESCAPE = re.compile(
    rf"(\\u[dD][89abAB]{_H}{{2}}\\u[dD][c-fC-F]{_H}{{2}}|\\u{_H}{{4}}|\\U{_H}{{8}}|%u{_H}{{4}}"
    + "".join(
        rf"|{p}[c-dC-D]{_H}{p}{_TAIL}|{p}[eE]{_H}(?:{p}{_TAIL}){{2}}|{p}[fF][0-7](?:{p}{_TAIL}){{3}}|{p}{_H}{{2}}"
        for p in ("%", r"\\x")
    )
    + r"|\\[\"'/\\bfnrt]|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"
)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Spelling(NamedTuple):
    """A text to look for; with `is_word` only where no letter or digit stands beside it."""

    text: str
    is_word: bool


class Layer(NamedTuple):
    """A text read through its escapes, and where each part of it ends, in it and in what was read."""

    text: str
    ends: list[int]
    ends_before: list[int]

    def before(self, start: int, end: int) -> tuple[int, int]:
        """The place in what was read of what stands from `start` to `end`; an escape counts whole."""
        return self._place(start, 0), self._place(end - 1, 1)

    def _place(self, at: int, more: int) -> int:
        part = bisect_right(self.ends, at)
        if part % 2 == 0:
            return self.ends_before[part] - (self.ends[part] - at) + more
        return self.ends_before[part] if more else self.ends_before[part - 1]


def read(text: str) -> Layer | None:
    """`text` with its escapes resolved, one encoder deep; None where there are none."""
    parts = _ESCAPE.split(text)
    if len(parts) == 1:
        return None
    resolved = parts[:]
    resolved[1::2] = map(_resolved, parts[1::2])
    return Layer("".join(resolved), list(accumulate(map(len, resolved))), list(accumulate(map(len, parts))))


def spellings(text: str) -> frozenset[Spelling]:
    """What to look for, in a text and in all its layers, to find `text`."""
    found = {text}
    layer: Layer | None = read(text)
    for _ in range(DEPTH):
        if layer is None:
            break
        found.add(layer.text)
        layer = read(layer.text)
    found |= {each.replace(" ", "+") for each in found}
    plain = {Spelling(each, len(each) < SHORTEST) for each in found if each.strip()}
    return frozenset(plain.union(_base64(text), _hex(text)))


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether what stands from `start` to `end` neither begins nor ends inside of a word."""
    if start > 0 and text[start].isalnum() and text[start - 1].isalnum():
        return False
    return not (end < len(text) and text[end - 1].isalnum() and text[end].isalnum())


def _base64(text: str) -> Iterator[Spelling]:
    """The digits that `text` alone decides, behind no, one or two bytes of something else."""
    raw = _bytes(text)
    for offset in range(3):
        digits = b64encode(bytes(offset) + raw).decode().rstrip("=")
        sure = digits[(offset * 8 + 5) // 6 : (offset + len(raw)) * 8 // 6]
        if len(sure) < SHORTEST_BASE64:
            if offset == 0 and len(text) > 2:
                yield from (Spelling(each, True) for each in {digits, digits.translate(_URL_SAFE)})
            continue
        yield from (Spelling(each, False) for each in {sure, sure.translate(_URL_SAFE)})


def _hex(text: str) -> Iterator[Spelling]:
    digits = _bytes(text).hex()
    if len(text) > 2:
        yield from (Spelling(each, len(each) < SHORTEST_HEX) for each in {digits, digits.upper()})


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_URL_SAFE = str.maketrans("+/", "-_")


@lru_cache(maxsize=4096)
def _resolved(escape: str) -> str:
    if escape[0] == "&":
        return unescape(escape)
    if escape[1] in "uU":
        return _of_numbers(escape)
    if escape[0] == "%" or escape[1] == "x":
        raw = bytes.fromhex(escape.replace("%", "").replace("\\x", ""))
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin-1")
    return _LETTERS.get(escape[1], escape[1])


def _of_numbers(escape: str) -> str:
    """One character by its number, or by the two halves that UTF-16 makes of it."""
    if len(escape) == 12:
        return bytes.fromhex(escape[2:6] + escape[8:]).decode("utf-16-be")
    number = int("0x" + escape[2:], 0)
    return chr(number) if number <= 0x10FFFF else escape

"""Factors: what stands on both sides of a `*` in a template.

Promise: a list or an object is none. The engine repeats a list as often as the number beside it says, without
a step of its fuel, so that an event whose `price` is a list and whose `quantity` is large would take all
memory. Texts are repeated by its fuel.
"""

import re
from collections.abc import Iterable
from typing import Any

from processor.errors import EventError

FILTER = "factor"
_MARK = f"|{FILTER}"
_TEXT = r""""(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'"""
_NO_CODE = r"\{#.*?#\}|\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}"
_CODE = rf"\{{\{{(?:{_TEXT}|(?!\}}\}})[^\"'])*+\}}\}}|\{{%(?:{_TEXT}|(?!%\}})[^\"'])*+%\}}"
_PARTS = re.compile(rf"(?P<no_code>{_NO_CODE})|{_CODE}", re.DOTALL)
_TOKEN = re.compile(rf"{_TEXT}|\*\*|\d\w*(?:\.\d\w*)?|\w+|\s+|.", re.DOTALL)
_ENDS = re.compile(r"[\w\"')\]}]\Z")
"""How what may be a factor ends; else a `*` takes a list apart, as arguments."""
_SIGNS = ("-", "+")
_CLOSED_BY = {"(": ")", "[": "]", "{": "}"}


def factor(value: Any) -> Any:
    """The value, if it may be one. Raises EventError."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        raise EventError("invalid_event", "`*` has a list or an object beside it")
    return value


def guarded(source: str) -> str:
    """The template, which compiles, with each factor led through `factor`."""
    if "*" not in source:
        return source
    return _PARTS.sub(lambda found: found[0] if found["no_code"] else _in_code(found[0]), source)


def as_written(source: str) -> str:
    """A part of a guarded template as it was."""
    return source.replace(_MARK, "")


def _in_code(code: str) -> str:
    tokens = [*_TOKEN.findall(code), ""]
    marked = set()
    for at, word in enumerate(tokens):
        if word == "*":
            before = next(n for n in range(at - 1, -1, -1) if not tokens[n].isspace())
            if _ENDS.search(tokens[before]):
                marked |= {before, _last(tokens, at + 1)}
    return "".join([word + _MARK if at in marked else word for at, word in enumerate(tokens)])


def _last(tokens: list[str], at: int) -> int:
    """The last token of the factor that begins at `at`, with its filters and its power."""
    while tokens[at := _next(tokens, at)] in _SIGNS:
        at += 1
    last = _closing(tokens, at)
    while tokens[following := _next(tokens, last + 1)] in (".", "|", "[", "("):
        is_name = tokens[following] in (".", "|")
        last = _next(tokens, following + 1) if is_name else _closing(tokens, following)
    return _last(tokens, following + 1) if tokens[following] == "**" else last


def _next(tokens: list[str], at: int) -> int:
    """The first from `at` that is no white space."""
    while tokens[at].isspace():
        at += 1
    return at


def _closing(tokens: list[str], at: int) -> int:
    """The token that closes what is opened at `at`; `at` itself, where nothing is."""
    opened, depth = tokens[at], 1
    while opened in _CLOSED_BY and depth:
        at += 1
        depth += (tokens[at] == opened) - (tokens[at] == _CLOSED_BY[opened])
    return at

"""Patterns of topics: POSIX extended regular expressions, judged as librdkafka judges them.

Promise: `matches` asks the very function of the C library that decides what is subscribed (`regcomp`
with REG_EXTENDED and REG_NOSUB, then `regexec`), so that both agree on every topic. What `fault_of` finds
nothing wrong with costs bounded time and memory: glibc copies what is repeated, and a few nested
repetitions, or a back-reference, would keep a process busy for hours, deaf to SIGTERM.
"""

import ctypes
import re
import sys
from typing import NamedTuple

MAX_LENGTH = 1000
MAX_SIZE = 1000
"""Characters and brackets of a pattern, written out: `(ab){3}` are 6."""
MAX_REPETITIONS = 24
"""`*`, `+`, `?` and `{…}` of a pattern, written out: `(a*b){3}` are 4."""

_FLAGS = {"linux": 1 | 8, "darwin": 1 | 4}
"""REG_EXTENDED | REG_NOSUB, by system; on others regular expressions are not the C library's."""
_NO_MATCH = 1
_REGEX_WORDS = 32
"""Room for a `regex_t`, of which C libraries need 32 to 64 bytes."""
_TOKEN = re.compile(
    r"\\(?P<reference>[1-9])|(?P<anchor>[\^$]|\\[bB<>`'])|\\.|\[\^?\]?(?:\[([:.=]).*?\3\]|[^\]])*+\]"
    r"|(?P<counts>\{(?P<least>[0-9]*)(?P<to>,(?P<most>[0-9]*))?\})|.",
    re.DOTALL,
)


class _Part(NamedTuple):
    """Of a pattern, written out; `fault`: whether it repeats what may be empty."""

    characters: int = 0
    repetitions: int = 0
    may_be_empty: bool = True
    fault: bool = False

    def then(self, other: "_Part") -> "_Part":
        return _Part(
            self.characters + other.characters,
            self.repetitions + other.repetitions,
            self.may_be_empty and other.may_be_empty,
            self.fault or other.fault,
        )

    def otherwise(self, other: "_Part") -> "_Part":
        return self.then(other)._replace(may_be_empty=self.may_be_empty or other.may_be_empty)


def matches(pattern: str, topic: str, *, system: str = sys.platform) -> bool | None:
    """Whether the pattern finds the topic; None: not to be known, as on a system without these functions.

    A pattern that cannot be read finds nothing.
    """
    flags = _FLAGS.get(system)
    if flags is None:
        return None
    library = ctypes.CDLL(None)  # the C library of this process, the one that librdkafka calls too
    compiled = (ctypes.c_uint64 * _REGEX_WORDS)()
    if library.regcomp(compiled, pattern.encode("utf-8", "surrogatepass"), flags):
        return False
    try:
        name = topic.encode("utf-8", "surrogatepass")
        return bool(library.regexec(compiled, name, ctypes.c_size_t(0), None, 0) != _NO_MATCH)
    finally:
        library.regfree(compiled)


def fault_of(pattern: str) -> str | None:
    """Why the pattern could cost more than we wait for, with the remedy; None: it does not."""
    if len(pattern) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters: write it as several patterns"
    if any(token["reference"] for token in _TOKEN.finditer(pattern)):
        return r"refers back (\1), which may take hours to match: write out what is repeated"
    whole = _written_out(pattern)
    if whole.fault:
        return "repeats what may be empty, such as (a*)*, which may take hours to read: write a* or [ab]*"
    if whole.characters > MAX_SIZE or whole.repetitions > MAX_REPETITIONS:
        return (
            f"repeats too much: written out it may have {MAX_SIZE} characters and {MAX_REPETITIONS} "
            "repetitions (* + ? {}); name a prefix, or write it as several patterns"
        )
    return None


def _written_out(pattern: str) -> _Part:
    """What it is once everything is copied as often as it is repeated; `a+` is `aa*`."""
    none = _Part(may_be_empty=False)
    outer: list[tuple[_Part, _Part]] = []
    others, before, last = none, _Part(), _Part()
    for token in _TOKEN.finditer(pattern):
        text = token[0]
        if text in ("*", "+", "?") or token["counts"]:
            last = _repeated(last, token)
            continue
        before, last = before.then(last), _Part()
        if text == "(":
            outer.append((others, before))
            others, before = none, _Part()
        elif text == ")" and outer:
            last = others.otherwise(before)
            others, before = outer.pop()
        elif text == "|":
            others, before = others.otherwise(before), _Part()
        else:
            last = _Part(1, 0, token["anchor"] is not None)
    before = before.then(last)
    for around, front in reversed(outer):
        before = front.then(others.otherwise(before))
        others = around
    return others.otherwise(before)


def _repeated(part: _Part, token: re.Match[str]) -> _Part:
    text, least = token[0], int(token["least"] or 0)
    copies = 2 if text == "+" else 1
    if token["counts"]:
        copies = max(1, least, int(token["most"]) if token["most"] else least + bool(token["to"]))
    may_be_none = least == 0 and text != "+"
    return _Part(
        part.characters * copies, part.repetitions * copies + 1, may_be_none, part.may_be_empty or part.fault
    )

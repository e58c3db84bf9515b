"""Depth: how deep and how laborious a .proto can be, told from its text before the compiler sees it.

Promises: what the compiler gets has values of options of which none has more than 100 messages within each
other. Of those that have, it cannot read back what it wrote, and ends the process, as it would after each
restart. And it compares no more than `MOST_PAIRS` fields with reserved numbers, for which it lets nobody else
go on. Time: linear in the text.
"""

import re

DEEPEST = 48
"""Brackets within each other, of any kind."""
MOST_PARTS = 40
"""Dots of one name, each of which may lead into a message."""
MOST_PAIRS = 50_000_000
"""Some half a second."""
_TOKEN = re.compile(
    r"""(?:"(?:[^"\\\n]|\\.)*+"?|'(?:[^'\\\n]|\\.)*+'?|//[^\n]*+|/\*(?:(?!\*/).)*+)|([][{}<>.=:;,]|\b(?:reserved|extensions)\b)""",
    re.DOTALL,
)
"""Texts and comments, in which brackets are none, and what is looked at."""
_RANGES = ("reserved", "extensions")
_OPENS = {"{": "}", "[": "]", "<": ">"}
_CLOSES = frozenset(_OPENS.values())


def fault_of(text: str) -> str | None:
    """Why a text cannot be compiled, to be read behind its name."""
    marks = _TOKEN.findall(text)
    return _fault_of_depth(marks) or _fault_of_ranges(marks)


def _fault_of_depth(marks: list[str]) -> str | None:
    waiting: list[str] = []
    dots = 0
    for mark in marks:
        if mark == ".":
            dots += 1
            if dots > MOST_PARTS:
                return f"has a name of more than {MOST_PARTS} parts"
        elif mark:
            dots = 0
            if mark in _OPENS:
                waiting.append(_OPENS[mark])
                if len(waiting) > DEEPEST:
                    return f"has more than {DEEPEST} brackets within each other"
            elif mark in _CLOSES and (not waiting or waiting.pop() != mark):
                return f"has a {mark} that closes nothing"
    return None


def _fault_of_ranges(marks: list[str]) -> str | None:
    ranges, is_within = 0, False
    for mark in marks:
        if mark in _RANGES or (mark == "," and is_within):
            ranges, is_within = ranges + 1, True
        elif mark == ";":
            is_within = False
    has_too_many = ranges * (ranges + marks.count(";")) > MOST_PAIRS
    return "has too many reserved or extension ranges for its fields" if has_too_many else None

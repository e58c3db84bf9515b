"""The line that a log call comes to: bytes of a stated length, whatever was logged.

Promise: making a line raises nothing and takes a bounded time, also for values whose text cannot be
had, are huge, or hold half a character; it is one JSON object, or text without control characters.
Too long a line is cut in its values, so that it stays a whole line.
"""

import json
import logging
import math
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from processor.logs.writer import LONGEST_LINE

LONGEST_TEXT = 65_536
"""Characters of a value, above which only their number is told: so much is searched for secrets."""
MOST_ITEMS = (256, 32, 8, 4)
"""Items of a collection, by how deep it lies; one that lies deeper is told by its number."""
_TIGHTER = ((3_000, 100), (1_000, 30), (300, 10), (80, 3))
"""Characters of a text and items of a list that are left of a line that is too long, one after the other."""
_BROKEN = "a line of the log could not be made"
_MARKUP = ("exception", "stack")
"""What may have line breaks in a line that is text."""
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}

Plain = None | bool | int | float | str | list[Any] | dict[str, Any]


class LogLines:
    """Makes lines of what structlog collects; a structlog processor, the only one there is."""

    def __init__(
        self,
        facts: Mapping[str, object],
        struck: Callable[[dict[str, Plain]], Mapping[str, Plain]],
        *,
        as_text: bool,
        colours: bool,
    ) -> None:
        """`struck` gives a line without its secrets."""
        self._facts = facts
        self._struck = struck
        self._as_text = as_text
        self._stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
        self._render: Processor = structlog.processors.JSONRenderer()
        if as_text:
            self._render = structlog.dev.ConsoleRenderer(colors=colours)

    def __call__(self, _: Any, level: str, said: EventDict) -> bytes:
        """One line with its line break; `level` is the method that was called, or the level's name."""
        try:
            return self._line(level, said)
        except Exception as error:  # noqa: BLE001 - a log line must never end what it tells of
            return _broken(level, type(error).__name__)

    def of_record(self, record: logging.LogRecord) -> bytes:
        """The line of a call of the standard library's logging."""
        said: EventDict = {"logger": record.name}
        try:
            said["event"] = record.getMessage()
        except Exception as error:  # noqa: BLE001 - as above
            said["event"], said["why"] = record.msg, f"{type(error).__name__} when values were filled in"
        if record.exc_info:
            said["exc_info"] = record.exc_info
        if record.stack_info:
            said["stack"] = record.stack_info
        return self(None, record.levelname.lower(), said)

    def _line(self, level: str, said: EventDict) -> bytes:
        told = structlog.processors.format_exc_info(None, level, {**said, **self._facts})
        struck = self._struck({plain_text(name): plain(value) for name, value in told.items()})
        line = self._rendered(level, struck)
        for text, items in _TIGHTER:
            if len(line) <= LONGEST_LINE:
                return line
            less = {name: tighter(value, text, items) for name, value in struck.items()}
            line = self._rendered(level, less)
        return line if len(line) <= LONGEST_LINE else _broken(level, "too many values")

    def _rendered(self, level: str, told: Mapping[str, Plain]) -> bytes:
        stamped = self._stamp(None, level, {**told, "level": level})
        if self._as_text:
            stamped = {name: _printable(name, value) for name, value in stamped.items()}
        return f"{self._render(None, level, stamped)!s}\n".encode(errors="backslashreplace")


def plain(value: Any, depth: int = 0) -> Plain:
    """What JSON can hold, within the bounds; what is nothing of that as the text that stands for it."""
    match value:
        case None | bool():
            return value
        case int():
            return int(value) if value.bit_length() <= 64 else f"(a number of {value.bit_length()} bits)"
        case float():
            return float(value) if math.isfinite(value) else str(float(value))
        case dict() | list() | tuple() | set() | frozenset():
            return _collection(value, depth)
        case _:
            return plain_text(value)


def plain_text(value: Any) -> str:
    """The text of what is none, if it can be had and is not huge."""
    if isinstance(value, str | bytes | bytearray) and len(value) > LONGEST_TEXT:
        return f"({len(value)} characters)"
    try:
        text = str.__str__(value) if isinstance(value, str) else repr(value)
    except Exception as error:  # noqa: BLE001 - whatever it is: its text cannot be had
        return f"({type(value).__name__}: {type(error).__name__} when asked for its text)"
    return text if len(text) <= LONGEST_TEXT else f"({len(text)} characters)"


def tighter(value: Plain, text: int, items: int) -> Plain:
    """The same with texts and collections cut; of a text its beginning and its end are left."""
    if isinstance(value, str):
        return _cut(value, text)
    if isinstance(value, list):
        kept: list[Any] = [tighter(each, text, items) for each in value[:items]]
        return kept if len(value) <= items else [*kept, f"… {len(value) - items} more"]
    if isinstance(value, dict):
        return {_cut(name, text): tighter(value[name], text, items) for name in islice(value, items)}
    return value


def _collection(value: dict[Any, Any] | Collection[Any], depth: int) -> Plain:
    if depth == len(MOST_ITEMS):
        return f"({len(value)} items)"
    most = MOST_ITEMS[depth]
    if isinstance(value, dict):
        return {plain_text(name): plain(value[name], depth + 1) for name in islice(value, most)}
    found: list[Any] = [plain(each, depth + 1) for each in islice(value, most)]
    return found if len(value) <= most else [*found, f"… {len(value) - most} more"]


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    tail = most // 3
    return f"{text[: most - tail]} … {len(text) - most} characters … {text[-tail:]}"


def _broken(level: str, why: str) -> bytes:
    said = {"event": _BROKEN, "why": why, "level": level, "timestamp": datetime.now(UTC).isoformat()}
    return f"{json.dumps(said)}\n".encode()


def _printable(name: str, value: Any) -> Any:
    """Nothing that moves a terminal's cursor, or looks like a line of its own."""
    if not isinstance(value, str):
        return value
    if name in _MARKUP:
        return "\n".join(line.translate(_CONTROLS) for line in value.split("\n"))
    return value.translate(_CONTROLS)

"""What is written to standard error: one line an event, as JSON or as text, without secrets.

Every text in a line is searched for secrets, whichever library wrote it. A log call raises nothing and
waits for nothing: lines are made in it, and written apart (`log_writer`).
"""

import atexit
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, NoReturn

import structlog
from structlog.typing import EventDict

from processor.core.redaction import NOTHING_SECRET, Secrets
from processor.logs.lines import LogLines
from processor.logs.writer import FLUSH_SECONDS, REASONS, LogWriter, Lost

STDERR = 2

_writers: dict[int, LogWriter] = {}
"""Of this process, by descriptor: of each there is one, so that no two lines meet."""


def configure(
    level: str,
    form: Literal["auto", "json", "text"],
    secrets: Secrets = NOTHING_SECRET,
    facts: Mapping[str, object] = MappingProxyType({}),
    to: int = STDERR,
) -> None:
    """Set up structlog, and the standard library's logging behind it, for this process.

    Every line tells the `facts`.
    """
    is_terminal = _is_terminal(to)
    as_text = form == "text" or (form == "auto" and is_terminal)
    struck = Struck(secrets)
    lines = LogLines(facts, lambda line: struck(None, "", line), as_text=as_text, colours=is_terminal)
    put = _writer(to, lines).put
    route(level, lines, put)
    _route_standard_logging(level, lambda record: put(lines.of_record(record)))


def route(level: str, lines: LogLines, put: Callable[[bytes], None]) -> None:
    """Give what is said from a level on, as these lines, to `put`; of structlog alone."""
    out = _Out(put)
    structlog.configure(
        processors=[lines],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: out,
        cache_logger_on_first_use=False,
    )


def tell_what_nobody_catches() -> None:
    """Make lines, from now on, of errors that end a thread or cannot be raised, and of warnings."""
    log = structlog.get_logger()

    def ended(said: threading.ExceptHookArgs) -> None:
        name = said.thread.name if said.thread else None
        log.error("a thread ended by an error", thread=name, exc_info=said.exc_value or said.exc_type())

    def ignored(said: Any) -> None:
        log.error("an error that could not be raised", where=said.object, exc_info=said.exc_value)

    threading.excepthook = ended
    sys.unraisablehook = ignored
    logging.captureWarnings(True)


def flush(within: float = FLUSH_SECONDS) -> None:
    """Wait until all lines are written or lost, up to so many seconds for each place they go to."""
    for writer in _writers.values():
        writer.flush(within)


def leave(status: int) -> NoReturn:
    """End the process now, after the lines said so far, and without waiting for any thread."""
    flush()
    os._exit(status)


def lost() -> Lost:
    """How many lines for standard error could not be written so far, by reason."""
    return _writers[STDERR].lost if STDERR in _writers else dict.fromkeys(REASONS, 0)


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def _writer(descriptor: int, lines: LogLines) -> LogWriter:
    def told(number: int) -> bytes:
        return lines(None, "warning", {"event": "lines of the log were lost", "lines": number})

    if descriptor not in _writers:
        _writers[descriptor] = LogWriter(descriptor, told)
        _writers[descriptor].open()
        atexit.register(flush)
    _writers[descriptor].told = told
    return _writers[descriptor]


class _Out:
    """What structlog hands a line to, under the name of its level."""

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = put


class _Route(logging.Handler):
    """Where lines of the standard library's logging go."""

    def __init__(self, put: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self._put = put

    def emit(self, record: logging.LogRecord) -> None:
        self._put(record)


def _route_standard_logging(level: str, put: Callable[[logging.LogRecord], None]) -> None:
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # requests to the pages that are no HTTP
    root = logging.getLogger()
    root.handlers = [_Route(put)]
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))


class Struck:
    """Strikes secrets out of every text of a line."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def __call__(self, _: Any, __: str, line: EventDict) -> EventDict:
        """The line without secrets (a structlog processor)."""
        return {name: self._strike(value) for name, value in line.items()}

    def _strike(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, dict):
            return {self._strike(name): self._strike(item) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._strike(item) for item in value]
        return self._secrets.strike(value if isinstance(value, str) else repr(value))

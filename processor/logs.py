"""What is written to standard error: one line an event, as JSON or as text, without secrets.

Every text in a line is searched for the configured secrets, whichever library wrote it.
"""

import logging
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor


def configure(
    level: str,
    form: Literal["auto", "json", "text"],
    secrets: Sequence[str] = (),
    facts: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Set up structlog, and the standard library's logging behind it, for this process.

    Every line tells the `facts`.
    """
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        lambda _, __, line: {**line, **facts},
        structlog.processors.format_exc_info,
        Struck(secrets),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Processor = structlog.processors.JSONRenderer()
    if as_text:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _route_standard_logging(level, [*shared, renderer])


def _route_standard_logging(level: str, processors: list[Processor]) -> None:
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors],
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
        )
    )
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # requests to the pages that are no HTTP
    root = logging.getLogger()
    root.handlers = [lines]
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))


class Struck:
    """Strikes secrets out of every text of a line."""

    def __init__(self, secrets: Sequence[str]) -> None:
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
        text = value if isinstance(value, str) else repr(value)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

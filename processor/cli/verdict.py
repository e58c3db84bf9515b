"""Verdicts on a configuration: the libraries that judge it too, and how a command ends that refuses it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from processor.config.settings import Settings
    from processor.core.redaction import Secrets
    from processor.errors import ConfigError


def judges() -> Iterator[Callable[[Settings], object]]:
    """The libraries that would take the settings; each raises ConfigError."""
    from processor.kafka.options import refuse_unknown
    from processor.web.tls import refuse_unusable

    yield lambda settings: refuse_unknown(settings.kafka, settings.dead_letter)
    yield lambda settings: refuse_unusable(settings.destination.tls)


def refuse(error: ConfigError, secrets: Secrets | None = None) -> NoReturn:
    """Tell everything that is wrong, and end with 2."""
    with contextlib.suppress(OSError):  # the status says it all the same
        for problem in error.problems:
            told = secrets.strike(str(problem)) if secrets else str(problem)
            typer.echo(f"error {told}", err=True)
    raise typer.Exit(2) from None

"""Verdicts on a configuration: where it is, the libraries that judge it too, and how a command ends that
refuses it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from processor import startup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from processor.config.settings import Settings
    from processor.core.redaction import Secrets
    from processor.errors import ConfigError


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="WEBHOOK_PROCESSOR_CONFIG",
        help="The YAML file with the settings; without one, all of them come from the environment.",
    ),
]


def settings_of(file: Path | None, *, with_libraries: bool = True) -> Settings:
    """The settings, judged by the libraries too that would take them."""
    from processor.config import loading
    from processor.errors import ConfigError

    try:
        return loading.load(file, os.environ, *(judges() if with_libraries else ()))
    except ConfigError as error:
        refuse(error)


def judges() -> Iterator[Callable[[Settings], object]]:
    """The libraries that would take the settings; each raises ConfigError."""
    from processor.config.services.tracing import refuse_unusable as refuse_unusable_tracing
    from processor.errors import ConfigError, Problem
    from processor.formats.schema_file import decode_by
    from processor.kafka.options import refuse_unknown
    from processor.web.tls import refuse_unusable
    from processor.web.ways.authorities import refuse_unusable as refuse_unusable_proxy

    yield lambda settings: refuse_unknown(settings.kafka, settings.dead_letter)
    yield lambda settings: refuse_unusable(settings.destination.tls)
    yield lambda settings: refuse_unusable_proxy(settings.destination.proxy)
    yield refuse_unusable_registry
    yield lambda settings: refuse_unusable_tracing(settings.tracing)
    yield lambda settings: decode_by(settings.schema_file_policy())

    def refuse_too_many(settings: Settings) -> None:
        needed, limit = settings.descriptors(), startup.descriptor_limit()
        if needed <= limit:
            return
        most = settings.max_in_flight() - (needed - int(limit))
        lower = f", or set delivery.max_in_flight to {most} or less" if most > 0 else ""
        message = f"takes up to {needed} files and sockets, and this process may have {limit:.0f}"
        remedy = f"raise its limit (`ulimit -n {needed}`, LimitNOFILE= of systemd, --ulimit of Docker){lower}"
        raise ConfigError([Problem("delivery.max_in_flight", message, remedy)])

    yield refuse_too_many


def refuse_unusable_registry(settings: Settings) -> None:
    """Raise ConfigError for what the door of a registry cannot use; without one it is not loaded."""
    if settings.uses_registry:
        from processor.framed.rooms import refuse_unusable

        refuse_unusable(settings)


def decode_of(settings: Settings) -> Callable[[bytes], bytes] | None:
    """What decodes values that are no JSON; where its schema cannot be used, the command ends."""
    from processor.errors import ConfigError
    from processor.formats.schema_file import decode_by

    try:
        return decode_by(settings.schema_file_policy())
    except ConfigError as error:
        refuse(error, settings.secrets)


def refuse(error: ConfigError, secrets: Secrets | None = None) -> NoReturn:
    """Tell everything that is wrong, and end with 2."""
    with contextlib.suppress(OSError):  # the status says it all the same
        for problem in error.problems:
            told = secrets.strike(str(problem)) if secrets else str(problem)
            typer.echo(f"error {told}", err=True)
    raise typer.Exit(2) from None

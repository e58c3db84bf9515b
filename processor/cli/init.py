"""The command `init`: asks what no default can say, and writes the first settings file.

Promise: a file that is there is never replaced unasked, no secret is asked for, and nothing is asked where
nobody could answer: then everything that is missing is named.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli.verdict import judges, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

STDOUT = Path("-")

QUESTIONS = {
    "--brokers": "Brokers, host:port, several with commas",
    "--topic": "Topic, several with commas",
    "--group": "Consumer group, for this webhook alone",
    "--url": "The webhook's URL, https://…",
}
"""What is asked on a terminal for want of an option."""

Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write; - for standard output.")]


def init(
    brokers: Annotated[str, typer.Option(help="Brokers to start from: host:port,…")] = "",
    topic: Annotated[list[str] | None, typer.Option(help="A topic to read; also several times.")] = None,
    group: Annotated[str, typer.Option(help="The consumer group, for this webhook alone.")] = "",
    url: Annotated[str, typer.Option(help="The webhook: https://…")] = "",
    output: Output = Path("settings.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
) -> None:
    """Write a settings file to begin with: your answers, and the most used settings as comments.

    What no option says is asked on a terminal. Exit status: 0 written, 1 it cannot be written, 2 an answer
    is missing or wrong, or the file is there already.
    """
    from processor.config.scaffold import Answers, scaffold
    from processor.errors import ConfigError

    if not force and output != STDOUT and os.path.lexists(output):
        _refuse_to_replace(output)
    said = {"--brokers": [brokers], "--topic": topic or [], "--group": [group], "--url": [url]}
    given = _completed({flag: [text for text in texts if text.strip()] for flag, texts in said.items()})
    (brokers,), (group,), (url,) = given["--brokers"], given["--group"], given["--url"]
    try:
        text = scaffold(Answers(brokers, tuple(given["--topic"]), group, url), *judges())
    except ConfigError as error:
        refuse(error)
    _write(text, output, force=force)


def _completed(said: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """What was said, and the answers to what was not."""
    from processor.errors import ConfigError, Problem

    missing = [flag for flag, texts in said.items() if not texts]
    answered: dict[str, list[str]] = {}
    if sys.stdin.isatty() and sys.stderr.isatty():
        answered = {flag: [text] for flag in missing if (text := _answer(flag))}
    if silent := [flag for flag in missing if flag not in answered]:
        remedy = "give it, or call this on a terminal, where it is asked"
        refuse(ConfigError([Problem(flag, "is missing", remedy) for flag in silent]))
    return {**said, **answered}


def _answer(flag: str) -> str:
    """An answer that can be used; nothing, where there comes no more."""
    from processor.config.scaffold import faults

    while True:
        typer.echo(f"{QUESTIONS[flag]}: ", nl=False, err=True)
        if not (line := sys.stdin.readline()):
            typer.echo(err=True)
            return ""
        found = faults(flag, line)
        if not found:
            return line.strip()
        typer.echo("\n".join(found), err=True)


def _write(text: str, output: Path, *, force: bool) -> None:
    if output == STDOUT:
        typer.echo(text, nl=False)
        return
    try:
        with output.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _refuse_to_replace(output)
    except OSError as error:
        typer.echo(f"error {output}: cannot be written: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    said = f"-c {shlex.quote(str(output))}"
    typer.echo(f"ok    {output} is written")
    typer.echo(
        f"next  webhook-processor check --connect {said}, then preview {said} --from TOPIC, then run {said}"
    )


def _refuse_to_replace(output: Path) -> None:
    from processor.errors import ConfigError, Problem

    remedy = "--force replaces it, --output names another file"
    refuse(ConfigError([Problem(str(output), "is there already", remedy)]))

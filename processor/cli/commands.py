"""The commands: run, check, preview, init, import, letters, demo, version.

What a command needs is imported when it runs, so that `version` and `--help` answer at once.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from processor import __version__, startup
from processor.cli.importing import imports
from processor.cli.init import init
from processor.cli.letters.listing import letters
from processor.cli.letters.moving import purge, requeue
from processor.cli.letters.redelivery import redeliver
from processor.cli.preview import preview
from processor.cli.verdict import ConfigFile, refuse, settings_of

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterator

    from processor.config.settings import Settings
    from processor.model import Finding

app = typer.Typer(
    name="webhook-processor",
    help="Deliver every event of a Kafka topic to a webhook, and lose none.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

MOST_WORKERS = 256
"""Processes that one supervisor may be asked for: more on one machine is a slip of the finger."""

Workers = Annotated[
    str,
    typer.Option(
        "--workers",
        metavar="N|auto",
        envvar="WEBHOOK_PROCESSOR_WORKERS",
        help="How many processes of the group to run; auto: one for each core that may be used.",
    ),
]


@app.command()
def run(file: ConfigFile = None, workers: Workers = "1") -> None:
    """Read the topic, deliver its events, until SIGTERM or Ctrl-C.

    Stops after the requests under way are answered and their positions committed; a second signal
    stops at once. Exit status: 0 stopped as asked, 1 could not go on, 2 the configuration is wrong.

    With more than one worker, one that ends is started again, and the admin port shows all of them.
    Limits in the settings, such as max_in_flight and rate_limit, hold for each worker.
    """
    import asyncio

    import structlog

    from processor.errors import ConfigError, FatalError
    from processor.logs import output
    from processor.workers.worker import number_in

    try:
        worker = number_in(os.environ)
    except ConfigError as error:
        refuse(error)
    count = 1 if worker is not None else _count(workers)
    settings = settings_of(file)
    facts = {} if worker is None else {"worker": worker}
    output.configure(settings.log.level, settings.log.format, settings.secrets, facts)
    output.tell_what_nobody_catches()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as loop:
            status = loop.run(_running(settings, worker, count))
    except ConfigError as error:
        refuse(error, settings.secrets)
    except FatalError as error:
        structlog.get_logger().error("ended", error=str(error))
        output.leave(1)
    except Exception:  # noqa: BLE001 - it ends the process, told like everything else, without secrets
        structlog.get_logger().critical("ended by an error that nobody expected", exc_info=True)
        output.leave(1)
    output.leave(status)


@app.command()
def check(
    file: ConfigFile = None,
    connect: Annotated[
        bool,
        typer.Option(
            "--connect",
            help="Also try the brokers, topics, rights, group, endpoint, token endpoint and schema "
            "registry; no event is read or sent.",
        ),
    ] = False,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema", help="Print the JSON Schema of the settings, for editors, and do nothing else."
        ),
    ] = False,
) -> None:
    """Say everything that is wrong with the configuration, at once.

    Exit status: 0 nothing is wrong, 2 something is. With --connect also 1: nothing is known to be wrong,
    but brokers or the endpoint could not be reached now, or a name not be looked up.
    """
    if schema:
        from processor.config.schema import of_file

        typer.echo(json.dumps(of_file(), indent=2))
        return
    settings = settings_of(file)
    typer.echo("ok    the configuration can be used")
    for meaning in settings.meanings():
        typer.echo(f"ok    {meaning}")
    for warning in settings.warnings():
        typer.echo(f"warn  {warning}", err=True)
    findings = list(_findings(settings)) if connect else []
    for finding in findings:
        verdict = "ok   " if finding.ok else "away " if finding.is_away else "error"
        typer.echo(f"{verdict} {finding.what}: {finding.detail}", err=not finding.ok)
    if bad := [finding for finding in findings if not finding.ok]:
        raise typer.Exit(1 if all(finding.is_away for finding in bad) else 2)


app.command()(preview)
app.command()(init)
app.add_typer(imports, name="import")
app.add_typer(letters, name="letters")
for each in (redeliver, requeue, purge):
    letters.command()(each)


@app.command()
def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on afterwards, to play with, until Ctrl-C.")
    ] = False,
) -> None:
    """See it work: a broker, an endpoint and the processor on this machine, with some hundred events."""
    from processor.demo.show import demo as run_demo

    raise typer.Exit(run_demo(keep))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _flow(commands: typer.Typer) -> None:
    """Let the help break its lines where the terminal ends: docstrings break theirs where the code does."""
    for each in commands.registered_commands:
        paragraphs = (inspect.getdoc(each.callback) or "").split("\n\n")
        each.help = "\n\n".join(text.replace("\n", " ") for text in paragraphs)


for each_of in (app, imports, letters):
    _flow(each_of)


def main() -> None:
    """The entry point of the command; where its output cannot be written it ends with 1."""
    startup.prepare(sys.argv)
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError):
            if not isinstance(error, BrokenPipeError):  # who reads no more has seen what there was to see
                typer.echo(f"error {error}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more
        sys.exit(1)


async def _running(settings: Settings, worker: int | None, count: int) -> int:
    """Run as a worker, as the supervisor of some, or alone; then the exit status."""
    from processor.app import App
    from processor.workers.supervisor import Supervisor
    from processor.workers.worker import settings_of, work

    if worker is not None:
        await work(settings_of(settings, worker))
    elif count > 1:
        return await Supervisor(settings, [sys.executable, *sys.orig_argv[1:]], count).run_until_signal()
    else:
        await App(settings).run_until_signal()
    return 0


def _loop_factory() -> Callable[[], AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    from uvloop import new_event_loop

    return new_event_loop


def _count(workers: str) -> int:
    if workers == "auto":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(cores, MOST_WORKERS)
    if not (workers.isdecimal() and len(workers) < 9 and 1 <= int(workers) <= MOST_WORKERS):
        raise typer.BadParameter(
            f"must be a number from 1 to {MOST_WORKERS}, or auto", param_hint="--workers"
        )
    return int(workers)


def _findings(settings: Settings) -> Iterator[Finding]:
    import asyncio

    from processor.core.request.transform import Transform
    from processor.errors import TransportError
    from processor.framed.rooms import find
    from processor.kafka.checks.check import probe as probe_kafka
    from processor.model import Finding
    from processor.web.check import probe as probe_endpoint
    from processor.web.credentials.check import find as find_credentials

    yield from probe_kafka(
        settings.kafka, settings.dead_letter, settings.destination.name, settings.reports.topic
    )
    what = "endpoint " + str(Transform(settings.request_policy()).origin)
    try:
        yield Finding(what, True, asyncio.run(probe_endpoint(settings.destination)))
    except TransportError as error:
        cause = error.__cause__  # of a proxy that cannot be reached
        reasons = {error.reason, cause.reason if isinstance(cause, TransportError) else error.reason}
        is_away = not reasons.isdisjoint(("connect", "connect_timeout", "dns", "reset"))
        yield Finding(what, False, str(error), is_away=is_away)
    if settings.destination.auth.is_fetched():
        yield find_credentials(settings.destination.auth, settings.secrets, os.environ)
    if settings.uses_registry:
        yield find(settings)

"""Letters put back on a topic, and those deleted that were brought back, as commands."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from processor.cli.letters.listing import Most, tell
from processor.cli.letters.redelivery import (
    STOPPED,
    DryRun,
    KeptApart,
    Parked,
    Showing,
    TooOften,
    group_of,
    refuse_absent,
    refuse_wrong,
    tell_what_stays_open,
)
from processor.cli.letters.selecting import Selected, selecting
from processor.cli.verdict import ConfigFile, settings_of


@selecting
def requeue(
    selected: Selected,
    to: Annotated[str, typer.Option(metavar="TOPIC", help="Where they are put.")],
    file: ConfigFile = None,
    limit: Most = None,
    rate: Annotated[float | None, typer.Option(min=0.01, help="Letters a second; else as they come.")] = None,
    max_redeliveries: TooOften = 3,
    parked: Parked = None,
    run: KeptApart = None,
    keep_timestamps: Annotated[
        bool,
        typer.Option(
            "--keep-timestamps",
            help="With the time of the record, from which retention and ages count; else that of now.",
        ),
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Put the dead letters that are open on a topic, as the records that they are of.

    Every group that reads that topic gets them. Readers of committed records see each exactly once, however
    often this is killed: it writes by transactions, which take the right to write to the transactional id
    of the run, its group with `.requeue` behind it.

    Exit status: 0 all were put there, 1 could not go on or was ended, 2 wrong use, 3 some were passed over.
    """
    from processor.core.letters.redelivery import RedeliveryPolicy
    from processor.errors import FatalError
    from processor.letters.requeue import RequeuePlan
    from processor.letters.requeue import requeue as moved

    settings = settings_of(file)
    group = group_of(settings, selected, run)
    refuse_wrong(settings, selected, parked)
    if to == settings.dead_letter.topic:
        raise typer.BadParameter(f"{to} is the dead-letter topic itself", param_hint="--to")
    refuse_absent(settings, to, "--to")
    policy = RedeliveryPolicy(selected.selection, max_redeliveries, limit, settings.destination.name)
    if dry_run:
        tell(settings, policy, group)
        return
    plan = RequeuePlan(
        policy=policy, group=group, to=to, rate=rate, parked=parked, keeps_time=keep_timestamps
    )
    showing = Showing()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        outcome = moved(settings, plan, showing.show)
    except FatalError as error:
        showing.end()
        typer.echo(f"error {settings.secrets.strike(str(error))}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        showing.end(STOPPED)
        raise typer.Exit(1) from None
    showing.end()
    tell_what_stays_open(settings, group, outcome)
    raise typer.Exit(outcome)


def purge(
    file: ConfigFile = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete the dead letters that were brought back, or passed over, by runs without filters.

    What lies below the positions of the group of letters is deleted from the topic, for everyone; what is
    open stays. Exit status: 0 deleted, or nothing to delete, 1 it could not be, 2 wrong use.
    """
    from processor.errors import FatalError
    from processor.kafka.letters.purging import delete_below
    from processor.letters.reading import standing_now

    settings = settings_of(file)
    try:
        now = standing_now(settings, settings.dead_letter.group_of(settings.kafka))
        below = {p: min(now.finished[p].offset, span.end) for p, span in now.held.items()}
        below = {p: offset for p, offset in below.items() if offset > now.held[p].first}
        count = sum(offset - now.held[p].first for p, offset in below.items())
        typer.echo(f"{settings.dead_letter.topic}: {count} brought back, {now.open()} open")
        if not count:
            return
        if not yes:
            if not sys.stdin.isatty():
                raise typer.BadParameter("nobody can be asked here: say it", param_hint="--yes")
            typer.confirm(f"Delete these {count} for ever?", abort=True)
        delete_below(settings.kafka, below)
    except FatalError as error:
        typer.echo(f"error {settings.secrets.strike(str(error))}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{count} deleted")

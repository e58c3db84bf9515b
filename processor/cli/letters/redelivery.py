"""Letters sent again, as a command: what is wrong is said before anything is sent, and how far it is."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli.letters.listing import Most, tell
from processor.cli.letters.selecting import Selected, selecting
from processor.cli.verdict import ConfigFile, refuse, settings_of

if TYPE_CHECKING:
    from typing import TextIO

    from processor.config.settings import Settings
    from processor.letters.redelivery import Plan
    from processor.letters.tally import Progress

USUAL_RATE = 50.0
SHARE_OF_RATE = 0.1
"""Of `delivery.rate_limit`: new events are not to wait for what has waited already."""
LINE_SECONDS = 10.0
"""How often it is said how far it has come, where nobody looks on."""
_RUN = re.compile("[A-Za-z0-9._-]{1,100}")

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Count what is meant and open, and do nothing with it.")
]
KeptApart = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="NAME",
        help="The name under which it is kept what of these letters is done; with one of your own they are "
        "another run's. Without filters: the group's own, whose lag is the number of open letters.",
    ),
]

TooOften = Annotated[
    int, typer.Option(min=1, help="A letter that was sent again and failed so often is passed over.")
]
Parked = Annotated[
    str | None,
    typer.Option(metavar="TOPIC", help="Where those are put, as they stand, in place of being passed over."),
]


@selecting
def redeliver(
    selected: Selected,
    file: ConfigFile = None,
    limit: Most = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.01, help="Requests a second; else a tenth of delivery.rate_limit, or 50 without one."
        ),
    ] = None,
    max_redeliveries: TooOften = 3,
    parked: Parked = None,
    run: KeptApart = None,
    dry_run: DryRun = False,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Show metrics, probes and the live page at admin.port meanwhile."),
    ] = False,
) -> None:
    """Send the dead letters that are open to the endpoint again.

    What the topic holds now is sent as `run` would send it: through circuit, pace and order, and what
    fails again is a letter again, beyond the end of this run. Ended before its end, it goes on where it
    was. With filters a run keeps to itself what is done: the other letters stay open, and these count as
    open for a run without filters.

    Exit status: 0 all were delivered, 1 could not go on or was ended, 2 wrong use, 3 some failed again or
    were passed over.
    """
    from processor.core.letters.redelivery import RedeliveryPolicy
    from processor.letters.redelivery import Plan

    settings = settings_of(file)
    group = group_of(settings, selected, run)
    refuse_wrong(settings, selected, parked)
    policy = RedeliveryPolicy(selected.selection, max_redeliveries, limit, settings.destination.name)
    if dry_run:
        tell(settings, policy, group)
        return
    limited = settings.delivery.rate_limit
    usual = USUAL_RATE if limited is None else limited * SHARE_OF_RATE
    plan = Plan(policy=policy, group=group, rate=rate or usual, parked=parked)
    outcome = _sent(settings, plan, serves=serve)
    tell_what_stays_open(settings, group, outcome)
    raise typer.Exit(outcome)


def group_of(settings: Settings, selected: Selected, run: str | None) -> str:
    """The group of a run: the standing one, or one of its own where not all are meant."""
    if run is not None and not _RUN.fullmatch(run):
        raise typer.BadParameter(
            f"{run[:80]!r} is no name of a run: letters, digits, '.', '_' and '-'", param_hint="--run"
        )
    name, standing = run or selected.name(), settings.dead_letter.group_of(settings.kafka)
    return f"{standing}.{name}" if name else standing


def tell_what_stays_open(settings: Settings, group: str, outcome: int) -> None:
    """Who has brought some letters back will look at how many are open, and find these among them."""
    if outcome != 1 and group != settings.dead_letter.group_of(settings.kafka):
        remark = "without these options, and in letters_open, its letters still count as open"
        typer.echo(f"this was a run of its own: {remark}", err=True)


def refuse_wrong(settings: Settings, selected: Selected, parked: str | None) -> None:
    """Where letters are asked for, or to be put, that cannot be, the command ends."""
    topic = settings.dead_letter.topic
    for place in sorted(selected.selection.places):
        if place.partition.topic != topic:
            raise typer.BadParameter(
                f"{place} is not in {topic}, the dead-letter topic", param_hint="--offset"
            )
    if parked is None:
        return
    if parked == topic:
        raise typer.BadParameter(f"{topic} is the dead-letter topic itself", param_hint="--parked")
    if settings.kafka.may_read(parked):
        raise typer.BadParameter(
            f"{parked} is read by kafka.topics: what is parked would be sent at once", param_hint="--parked"
        )
    refuse_absent(settings, parked, "--parked")


def refuse_absent(settings: Settings, topic: str, option: str) -> None:
    """Where a topic is not there that is to be written to, the command ends."""
    from processor.errors import FatalError
    from processor.kafka.checks import stored

    try:
        with stored.opened(settings.kafka) as client:
            stored.partitions(client, topic)
    except FatalError as error:
        typer.echo(f"error {option}: {settings.secrets.strike(str(error))}", err=True)
        raise typer.Exit(1) from None


def _sent(settings: Settings, plan: Plan, *, serves: bool) -> int:
    """Send them again; then the exit status."""
    import asyncio

    from uvloop import new_event_loop

    from processor.errors import ConfigError, FatalError
    from processor.letters.redelivery import Outcome
    from processor.logs import output

    level = "warning" if settings.log.level == "info" else settings.log.level
    output.configure(level, settings.log.format, settings.secrets, {})
    output.tell_what_nobody_catches()
    showing = Showing()
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as loop:
            outcome = loop.run(_until_signal(settings, plan, showing, serves=serves))
    except ConfigError as error:
        refuse(error, settings.secrets)
    except FatalError as error:
        showing.end()
        typer.echo(f"error {settings.secrets.strike(str(error))}", err=True)
        return Outcome.STOPPED
    showing.end(_WORDS.get(outcome))
    return outcome


async def _until_signal(settings: Settings, plan: Plan, showing: Showing, *, serves: bool) -> int:
    import asyncio

    from processor.letters.redelivery import redeliver
    from processor.signals import stop_on_signals

    asked = stop_on_signals(asyncio.get_running_loop())
    return await redeliver(settings, plan, showing.show, asked, serves=serves)


STOPPED = "stopped before the end: the same command goes on where it was"
_WORDS = {
    1: STOPPED,
    3: "some were not delivered: what failed again is open, what was passed over is not "
    "(dead_letter.budget and .always say how many may fail where none is delivered)",
}


class Showing:
    """How far it has come: a line that changes on a terminal, JSON lines elsewhere."""

    def __init__(self, screen: TextIO | None = None) -> None:
        self._screen = screen or sys.stderr
        self._is_live = self._screen.isatty()
        self._last: Progress | None = None
        self._written_at = -LINE_SECONDS

    def show(self, progress: Progress) -> None:
        """So far it is now."""
        self._last = progress
        if self._is_live:
            # One row, since no more can be cleared; what is logged meanwhile begins in its first column.
            row = progress.line()[: max(self._columns() - 1, 0) or None]
            self._screen.write(f"\r\x1b[K{row}\r")
            self._screen.flush()
        elif time.monotonic() - self._written_at >= LINE_SECONDS:
            self._written_at = time.monotonic()
            typer.echo(json.dumps(progress.fields()))

    def end(self, remark: str | None = None) -> None:
        """The last line, and what is to be said beside it."""
        if self._is_live:
            last = self._last.line() if self._last is not None else ""
            self._screen.write(f"\r\x1b[K{last}\n")
            self._screen.flush()
        elif self._last is not None:
            typer.echo(json.dumps(self._last.fields()))
        if remark:
            typer.echo(remark, err=True)

    def _columns(self) -> int:
        """How wide it is; 0: it does not say."""
        try:
            return os.get_terminal_size(self._screen.fileno()).columns
        except OSError:
            return 0

"""What stands in the dead-letter topic, kind by kind, and one letter whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from processor.cli.letters.selecting import Selected, selecting
from processor.cli.verdict import ConfigFile, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.config.settings import Settings
    from processor.core.letters.redelivery import RedeliveryPolicy
    from processor.letters.reading import Listing
    from processor.model import Record

letters = typer.Typer(help="Count the dead letters that are open, show them, and bring them back.")

Most = Annotated[int | None, typer.Option("--limit", min=1, help="No more than so many.")]


@letters.callback(invoke_without_command=True)
@selecting
def counted(
    context: typer.Context,
    selected: Selected,
    file: ConfigFile = None,
    limit: Most = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line, one for each kind.")] = False,
) -> None:
    """Count the dead letters that are open, by code, status and destination.

    Open is what was not brought back yet. Nothing is sent, committed or changed. Exit status: 0 counted,
    1 the topic could not be read, 2 wrong use.
    """
    if context.invoked_subcommand is not None:
        _refuse_unheard(context)
        return
    from processor.core.letters.redelivery import RedeliveryPolicy

    settings = settings_of(file)
    policy = RedeliveryPolicy(selected.selection, most=limit, destination=settings.destination.name)
    tell(settings, policy, as_json=as_json)


def _refuse_unheard(context: typer.Context) -> None:
    """What is said before the name of another command is not for that one, which would take all letters."""
    unheard = [
        each
        for each in context.command.params
        if (source := context.get_parameter_source(each.name or "")) and source.name == "COMMANDLINE"
    ]
    if unheard:
        raise typer.BadParameter(f"say it behind {context.invoked_subcommand}", param_hint=unheard[0].opts[0])


def tell(
    settings: Settings, policy: RedeliveryPolicy, group: str | None = None, *, as_json: bool = False
) -> None:
    """Which letters are meant and open for that group, by kind."""
    from processor.errors import FatalError
    from processor.letters.reading import counted

    try:
        listing = counted(settings, policy, group)
    except FatalError as error:
        typer.echo(f"error {settings.secrets.strike(str(error))}", err=True)
        raise typer.Exit(1) from None
    for line in _objects(listing) if as_json else _table(listing, settings.dead_letter.topic):
        typer.echo(_printable(settings.secrets.strike(line)))


@letters.command()
def show(
    place: Annotated[str, typer.Argument(metavar="TOPIC/PARTITION/OFFSET", help="Where the letter stands.")],
    file: ConfigFile = None,
    payload: Annotated[bool, typer.Option("--payload", help="Show the value, not its shape alone.")] = False,
) -> None:
    """Show one letter whole, as JSON; of its value the names of members, with --payload all of it."""
    from processor.core.letters.letter import place_of
    from processor.errors import FatalError
    from processor.letters.reading import one

    where = place_of(place)
    if where is None:
        raise typer.BadParameter(f"{place[:80]!r} is no place of a letter: write topic/partition/offset")
    settings = settings_of(file)
    try:
        record = one(settings, where)
    except FatalError as error:
        typer.echo(f"error {settings.secrets.strike(str(error))}", err=True)
        raise typer.Exit(1) from None
    text = json.dumps(_shown(record, with_value=payload), ensure_ascii=False, indent=2)
    typer.echo("\n".join(map(_printable, settings.secrets.strike(text).split("\n"))))


def _objects(listing: Listing) -> Iterator[str]:
    for kind, tally in listing.histogram.kinds():
        yield json.dumps(
            {
                **kind._asdict(),
                "letters": tally.letters,
                "oldest": _iso(tally.oldest),
                "newest": _iso(tally.newest),
                "samples": list(map(str, tally.samples)),
            },
            ensure_ascii=False,
        )


def _table(listing: Listing, topic: str) -> Iterator[str]:
    histogram = listing.histogram
    others = f", {listing.not_meant} open ones are not meant" if listing.not_meant else ""
    yield f"{topic}: {histogram.letters} open, {listing.brought_back} brought back{others}"
    rows = [("letters", "code", "status", "destination", "oldest", "newest", "such as")]
    rows += [
        (
            str(tally.letters),
            kind.code,
            str(kind.status or "-"),
            _printable(kind.destination or "-"),
            _iso(tally.oldest) or "-",
            _iso(tally.newest) or "-",
            " ".join(map(str, tally.samples)),
        )
        for kind, tally in histogram.kinds()
    ]
    if len(rows) > 1:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
    if histogram.others:
        yield f"{histogram.others} of other kinds"
    for verdict, count in sorted(listing.passed_over.items()):
        if count:
            yield f"{count} of them would be passed over: {verdict.replace('_', ' ')}"


def _printable(text: str) -> str:
    """What moves a terminal's cursor, or looks like a line of its own, as JSON escapes it.

    Letters come from anybody.
    """
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _iso(at: float | None) -> str | None:
    from datetime import UTC, datetime

    try:
        return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None


def _shown(record: Record, *, with_value: bool) -> dict[str, Any]:
    from processor.core.disclosure import Payloads, payload
    from processor.core.letters.letter import read

    letter = read(record)
    return {
        "place": str(letter.place),
        "timestamp": _iso(record.timestamp),
        "code": letter.code,
        "status": letter.status,
        "destination": letter.destination,
        "origin": str(letter.origin) if letter.origin else None,
        "key": None if record.key is None else record.key.decode(errors="replace"),
        "headers": [
            [name, None if value is None else value.decode(errors="replace")]
            for name, value in record.headers or ()
        ],
        "value": payload(record.value, Payloads.FULL if with_value else Payloads.MASKED),
    }

"""The command `letters`: what stands in the dead-letter topic, kind by kind, and one letter whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from processor.cli.verdict import ConfigFile, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.core.letters.selection import SelectionPolicy
    from processor.letters.reading import Listing
    from processor.model import Record

letters = typer.Typer(help="Count the dead letters that are open, and show them.")

Codes = Annotated[
    list[str] | None,
    typer.Option("--code", help="Of this kind: refused, …; may be given several times."),
]
Statuses = Annotated[
    list[str] | None, typer.Option("--status", help="Answered so: 422, or 4xx; may be given several times.")
]
Since = Annotated[
    str | None, typer.Option("--since", help="That failed since then: 2026-11-27T00:00:00Z, or 2h ago.")
]
Until = Annotated[str | None, typer.Option("--until", help="That failed before then.")]
Keys = Annotated[list[str] | None, typer.Option("--key", help="Whose record has this key.")]
Destinations = Annotated[
    list[str] | None, typer.Option("--destination", help="That were to go to this destination.")
]
Topics = Annotated[list[str] | None, typer.Option("--topic", help="Whose record stood first in this topic.")]
Places = Annotated[
    list[str] | None, typer.Option("--offset", metavar="TOPIC/PARTITION/OFFSET", help="That stands there.")
]
Most = Annotated[int | None, typer.Option("--limit", min=1, help="No more than so many.")]


@letters.callback(invoke_without_command=True)
def counted(
    context: typer.Context,
    file: ConfigFile = None,
    code: Codes = None,
    status: Statuses = None,
    since: Since = None,
    until: Until = None,
    key: Keys = None,
    destination: Destinations = None,
    topic: Topics = None,
    offset: Places = None,
    limit: Most = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line, one for each kind.")] = False,
) -> None:
    """Count the dead letters that are open, by code, status and destination.

    Open is what was not brought back yet. Nothing is sent, committed or changed. Exit status: 0 counted,
    1 the topic could not be read, 2 wrong use.
    """
    if context.invoked_subcommand is not None:
        return
    from processor.errors import FatalError
    from processor.letters.reading import counted

    selection = _selection(code, status, since, until, key, destination, topic, offset)
    settings = settings_of(file)
    try:
        listing = counted(settings, selection, limit)
    except FatalError as error:
        typer.echo(f"error {settings.secrets.strike(str(error))}", err=True)
        raise typer.Exit(1) from None
    for line in _objects(listing) if as_json else _table(listing, settings.dead_letter.topic):
        typer.echo(settings.secrets.strike(line))


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
    typer.echo(settings.secrets.strike(text))


def _selection(
    codes: list[str] | None,
    statuses: list[str] | None,
    since: str | None,
    until: str | None,
    keys: list[str] | None,
    destinations: list[str] | None,
    topics: list[str] | None,
    places: list[str] | None,
) -> SelectionPolicy:
    """What was asked for; where something of it means nothing, the command ends."""
    import time

    from processor.core.letters.letter import place_of
    from processor.core.letters.selection import SelectionPolicy

    now = time.time()
    where = [(text, place_of(text)) for text in places or ()]
    for text, place in where:
        if place is None:
            raise typer.BadParameter(
                f"{text[:80]!r} is no place of a letter: write topic/partition/offset", param_hint="--offset"
            )
    return SelectionPolicy(
        codes=frozenset(codes or ()),
        statuses=_statuses(statuses or []),
        since=_time(since, "--since", now),
        until=_time(until, "--until", now),
        keys=frozenset(key.encode() for key in keys or ()),
        destinations=frozenset(destinations or ()),
        topics=frozenset(topics or ()),
        places=frozenset(place for _, place in where if place is not None),
    )


def _statuses(said: list[str]) -> frozenset[int]:
    from processor.config.values.statuses import statuses_of

    try:
        return frozenset[int]().union(*map(statuses_of, said))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--status") from None


def _time(text: str | None, option: str, now: float) -> float | None:
    from processor.core.progress.start import policy_of

    if text is None:
        return None
    try:
        policy = policy_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
    if policy.word:
        raise typer.BadParameter(f"{text!r} is no time: write 2h, or 2026-11-27T00:00:00Z", param_hint=option)
    return now - policy.before if policy.at is None else policy.at


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
    yield f"{topic}: {histogram.letters} open, {listing.brought_back} brought back"
    rows = [("letters", "code", "status", "destination", "oldest", "newest", "such as")]
    rows += [
        (
            str(tally.letters),
            kind.code,
            str(kind.status or "-"),
            kind.destination or "-",
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

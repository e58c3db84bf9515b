"""The command `preview`: events of a file, or records of a topic, as the requests that they would become."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli.verdict import ConfigFile, refuse, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from processor.config.settings import Settings
    from processor.core.progress.start import StartPolicy
    from processor.model import Record

_ATTRIBUTES = (
    "warn  there are CloudEvents in binary mode: record.value: cloudevent sends their attributes too, and "
    "not the values alone"
)
_SECONDS = re.compile(r"[0-9]{1,11}(\.[0-9]{1,9})?")
LONGEST_EVENT = 64 * 1024 * 1024
"""Bytes of a line that `preview` takes for an event."""


def _topic(said: str | None) -> str | None:
    """What follows `--from`, and is no other option."""
    if said is not None and said.startswith("-"):
        raise typer.BadParameter(f"a topic has to follow, and not {said}")
    return said


def preview(
    source: Annotated[
        typer.FileBinaryRead,
        typer.Argument(metavar="[EVENTS]", help="A file with one JSON event a line; - for standard input."),
    ] = "-",  # type: ignore[assignment]
    file: ConfigFile = None,
    records: Annotated[
        bool,
        typer.Option(
            "--records",
            help="Each line is a record: a JSON object with value_base64 (null: none) and, if wanted, topic, "
            "partition, offset, timestamp_ms, key_base64, headers (pairs of a name, and Base64 or null).",
        ),
    ] = False,
    topic: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TOPIC",
            callback=_topic,
            help="Show records of this topic instead, read from the brokers beside every group: nothing is "
            "committed, and nobody notices.",
        ),
    ] = None,
    count: Annotated[
        int, typer.Option("--count", min=1, max=1000, help="How many of them, of all partitions together.")
    ] = 5,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="OFFSET|TIME|SECONDS",
            help="With --from: the first ones from this offset of each partition on, or from this time on "
            "(2026-11-27T00:00:00Z, 2h, earliest); without it the newest. Without --from: requests as they "
            "would leave at this time, in seconds since 1970; without it now.",
        ),
    ] = None,
) -> None:
    """Show the requests that events would become; nothing is sent.

    For every line of EVENTS one JSON line: the request (method, url, headers, body; body_base64 where the
    body is no UTF-8), or the error for which the event would become a dead letter, or why it would be
    skipped. Empty lines are passed over. With --from the same for records of a topic, each with its
    partition and offset. Ids are made of those: an event that is no record has none.
    """
    from processor.cli.previewing import Previewing
    from processor.errors import ConfigError

    settings = settings_of(file, with_libraries=topic is not None)
    try:
        previewing = Previewing(settings, None if topic is not None or at is None else _leaving_at(at))
    except ConfigError as error:
        refuse(error, settings.secrets)
    with previewing:
        lacks_attributes = settings.record.value == "json"
        for record in _lines(source, records) if topic is None else _sampled(settings, topic, count, at):
            if lacks_attributes and any(name == "ce_specversion" for name, _ in record.headers or ()):
                lacks_attributes = False
                typer.echo(_ATTRIBUTES, err=True)
            place = {} if topic is None else _place_of(record)
            typer.echo(json.dumps(place | previewing.show(record), ensure_ascii=False))


def _lines(source: BinaryIO, are_records: bool) -> Iterator[Record]:
    """The records in the lines of a file, one after the other."""
    from processor.cli.records import plain, read

    number = 0
    while line := source.readline(LONGEST_EVENT + 1):
        number += 1
        if len(line) > LONGEST_EVENT:
            message = f"a line of more than {LONGEST_EVENT} bytes is no event"
            raise typer.BadParameter(message, param_hint="EVENTS")
        if line.strip():
            value = line.removesuffix(b"\n").removesuffix(b"\r")
            try:
                yield read(value) if are_records else plain(value)
            except ValueError as error:
                raise typer.BadParameter(f"line {number}: {error}", param_hint="EVENTS") from None


def _place_of(record: Record) -> dict[str, str | int]:
    return {
        "topic": record.partition.topic,
        "partition": record.partition.number,
        "offset": record.offset,
    }


def _sampled(settings: Settings, topic: str, count: int, at: str | None) -> list[Record]:
    """Records of a topic, the oldest first; where they cannot be read it says why, and ends with 1."""
    import time

    from processor.errors import FatalError
    from processor.kafka.checks.sample import sample

    try:
        found = sample(settings.kafka, topic, count, _place(at), time.time())
    except FatalError as error:
        typer.echo(f"error {settings.secrets.strike(str(error))}", err=True)
        raise typer.Exit(1) from None
    if not found:
        place = "it is empty" if at is None else f"it holds nothing from {at} on"
        typer.echo(f"warn  topic {topic}: nothing to show, {place}", err=True)
    return found


def _leaving_at(at: str) -> float:
    """When requests leave, as a timestamp."""
    if _SECONDS.fullmatch(at):
        return float(at)
    message = f"{at[:40]!r} is no time in seconds since 1970, as 1764252000 is; an offset needs --from TOPIC"
    raise typer.BadParameter(message, param_hint="--at")


def _place(at: str | None) -> int | StartPolicy | None:
    from processor.core.progress.start import policy_of

    if at is None or at.isdecimal():
        return None if at is None else int(at)
    try:
        policy = policy_of(at)
    except ValueError:
        policy = None
    if policy is None or policy.word in ("latest", "error"):
        message = f"{at[:40]!r} is no offset, no time (2026-11-27T00:00:00Z), no duration (2h), nor earliest"
        raise typer.BadParameter(message, param_hint="--at")
    return policy

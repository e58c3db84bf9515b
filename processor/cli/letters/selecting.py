"""The options that say which letters are meant: the same for every command, said once."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from processor.core.letters.selection import SelectionPolicy

Texts = list[str] | None
_NO_TIME = "is no time: write 2h, or 2026-11-27T00:00:00Z"


class Selected(NamedTuple):
    """Which letters are meant, and `said`: by what; nothing where all are."""

    selection: SelectionPolicy
    said: tuple[str, ...]

    def name(self) -> str | None:
        """What a group is called that finishes these and no others; None: they are all."""
        return sha256(_bytes("\0".join(self.said))).hexdigest()[:8] if self.said else None


def _options(
    code: Annotated[Texts, typer.Option(help="Of this kind: refused, …; may be given several times.")] = None,
    status: Annotated[
        Texts, typer.Option(help="Answered so: 422, or 4xx; may be given several times.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="That failed since then: 2026-11-27T00:00:00Z, or 2h ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="That failed before then.")] = None,
    key: Annotated[Texts, typer.Option(help="Whose record has this key.")] = None,
    destination: Annotated[Texts, typer.Option(help="That were to go to this destination.")] = None,
    topic: Annotated[Texts, typer.Option(help="Whose record stood first in this topic.")] = None,
    offset: Annotated[
        Texts, typer.Option(metavar="TOPIC/PARTITION/OFFSET", help="That stands there.")
    ] = None,
) -> None:
    """Which letters are meant."""


_NAMES = tuple(inspect.signature(_options).parameters)


def selecting(command: Callable[..., None]) -> Callable[..., None]:
    """The command with these options; it is given what they say as `selected`."""

    @wraps(command)
    def run(**said: Any) -> None:
        chosen = {name: said.pop(name) for name in _NAMES}
        command(**said, selected=_selected(**chosen))

    own = inspect.signature(command, eval_str=True).parameters
    ours = inspect.signature(_options, eval_str=True).parameters
    parameters = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for each in (*own.values(), *ours.values())
        if each.name != "selected"
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _selected(
    code: Texts,
    status: Texts,
    since: str | None,
    until: str | None,
    key: Texts,
    destination: Texts,
    topic: Texts,
    offset: Texts,
) -> Selected:
    """What was asked for; where something of it means nothing, the command ends."""
    from processor.core.letters.letter import place_of
    from processor.core.letters.selection import SelectionPolicy

    now = time.time()
    where = [(text, place_of(text)) for text in offset or ()]
    for text, place in where:
        if place is None:
            raise typer.BadParameter(
                f"{text[:80]!r} is no place of a letter: write topic/partition/offset", param_hint="--offset"
            )
    policy = SelectionPolicy(
        codes=frozenset(code or ()),
        statuses=_statuses(status or []),
        since=_time(since, "--since", now),
        until=_time(until, "--until", now),
        keys=frozenset(map(_bytes, key or ())),
        destinations=frozenset(destination or ()),
        topics=frozenset(topic or ()),
        places=frozenset(place for _, place in where if place is not None),
    )
    if policy.since is not None and policy.until is not None and policy.since >= policy.until:
        raise typer.BadParameter(f"{until!r} is not after --since {since}", param_hint="--until")
    lists = {"code": code, "status": status, "key": key, "destination": destination, "topic": topic}
    lists |= {"offset": offset, "since": [since] if since else None, "until": [until] if until else None}
    return Selected(policy, tuple(f"{name}={text}" for name in sorted(lists) for text in lists[name] or ()))


def _bytes(text: str) -> bytes:
    """As the shell gave them, be they no text."""
    return text.encode(errors="surrogateescape")


def _statuses(said: list[str]) -> frozenset[int]:
    from processor.config.values.statuses import statuses_of

    try:
        return frozenset[int]().union(*map(statuses_of, said))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--status") from None


def _time(text: str | None, option: str, now: float) -> float | None:
    from processor.core.progress.start import UNKNOWN, policy_of

    if text is None:
        return None
    try:
        policy = policy_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error).replace(UNKNOWN, _NO_TIME), param_hint=option) from None
    if policy.word:
        raise typer.BadParameter(f"{text!r} {_NO_TIME}", param_hint=option)
    return now - policy.before if policy.at is None else policy.at

"""What templates see of one record: `event`, and `record` (what Kafka knows of it beside the event).

Promise: nothing is made but what a template names, each once for the filter and all templates of a record,
and what is handed out is made anew for each record: no template changes an event.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from processor.core.request.events import Event, begins_object, decode, json_text
from processor.core.request.nesting import DEEPEST, is_too_deep
from processor.errors import EventError
from processor.model import Record

ALL = frozenset("*")
"""In place of names: every member."""
_NONE: Mapping[str, msgspec.Raw] = {}
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What templates may name: the members of `record`, and `event` where values are looked into."""

    record: Mapping[str, Callable[[Record], Any]]
    has_event: bool = True


class Scope:
    """One event, or who makes it if it is asked for, and its record."""

    __slots__ = ("_decoded", "_described", "_event", "_members", "_record")

    def __init__(
        self, event: Event | Callable[[], Event | None], record: Record, vocabulary: Vocabulary
    ) -> None:
        self._event: Event | Callable[[], Event | None] | None = event
        self._record = record
        self._members = vocabulary.record
        self._decoded: dict[str, Any] = {}
        self._described: dict[str, Any] = {}

    @property
    def event(self) -> Event | None:
        """The event; None where the record holds none. Raises EventError of who makes it."""
        event = self._event
        if event is None or isinstance(event, Event):
            return event
        self._event = made = event()
        return made

    def described(self, names: Collection[str] = ALL) -> dict[str, Any]:
        """Members of `record`, by their names."""
        described = self._described
        wanted = self._members if names is ALL else names
        for name in wanted:
            if name not in described:
                described[name] = self._members[name](self._record)
        return {name: described[name] for name in wanted}

    def members(self) -> Mapping[str, msgspec.Raw]:
        """The members of the event as bytes; none where there is no object."""
        event = self.event
        return {} if event is None else event.members

    def whole(self) -> msgspec.Raw | None:
        """The event, where it is no object: then it is not known by its members. None: it is one."""
        event = self.event
        if event is None or event.members or begins_object(event.value):
            return None
        return msgspec.Raw(event.value.strip())

    def variables(self, names: Collection[str], of_record: Collection[str]) -> dict[str, Any]:
        """What a template that names these members is filled in from."""
        members, decoded = self.members() if names else _NONE, self._decoded
        wanted = members if names is ALL else [name for name in names if name in members]
        for name in wanted:
            if name not in decoded:
                decoded[name] = plain(members[name])
        found: dict[str, Any] = {"event": {name: decoded[name] for name in wanted}}
        if names is ALL and (raw := self.whole()) is not None:
            found["event"] = plain(raw)
        if of_record:
            found["record"] = self.described(of_record)
        return found


def plain(raw: msgspec.Raw) -> Any:
    """The value with numbers as numbers. Raises EventError where it is nested too deeply."""
    if is_too_deep(bytes(raw)):
        raise EventError("invalid_event", f"nested deeper than {DEEPEST} levels")
    if _SURROGATE.search(raw):
        return json.loads(json_text(decode(raw)))
    return msgspec.json.decode(raw)

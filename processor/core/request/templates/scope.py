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

from processor.core.request.events import Event, begins_object, decode, json_text, split
from processor.core.request.nesting import DEEPEST, is_too_deep
from processor.errors import EventError
from processor.model import Record

Steps = tuple[str | int, ...]
"""Names of members and numbers of items, one below the other."""
ALL = frozenset("*")
"""In place of names: every member."""
_ABSENT = msgspec.Raw(b"")
_PLAIN = msgspec.json.Decoder()
_NONE: Mapping[str, msgspec.Raw] = {}
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What templates may name: the members of `record`, and `event` where values are looked into."""

    record: Mapping[str, Callable[[Record], Any]]
    has_event: bool = True


class Parts:
    """Of an object the members that are named: what stands beside them is passed over, not decoded."""

    def __init__(self, names: Collection[str]) -> None:
        rename = {f"f{at}": name for at, name in enumerate(sorted(names))}
        fields = [(field, msgspec.Raw, _ABSENT) for field in rename]
        kind: type[Any] = msgspec.defstruct("Few", fields, rename=rename, gc=False)
        self._decoder = msgspec.json.Decoder(kind)
        self._fields = list(rename.items())

    def of(self, raw: msgspec.Raw) -> dict[str, Any] | None:
        """The members of an object that are there; None: it is none, or has to be decoded whole."""
        try:
            few = self._decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return None
        values = [(name, getattr(few, field)) for field, name in self._fields]
        return {name: plain(value) for name, value in values if value is not _ABSENT}


Names = Mapping[str, Parts | None]
"""Members of an event, each with the parts of it that are asked for; None: all of it."""


class Scope:
    """One event, or who makes it if it is asked for, and its record."""

    __slots__ = ("_decoded", "_described", "_event", "_known", "_members", "_record", "_taken_apart")

    def __init__(
        self, event: Event | Callable[[], Event | None], record: Record, vocabulary: Vocabulary
    ) -> None:
        self._event: Event | Callable[[], Event | None] | None = event
        self._record = record
        self._known = vocabulary.record
        self._members: Mapping[str, msgspec.Raw] | None = None
        self._decoded: dict[str, Any] = {}
        self._described: dict[str, Any] = {}
        self._taken_apart: dict[Steps, dict[str, msgspec.Raw]] = {}

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
        wanted = self._known if names is ALL else names
        for name in wanted:
            if name not in described:
                described[name] = self._known[name](self._record)
        return {name: described[name] for name in wanted}

    def members(self) -> Mapping[str, msgspec.Raw]:
        """The members of the event as bytes; none where there is no object."""
        members = self._members
        if members is None:
            event = self.event
            members = self._members = _NONE if event is None else event.members
        return members

    def whole(self) -> msgspec.Raw | None:
        """The event, where it is no object: then it is not known by its members. None: it is one."""
        event = self.event
        if event is None or event.members or begins_object(event.value):
            return None
        return msgspec.Raw(event.value.strip())

    def within(self, steps: Steps, raw: msgspec.Raw) -> Mapping[str, msgspec.Raw]:
        """The members of the object to which these steps lead."""
        if steps not in self._taken_apart:
            self._taken_apart[steps] = split(raw)
        return self._taken_apart[steps]

    def _everything(self) -> Any:
        if (raw := self.whole()) is not None:
            return plain(raw)
        members, decoded = self.members(), self._decoded
        decoded |= {name: plain(raw) for name, raw in members.items() if name not in decoded}
        return dict(decoded)

    def variables(self, names: Names | None, of_record: Collection[str]) -> dict[str, Any]:
        """What a template that names these members is filled in from; None: all of the event."""
        event: Any = {}
        if names is None:
            event = self._everything()
        elif names:
            members, decoded = self.members(), self._decoded
            for name, parts in names.items():
                if (raw := members.get(name)) is None:
                    continue
                if parts is not None and (few := parts.of(raw)) is not None:
                    event[name] = few
                elif name in decoded:
                    event[name] = decoded[name]
                else:
                    event[name] = decoded[name] = plain(raw)
        found = {"event": event}
        if of_record:
            found["record"] = self.described(of_record)
        return found


def plain(raw: msgspec.Raw) -> Any:
    """The value with numbers as numbers.

    Raises EventError where it is nested too deeply, or a number is beyond what the engine knows.
    """
    text = bytes(raw)
    if is_too_deep(text):
        raise EventError("invalid_event", f"nested deeper than {DEEPEST} levels")
    if b"\\u" in text and _SURROGATE.search(text):
        return json.loads(json_text(decode(raw)))
    try:
        return _PLAIN.decode(text)
    except msgspec.DecodeError:
        raise EventError("invalid_event", "the event holds a number beyond 64 bits") from None

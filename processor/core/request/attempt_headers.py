"""Attempt headers: what a request says that is made anew when it leaves: an id, a time, a signature.

Promises: they are made for one attempt and kept with no record, so that no dead letter and no page has
them; a host that an event names gets none that proves who we are unless that is said; and an event sets
none of them itself (`RequestPolicy.reserved_headers`).

They stand behind the head that is the same for all requests, which is not written anew for them.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from processor.core.request.signing.ids import Ids
from processor.model import Headers, Record, Request


class AttemptHeaders(Protocol):
    """Who makes them."""

    def make(self, request: Request, record: Record, at: float, attempt: int, *, is_foreign: bool) -> Headers:
        """Those of an attempt that leaves at that time, a timestamp; the first is 1. Raises nothing.

        `is_foreign`: it goes to a host that the event names.
        """
        ...


class Leaving(Struct, gc=False):
    """An attempt about to leave: of what, by which id, when, which it is, and what is made for it by now."""

    request: Request
    record: Record
    event_id: str | None
    at: float
    attempt: int
    made: Headers


class Part(Protocol):
    """Who makes some of them."""

    @property
    def is_for_all_hosts(self) -> bool:
        """Whether the hosts that events name get them too."""
        ...

    def make(self, leaving: Leaving) -> Headers:
        """Those of it that are to stand behind what is made already. Raises nothing."""
        ...


class Composed:
    """The id, then what each part makes."""

    def __init__(self, ids: Ids | None, id_header: str | None, parts: Sequence[Part]) -> None:
        """Without `id_header` the id is made for the parts alone."""
        self._ids = ids
        self._id_header = id_header
        self._to_all = tuple(part for part in parts if part.is_for_all_hosts)
        self._parts = tuple(parts)

    def make(self, request: Request, record: Record, at: float, attempt: int, *, is_foreign: bool) -> Headers:
        event_id = None if self._ids is None else self._ids.of(record, request.id)
        made: Headers = ()
        if event_id is not None and self._id_header is not None:
            made = ((self._id_header, event_id),)
        if parts := self._to_all if is_foreign else self._parts:
            leaving = Leaving(request, record, event_id, at, attempt, made)
            for part in parts:
                leaving.made += part.make(leaving)
            return leaving.made
        return made

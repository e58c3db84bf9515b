"""Preparation: what is to be done with a record: a request, nothing by a rule, or a refusal; now or later.

Promises:
- `run` and `preview` ask the same object, so both do the same with the same record;
- who asks is answered once: by what `prepare` returns or, where that is `Later`, by `done`, which is called
  on the event loop, never before `prepare` has returned, and never once it was called off;
- what is refused (EventError) is wrong in the record itself; for want of something else it is `Held`.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from processor.core.request.endpoint import Origin
from processor.core.request.events import parse
from processor.core.request.filters import DEFAULT, FilterPolicy, keeps_back
from processor.core.request.looks import looks_like
from processor.core.request.transform import Prepared, RequestPolicy, Transform
from processor.errors import EventError
from processor.model import Record, Request


class Skipped(NamedTuple):
    """A rule leaves the record out; `reason` is a word of a closed set: `tombstone`, `integrations`."""

    reason: str


class Held(NamedTuple):
    """What it takes is not to be had, by no fault of the record: it is asked for again.

    `reason` is a sentence for the operator.
    """

    reason: str


class Later(NamedTuple):
    """The answer comes later, to `done`, unless it is called off."""

    call_off: Callable[[], None]


Result = Request | Prepared | Skipped | EventError | Held
"""What becomes of a record; a plain Request is one that is passed on as it is."""


class Preparing(Protocol):
    """Who prepares."""

    def prepare(self, record: Record, done: Callable[[Record, Result], None]) -> Result | Later:
        """What becomes of `record`, or that it is told later. Raises nothing."""
        ...


class Preparation:
    """Prepares events that are JSON, at once. Raises EventError if the URL or headers cannot be used."""

    def __init__(self, request: RequestPolicy, filters: FilterPolicy = DEFAULT) -> None:
        self._transform = Transform(request)
        self._integrations = filters.integrations
        self._skip_tombstones = filters.skip_tombstones

    @property
    def origin(self) -> Origin:
        """Who receives: the configured scheme, host and port."""
        return self._transform.origin

    def prepare(self, record: Record, done: Callable[[Record, Result], None]) -> Result:  # noqa: ARG002 - Preparing
        """What becomes of `record`; `done` is never called."""
        value = record.value
        if value is None and self._skip_tombstones:
            return Skipped("tombstone")
        try:
            event = parse(value)
        except EventError as error:
            return _explained(error, value)
        try:
            if keeps_back(self._integrations, event):
                return Skipped("integrations")
            return self._transform.unchanged(event) or self._transform.prepare(event)
        except EventError as error:
            return error


def _explained(error: EventError, value: bytes | None) -> EventError:
    """With what the bytes look like, which tells more than the first byte that is wrong."""
    guess = value is not None and looks_like(value)
    return EventError(error.code, f"{error.message}; it looks like {guess}") if guess else error

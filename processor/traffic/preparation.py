"""Preparation: what is to be done with a record: a request, nothing by a stated rule, or a refusal.

Promise: `run` and `preview` ask the same object, so both do the same with the same record.
"""

from typing import NamedTuple

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


Result = Request | Prepared | Skipped | EventError
"""What becomes of a record; a plain Request is one that is passed on as it is."""


class Preparation:
    """Prepares events that are JSON. Raises EventError if the URL or headers cannot be used."""

    def __init__(self, request: RequestPolicy, filters: FilterPolicy = DEFAULT) -> None:
        self._transform = Transform(request)
        self._integrations = filters.integrations
        self._skip_tombstones = filters.skip_tombstones

    @property
    def origin(self) -> Origin:
        """Who receives: the configured scheme, host and port."""
        return self._transform.origin

    def prepare(self, record: Record) -> Result:
        """What becomes of `record`. Raises nothing."""
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

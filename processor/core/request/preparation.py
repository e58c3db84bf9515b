"""What is to be done with a record's value: a request, or nothing by a stated rule, or EventError.

Promise: `run` and `preview` ask here, so both do the same with the same bytes.
"""

from dataclasses import dataclass
from typing import NamedTuple

from processor.core.request.endpoint import Origin
from processor.core.request.events import parse
from processor.core.request.filters import Integrations, keeps_back
from processor.core.request.looks import looks_like
from processor.core.request.transform import Prepared, RequestPolicy, Transform
from processor.errors import EventError
from processor.model import Request


@dataclass(frozen=True, slots=True)
class PreparationPolicy:
    """How requests are made, and which records are left out."""

    request: RequestPolicy
    integrations: Integrations = Integrations.NAMED
    skip_tombstones: bool = True


class Skipped(NamedTuple):
    """A rule leaves the record out; `reason` is a word of a closed set: `tombstone`, `integrations`."""

    reason: str


class Preparation:
    """Prepares by one policy. Raises EventError if its URL or headers cannot be used."""

    def __init__(self, policy: PreparationPolicy) -> None:
        self._transform = Transform(policy.request)
        self._integrations = policy.integrations
        self._skip_tombstones = policy.skip_tombstones

    @property
    def origin(self) -> Origin:
        """Who receives: the configured scheme, host and port."""
        return self._transform.origin

    def prepare(self, value: bytes | None) -> Request | Prepared | Skipped:
        """What becomes of `value`; a plain Request for what is passed on as it is. Raises EventError."""
        if value is None and self._skip_tombstones:
            return Skipped("tombstone")
        try:
            event = parse(value)
        except EventError as error:
            raise _explained(error, value) from None
        if keeps_back(self._integrations, event):
            return Skipped("integrations")
        return self._transform.unchanged(event) or self._transform.prepare(event)


def _explained(error: EventError, value: bytes | None) -> EventError:
    """With what the bytes look like, which tells more than the first byte that is wrong."""
    guess = value is not None and looks_like(value)
    return EventError(error.code, f"{error.message}; it looks like {guess}") if guess else error

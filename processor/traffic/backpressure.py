"""How much is read: the source is told what to hold and when to rest, each time that changes.

Promise: while nothing is to be started any more, nothing is taken from any partition.
"""

from collections.abc import Collection
from typing import Protocol

from processor.core.progress.assignment import Hold
from processor.core.progress.flow import Flow
from processor.model import Partition


class Holding(Protocol):
    """Who reads."""

    def hold(self, partitions: Collection[Partition], *, at_once: bool) -> None:
        """Take nothing from these for now; from all others again. Not `at_once`: there may be room soon."""
        ...

    def rest(self, resting: bool) -> None:
        """There is enough to do: read nothing for a moment, unless it gets long; or there is not any more."""
        ...


class Backpressure:
    """What the source was told last."""

    def __init__(self, flow: Flow, source: Holding) -> None:
        self._flow = flow
        self._source = source
        self._held: frozenset[Partition] | None = None
        self._is_resting = False

    def forgotten(self) -> None:
        """The source may have forgotten what it was to hold, as it does with what goes."""
        self._held = None

    def adjust(self, *, open_: bool) -> None:
        """Tell what has changed; not `open_`: everything is held."""
        reasons = self._flow.held()
        held = frozenset(reasons) if open_ else self._flow.assignment()
        if held != self._held:
            self._held = held
            # What is large is fetched on while a pause is put off, and nothing bounds its bytes.
            self._source.hold(held, at_once=Hold.BYTES in reasons.values())
        if self._flow.has_plenty() is not self._is_resting:
            self._is_resting = not self._is_resting
            self._source.rest(self._is_resting)

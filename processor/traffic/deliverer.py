"""Who delivers, as the pipeline sees it; it tells the pipeline `settled`, `blocked` and `freed`."""

from typing import Protocol

from processor.model import Record


class Deliverer(Protocol):
    """What does the work on one record; it tells `settled`, `blocked` and `freed`."""

    def room(self) -> int:
        """How many more records may be started."""
        ...

    def deliver(self, record: Record) -> None:
        """Do what `record` needs; ask `room()` before."""
        ...

    def abandon(self, record: Record, *, waiting_only: bool = False) -> bool:
        """Give up; with `waiting_only` only what waits for a later try."""
        ...

    def leased(self, until: float) -> None:
        """From then on nothing may leave."""
        ...

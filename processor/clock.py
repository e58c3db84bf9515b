"""Time, as an argument. An event loop is a clock, and so is what a test moves by hand."""

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something to come."""

    def cancel(self) -> None:
        """Call it off."""
        ...


class Clock(Protocol):
    """Monotonic seconds, and calls to come."""

    def time(self) -> float:
        """Seconds since no matter when."""
        ...

    def call_soon(self, callback: Callable[[], None]) -> Timer:
        """Call back when this callback has returned."""
        ...

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call back after `delay` seconds."""
        ...

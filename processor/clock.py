"""Time, as an argument. An event loop is a clock, and so is what a test moves by hand."""

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something to come."""

    def cancel(self) -> None: ...


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


class Alarm:
    """One call to come, at the time that was set last."""

    def __init__(self, clock: Clock, callback: Callable[[], None]) -> None:
        self._clock = clock
        self._callback = callback
        self._at: float | None = None
        self._timer: Timer | None = None

    def set(self, at: float, now: float) -> None:
        """Call then, and not when it was to be before."""
        if self._at == at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._at, self._timer = at, self._clock.call_later(at - now, self._ring)

    def _ring(self) -> None:
        self._at = self._timer = None
        self._callback()

"""No circuit opens because some requests are pushed back while others are delivered."""

import math
from collections.abc import Callable

from processor.core.pace.circuit import CircuitPolicy, State
from processor.model import Answer, Record, Request, Response, Signal
from processor.telemetry.facts import Listener
from tests.simulation.topic import ELSEWHERE

PUSHED_BACK = (429, 503)
SILENCE = 0.19
"""Of the circuit's window: hardly less than what makes it an outage that nothing is delivered."""


class Steady(Listener):
    """What one process heard; `broken` is called where its circuit opened by less than an outage."""

    def __init__(
        self, policy: CircuitPolicy, clock: Callable[[], float], broken: Callable[[str], None]
    ) -> None:
        self._silence = SILENCE * policy.window
        self._clock = clock
        self._broken = broken
        self._delivered_at = -math.inf
        self._state = State.CLOSED
        self._others = 0
        """Failures that were no refusals by a limit: any of these may open it."""

    def attempted(self, answer: Answer, _: float, /) -> None:
        is_taken = isinstance(answer, Response) and (answer.status < 300 or answer.status in PUSHED_BACK)
        self._others += not is_taken

    def delivered(self, _: Record, request: Request | None, *__: object) -> None:
        if request is None or not request.url.startswith(ELSEWHERE):
            self._delivered_at = self._clock()

    def circuit_changed(self, state: State, reason: Signal, _: Answer, /) -> None:
        was, self._state = self._state, state
        quiet = self._clock() - self._delivered_at
        if was is State.CLOSED and state is State.OPEN and not self._others and quiet < self._silence:
            self._broken(f"opened by {reason} {quiet:.2f} s after a delivery")

"""Virtual time, and gates that a process can be killed, frozen or blocked behind.

Calls that are due at the same instant come in an order that the seed chooses.
"""

import heapq
from collections import deque
from collections.abc import Callable
from random import Random

Call = Callable[[], None]


class Timer:
    """A call to come."""

    __slots__ = ("callback", "gate")

    def __init__(self, callback: Call, gate: "Gate | None") -> None:
        self.callback: Call | None = callback
        self.gate = gate

    def cancel(self) -> None:
        """Call it off."""
        self.callback = None


class World:
    """The clock of everything."""

    def __init__(self, random: Random) -> None:
        self.now = 0.0
        self._random = random.random
        self._serial = 0
        self._calls: list[tuple[float, float, int, Timer]] = []

    def call_later(self, delay: float, callback: Call, gate: "Gate | None" = None) -> Timer:
        """After `delay` seconds, if the gate is open then; when it is opened, if it is shut."""
        timer = Timer(callback, gate)
        self._serial += 1
        heapq.heappush(self._calls, (self.now + delay, self._random(), self._serial, timer))
        return timer

    def run(self, until: float, is_over: Callable[[], bool]) -> None:
        """Let time pass with all calls due in it, until then or until it is over."""
        calls, steps = self._calls, 0
        while calls and calls[0][0] <= until:
            at, _, _, timer = heapq.heappop(calls)
            self.now = max(self.now, at)
            if timer.callback is not None:
                gate = timer.gate
                if gate is None:
                    timer.callback()
                elif gate.passes(timer):
                    timer.callback()
                    gate.called()
            steps += 1
            if steps & 15 == 0 and is_over():
                return
        if not is_over():
            self.now = until


class Gate:
    """What a thread of a process sees of time: it may be stopped for a while, or for ever."""

    __slots__ = ("_shut", "_waiting", "called", "is_dead", "offset", "world")

    def __init__(self, world: World, offset: float, called: Call = lambda: None) -> None:
        """`called` is called after each call that was made."""
        self.called = called
        self.world = world
        self.offset = offset
        self.is_dead = False
        self._shut = 0
        self._waiting: deque[Timer] = deque()

    def time(self) -> float:
        """Seconds of this process, which go on while it is stopped."""
        return self.world.now + self.offset

    def call_soon(self, callback: Call) -> Timer:
        """At this instant, after this call."""
        return self.world.call_later(0.0, callback, self)

    def call_later(self, delay: float, callback: Call) -> Timer:
        """After `delay` seconds."""
        return self.world.call_later(delay, callback, self)

    def passes(self, timer: Timer) -> bool:
        """Whether the call may be made now; a call that may not waits, or is forgotten."""
        if self.is_dead:
            return False
        if self._shut:
            self._waiting.append(timer)
            return False
        return True

    def shut(self) -> None:
        """No call is made from now on."""
        self._shut += 1

    def open(self) -> None:
        """What became due meanwhile is called now, in the order in which it became due."""
        self._shut -= 1
        if not self._shut:
            self.world.call_later(0.0, self._catch_up)

    def is_open(self) -> bool:
        """Whether calls are made."""
        return not self._shut and not self.is_dead

    def _catch_up(self) -> None:
        while self._waiting and self.is_open():
            timer = self._waiting.popleft()
            if timer.callback is not None:
                timer.callback()
                self.called()

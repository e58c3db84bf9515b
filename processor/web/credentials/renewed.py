"""Credentials that somebody grants for a while: asked for before they are over, one question at a time.

Promises: another one is asked for in the background while the one before is good; after a failure that one
stays in use as long as it is, also where somebody did not take it, and the next question waits, longer each
time. What is granted is used until
shortly before its end, counted from before it was asked for, on the loop's clock.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from processor.clock import Timer
from processor.core.services.token import life_of, pause
from processor.errors import TransportError
from processor.telemetry.facts import Facts

Value = TypeVar("Value")
_MALFORMED = ("malformed", "too_large")
"""Reasons of a TransportError by which an answer came."""


def nothing() -> None:
    """Nobody has to be told."""


class Grant(NamedTuple, Generic[Value]):
    """What is granted, and for so many seconds."""

    value: Value
    life: float

    def __repr__(self) -> str:
        """Nothing of what is secret."""
        return f"Grant(for {self.life:g} s)"


class NotGrantedError(Exception):
    """Why there is none: `outcome` is a word of a closed set, the message a few words."""

    def __init__(self, outcome: str, message: str) -> None:
        self.outcome = outcome
        super().__init__(message)


class Renewed(Generic[Value]):
    """One credential. `granted` is told of each, `over` why there is none that can be used any more."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[Grant[Value]]],
        granted: Callable[[Value], None],
        over: Callable[[str], None],
        chance: Callable[[], float],
        wall_clock: Callable[[], float],
        kept: Callable[[], None] = nothing,
    ) -> None:
        """`ask` raises NotGrantedError and TransportError. `kept`: one that was dropped is used again."""
        self._ask = ask
        self._granted = granted
        self._over = over
        self._kept = kept
        self._chance = chance
        self._wall_clock = wall_clock
        self._asking: asyncio.Task[None] | None = None
        self._timer: Timer | None = None
        self._end: Timer | None = None
        self._failures = 0
        self._ends_at = -math.inf
        self._is_dropped = False

    def open(self, facts: Facts) -> None:
        """Ask for the first one."""
        self._facts = facts
        self._loop = asyncio.get_running_loop()
        self.ask_now()

    async def close(self) -> None:
        """Nobody is asked any more."""
        self._call_off()
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait((self._asking,))

    def drop(self) -> bool:
        """That which is here was not taken: ask for another one, unless that is being done.

        Whether it is to be used no more until that is answered. It is while none is to be had: it may be a
        single request that it was not enough for.
        """
        if self._failures and self._loop.time() < self._ends_at:
            return False
        self._is_dropped = True
        self.ask_now()
        return True

    def ask_now(self) -> None:
        """Wait no longer with the next question; but where the last ones failed, until it is due."""
        if self._asking is None and (self._timer is None or not self._failures):
            if self._timer is not None:
                self._timer.cancel()
            self._begin()

    def _begin(self) -> None:
        self._timer = None
        self._asking = self._loop.create_task(self._round())

    async def _round(self) -> None:
        """One question, and what comes of it."""
        asked_at = self._loop.time()
        try:
            grant = await self._ask()
        except (NotGrantedError, TransportError) as error:
            self._failed(error)
            return
        except Exception as error:  # noqa: BLE001 - whoever waits would wait for ever
            self._loop.call_exception_handler(
                {"message": "a credential could not be had", "exception": error}
            )
            self._failed(NotGrantedError("malformed", type(error).__name__))
            return
        finally:
            self._asking = None
        self._failures, self._is_dropped = 0, False
        life = life_of(grant.life, asked_at, self._chance())
        now = self._loop.time()
        self._ends_at = life.ends_at
        if self._end is not None:
            self._end.cancel()
        self._end = self._loop.call_at(life.ends_at, self._ended)
        self._timer = self._loop.call_at(max(life.renewed_at, now + 1), self._begin)
        self._facts.credential_fetched("granted", self._wall_clock() - now + asked_at + grant.life)
        self._granted(grant.value)

    def _failed(self, error: NotGrantedError | TransportError) -> None:
        if isinstance(error, NotGrantedError):
            outcome, why = error.outcome, str(error)
        else:
            outcome, why = "malformed" if error.reason in _MALFORMED else "unreachable", error.message
        self._facts.credential_not_fetched(outcome, why)
        after = pause(self._failures, self._chance())
        self._failures += 1
        self._timer = self._loop.call_later(after, self._begin)
        is_dropped, self._is_dropped = self._is_dropped, False
        if self._loop.time() >= self._ends_at:
            self._over(f"none is granted: {why}")
        elif is_dropped:
            self._kept()

    def _ended(self) -> None:
        """What was granted is over, and there is no other."""
        self._over("the last one is over, and there is no other")

    def _call_off(self) -> None:
        for timer in (self._timer, self._end):
            if timer is not None:
                timer.cancel()
        self._timer = self._end = None

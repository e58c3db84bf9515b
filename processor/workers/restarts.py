"""How workers are kept running: when one that ended is started again, and what all of them come to.

Promise: a worker that ended is started again, whatever ended it, no sooner than after
`RestartPolicy.first` seconds and no later than after `RestartPolicy.longest`. Times are seconds.
"""

import math
import signal
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from processor.model import Report

MISCONFIGURED = 2
"""The exit status that no other start would mend."""
LONGEST_START = 60.0
"""A worker that does not answer for so long after its start is not live."""
_AS_ASKED = (0, -signal.SIGTERM)
"""How a worker ends that was asked to, the second before it could listen."""
_MOST_DOUBLINGS = 32


class WorkerState(StrEnum):
    """How a worker stands with its supervisor."""

    STARTING = "starting"
    """Its process runs and has not answered yet."""
    RUNNING = "running"
    WAITING = "waiting"
    """It ended, and will be started again."""
    ENDED = "ended"
    """It will not be started again: all are stopping."""


class View(NamedTuple):
    """A worker in its state for so long, and what it said when it was asked; None: nothing, in time."""

    state: WorkerState
    since: float
    said: Report | None


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """The shortest and the longest wait, and after how long a worker has run well."""

    first: float = 1.0
    longest: float = 30.0
    well_after: float = 60.0


class Restarts:
    """The restarts of one worker."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._failures = 0

    def after(self, ran: float, chance: float) -> float:
        """Seconds to wait after it ended, having run so long; `chance` lies in [0, 1)."""
        if ran >= self._policy.well_after:
            self._failures = 0
        doubled = math.ldexp(self._policy.first, min(self._failures, _MOST_DOUBLINGS))
        self._failures += 1
        return min(doubled, self._policy.longest / 2) * (1 + chance)


def why(status: int) -> str:
    """An exit status in words; that of a signal is negative."""
    if status >= 0:
        return f"status {status}"
    known = -status in set(signal.Signals)
    return f"signal {signal.Signals(-status).name if known else -status}"


def exit_status(statuses: Iterable[int]) -> int:
    """What the whole ends with, given what those ended with that were not started again."""
    ended = set(statuses)
    if MISCONFIGURED in ended:
        return MISCONFIGURED
    return 0 if ended.issubset(_AS_ASKED) else 1


def liveness(views: Mapping[int, View]) -> Report:
    """Whether starting all of them anew would mend anything.

    It would where one runs and is wedged. One that waits for its restart is no fault: what could be
    done has been done, and the others deliver meanwhile.
    """
    faults = {number: fault for number, view in views.items() if (fault := _fault(view))}
    return Report(not faults, {name(n): faults.get(n, view.state.value) for n, view in views.items()})


def readiness(views: Mapping[int, View]) -> Report:
    """Whether events flow in every worker; each check of each."""
    checks = dict(_checks(views))
    is_ready = all(view.said is not None and view.said.ok for view in views.values())
    return Report(is_ready, checks)


def name(number: int) -> str:
    """How a worker is called in a report."""
    return f"worker_{number}"


def _fault(view: View) -> str:
    """Why a worker is not live, or nothing."""
    if view.state is WorkerState.STARTING and view.since > LONGEST_START:
        return f"starting for {view.since:.0f} s"
    if view.state is not WorkerState.RUNNING:
        return ""
    if view.said is None:
        return "no answer"
    return "" if view.said.ok else ", ".join(f"{check}: {text}" for check, text in view.said.checks.items())


def _checks(views: Mapping[int, View]) -> Iterator[tuple[str, str]]:
    for number, view in views.items():
        if view.said is not None:
            yield from ((f"{name(number)}.{check}", text) for check, text in view.said.checks.items())
        else:
            is_silent = view.state is WorkerState.RUNNING
            yield name(number), "no answer" if is_silent else view.state.value

"""What becomes of a backlog before endpoints that limit their rate, in virtual time.

`python -m tests.unit.core.pace.limited` prints the tables of `docs/workers.md`: this package, the rule of
Vector, and a fixed number of requests under way. The first is the whole of
`Admission`, circuit and concurrency included; the others have no circuit, keep to `Retry-After`, and all
send again what was pushed back after the same waits.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from statistics import fmean
from typing import Any, NamedTuple, Protocol

from processor.core.pace.admission import Admission, AdmissionPolicy, Earlier, Outcome, Permit
from processor.core.pace.circuit import State
from processor.core.pace.pacing import PacingPolicy
from processor.core.pace.quota_fields import SOON
from processor.core.retry import backoff
from processor.model import Quota, Signal
from tests.unit.core.pace.links import Fixed
from tests.unit.core.pace.links import Rule as Limit
from tests.unit.core.request.vector_arc import VectorArc

PUSHED_BACK = 0.005
"""Seconds until a refusal."""
LEARNT = 10.0
"""Seconds after which what is reached is counted."""


class Limiter(Protocol):
    """What an endpoint takes."""

    def wait(self, now: float) -> float:
        """0: it is taken; else seconds until something will be."""
        ...

    def left(self, now: float) -> Quota:
        """What is left, and until when."""
        ...


class Bucket:
    """`rate` a second, and `burst` at once (nginx `limit_req`, most gateways)."""

    def __init__(self, rate: Callable[[float], float], burst: float = 5) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._at = burst, 0.0

    def wait(self, now: float) -> float:
        rate = self._rate(now)
        self._tokens, self._at = min(self._burst, self._tokens + (now - self._at) * rate), now
        if self._tokens < 1:
            return (1 - self._tokens) / rate
        self._tokens -= 1
        return 0.0

    def left(self, now: float) -> Quota:
        return Quota(int(self._tokens), math.ceil((self._burst - self._tokens) / self._rate(now)))


class Window:
    """`rate` times `seconds` in each so many seconds of the clock."""

    def __init__(self, rate: Callable[[float], float], seconds: int = 1) -> None:
        self._rate, self._seconds = rate, seconds
        self._number, self._taken = -1, 0

    def wait(self, now: float) -> float:
        if now // self._seconds != self._number:
            self._number, self._taken = int(now // self._seconds), 0
        if self._taken >= self._rate(now) * self._seconds:
            return (self._number + 1) * self._seconds - now
        self._taken += 1
        return 0.0

    def left(self, now: float) -> Quota:
        most = int(self._rate(now) * self._seconds)
        return Quota(most - self._taken, math.ceil((self._number + 1) * self._seconds - now))


class Sliding:
    """`rate` times `seconds` in any so many seconds."""

    def __init__(self, rate: Callable[[float], float], seconds: int = 1) -> None:
        self._rate, self._seconds = rate, seconds
        self._taken: deque[float] = deque()

    def wait(self, now: float) -> float:
        while self._taken and self._taken[0] <= now - self._seconds:
            self._taken.popleft()
        if len(self._taken) >= self._rate(now) * self._seconds:
            return self._taken[0] + self._seconds - now
        self._taken.append(now)
        return 0.0

    def left(self, now: float) -> Quota:
        return Quota(int(self._rate(now) * self._seconds) - len(self._taken), self._seconds)


class Liar:
    """It takes everything, and says each time that no more than `remaining` are left for a minute."""

    def __init__(self, rate: Callable[[float], float], remaining: int = 0) -> None:
        self._remaining = remaining

    def wait(self, now: float) -> float:
        return 0.0

    def left(self, now: float) -> Quota:
        return Quota(self._remaining, 60.0)


class Link(NamedTuple):
    """An endpoint, and how many processes share it; `latency` in seconds of what is taken."""

    name: str
    quota: Callable[[Callable[[float], float]], Limiter] | None = Bucket
    rate: Callable[[float], float] = lambda now: 100.0
    latency: float = 0.05
    signal: Signal = Signal.UNAVAILABLE
    retry_after: bool = False
    processes: int = 1
    broken: float = 0.0
    """The share that is answered with 503 by chance."""
    tells: bool = False
    """Each answer says what is left."""
    seconds: float = 40.0
    """For how long it is looked at."""

    def most(self, begin: float, end: float) -> float:
        """What it takes between two times."""
        return (
            sum(self.rate(begin + (i + 0.5) * (end - begin) / 1000) for i in range(1000))
            * (end - begin)
            / 1000
        )


class Door(Protocol):
    """Decides what may leave one process."""

    def room(self, now: float) -> int: ...
    def wakes_at(self, now: float) -> float | None: ...
    def started(self, now: float) -> Any: ...
    def delivered(self, permit: Any, now: float, left: Quota | None) -> None: ...
    def pushed_back(
        self, permit: Any, signal: Signal, record: "Event", pause: float, now: float, left: Quota | None
    ) -> None: ...
    def openings(self) -> int: ...


@dataclass(eq=False)
class Event:
    """One of the backlog."""

    attempts: int = 0
    failed_before: Earlier | None = None


class Ours:
    """Admission as it is by default."""

    def __init__(self, random: Random, *, pacing: bool = True, hints: bool = True) -> None:
        self._hints = hints
        self.admission = Admission(AdmissionPolicy(budget=None, pacing=PacingPolicy(pacing)))
        self._random = random
        self._state, self._openings = State.CLOSED, 0

    def room(self, now: float) -> int:
        return self.admission.room(now)

    def wakes_at(self, now: float) -> float | None:
        return self.admission.wakes_at(now)

    def started(self, now: float) -> Permit:
        return self.admission.started(now)

    def delivered(self, permit: Permit, now: float, left: Quota | None) -> None:
        self.admission.accepted(permit, now, left if self._hints and left and left.reset > SOON else None)
        self._look()

    def pushed_back(
        self, permit: Permit, signal: Signal, record: Event, pause: float, now: float, left: Quota | None
    ) -> None:
        left = left if self._hints and left and left.reset > SOON else None
        pause = pause or (min(300.0, left.reset) if left and not left.remaining else 0.0)
        outcome = Outcome(id(record), signal, record.failed_before, pause, left)
        self.admission.ended(permit, outcome, now, self._random.random())
        record.failed_before = Earlier(now, self.admission.delivered())
        self._look()

    def openings(self) -> int:
        return self._openings

    def _look(self) -> None:
        state = self.admission.circuit().state()
        self._openings += state is State.OPEN and self._state is not State.OPEN
        self._state = state


class Limited:
    """A rule for the number under way, and `Retry-After`."""

    def __init__(self, rule: Limit) -> None:
        self._rule = rule
        self._in_flight, self._paused_until = 0, 0.0

    def room(self, now: float) -> int:
        return self._rule.limit() - self._in_flight if now >= self._paused_until else 0

    def wakes_at(self, now: float) -> float | None:
        return self._paused_until if self._paused_until > now else None

    def started(self, now: float) -> float:
        self._in_flight += 1
        self._rule.started(self._in_flight)
        return now

    def delivered(self, permit: float, now: float, left: Quota | None) -> None:
        self._in_flight -= 1
        self._rule.ended(now, permit, False)

    def pushed_back(
        self, permit: float, signal: Signal, record: Event, pause: float, now: float, left: Quota | None
    ) -> None:
        self._in_flight -= 1
        self._paused_until = max(self._paused_until, now + pause)
        self._rule.ended(now, permit, True)

    def openings(self) -> int:
        return 0


@dataclass
class Outcomes:
    """What came of a run: times in seconds."""

    delivered: list[float] = field(default_factory=list)
    pushed_back: list[float] = field(default_factory=list)
    openings: int = 0

    def rate(self, begin: float, end: float) -> float:
        """Delivered between two times."""
        return sum(begin <= at < end for at in self.delivered)

    def share(self, begin: float) -> float:
        """Pushed back since then, of all that was answered."""
        pushed_back = sum(at >= begin for at in self.pushed_back)
        return pushed_back / max(1, pushed_back + sum(at >= begin for at in self.delivered))

    def mean_until(self, number: int) -> float:
        """Seconds from the beginning, on average, until each of the first so many was delivered."""
        return fmean(self.delivered[:number])


class _Run:
    def __init__(self, link: Link, door: Callable[[Random], Door], seed: int) -> None:
        self.link, self.random = link, Random(seed)
        self.quota = link.quota(link.rate) if link.quota else None
        self.doors = [door(Random(f"{seed} {number}")) for number in range(link.processes)]
        self.due: list[deque[Event]] = [deque() for _ in self.doors]
        self.alarms: list[float | None] = [None] * link.processes
        self.agenda: list[tuple[float, int, Callable[[float], int]]] = []
        self.numbers = count()
        self.outcome = Outcomes()

    def at(self, when: float, what: Callable[[float], int]) -> None:
        heapq.heappush(self.agenda, (when, next(self.numbers), what))

    def pump(self, number: int, now: float) -> None:
        door, due = self.doors[number], self.due[number]
        while door.room(now) > 0:
            self.send(number, due.popleft() if due else Event(), now)
        wakes_at, alarm = door.wakes_at(now), self.alarms[number]
        if wakes_at is not None and (alarm is None or alarm <= now or wakes_at < alarm):
            self.alarms[number] = wakes_at
            self.at(wakes_at, lambda _: number)

    def send(self, number: int, event: Event, now: float) -> None:
        permit = self.doors[number].started(now)
        wait = self.quota.wait(now) if self.quota else 0.0
        left = self.quota.left(now) if self.quota and self.link.tells else None
        if wait or (self.link.broken and self.random.random() < self.link.broken):
            pause = float(max(1, math.ceil(wait))) if self.link.retry_after else 0.0
            self.at(
                now + PUSHED_BACK, lambda then: self.pushed_back(number, event, permit, pause, then, left)
            )
        else:
            latency = self.link.latency * self.random.uniform(0.9, 1.1)
            self.at(now + latency, lambda then: self.delivered(number, permit, then, left))

    def delivered(self, number: int, permit: Any, now: float, left: Quota | None) -> int:
        self.doors[number].delivered(permit, now, left)
        self.outcome.delivered.append(now)
        return number

    def pushed_back(
        self, number: int, event: Event, permit: Any, pause: float, now: float, left: Quota | None
    ) -> int:
        self.doors[number].pushed_back(permit, self.link.signal, event, pause, now, left)
        self.outcome.pushed_back.append(now)
        event.attempts += 1
        wait = backoff(0.5, 60.0, event.attempts, self.random.random())
        self.at(now + (pause + min(wait, 0.5) if pause else wait), lambda _: self.again(number, event))
        return number

    def again(self, number: int, event: Event) -> int:
        self.due[number].append(event)
        return number

    def until(self, end: float) -> Outcomes:
        for number in range(len(self.doors)):
            self.pump(number, 0.0)
        while self.agenda and self.agenda[0][0] < end:
            now, _, what = heapq.heappop(self.agenda)
            self.pump(what(now), now)
        self.outcome.openings = sum(door.openings() for door in self.doors)
        return self.outcome


def run(
    link: Link, door: Callable[[Random], Door] = Ours, *, seed: int = 1, seconds: float = 40.0
) -> Outcomes:
    """A backlog without end before `link`."""
    return _Run(link, door, seed).until(seconds)


def _steps(before: float, after: float) -> Callable[[float], float]:
    return lambda now: before if now < 20.0 else after


def _minute(limiter: Callable[..., Limiter]) -> Callable[[Callable[[float], float]], Limiter]:
    return lambda rate: limiter(rate, 60)


def _bucket_of_40(rate: Callable[[float], float]) -> Limiter:
    return Bucket(rate, 40)


_TELLS: dict[str, Any] = {
    "signal": Signal.THROTTLED,
    "tells": True,
    "rate": lambda now: 20.0,
    "seconds": 300.0,
}
_THROTTLED: dict[str, Any] = {"signal": Signal.THROTTLED, "retry_after": True}

LINKS = {
    link.name: link
    for link in (
        Link("bucket, 1 ms", latency=0.001),
        Link("bucket"),
        Link("bucket, 500 ms", latency=0.5),
        Link("bucket of 10 a second", rate=lambda now: 10.0),
        Link("bucket of 1,000 a second", rate=lambda now: 1000.0),
        Link("fixed window, 1 ms", Window, latency=0.001),
        Link("fixed window", Window),
        Link("fixed window, 500 ms", Window, latency=0.5),
        Link("sliding window, 1 ms", Sliding, latency=0.001),
        Link("sliding window", Sliding),
        Link("sliding window, 500 ms", Sliding, latency=0.5),
        Link("bucket, 429 and Retry-After, 1 ms", latency=0.001, **_THROTTLED),
        Link("bucket, 429 and Retry-After", **_THROTTLED),
        Link("bucket, 429 and Retry-After, 500 ms", latency=0.5, **_THROTTLED),
        Link("fixed window, 429 and Retry-After", Window, **_THROTTLED),
        Link("sliding window, 429 and Retry-After", Sliding, **_THROTTLED),
        Link("bucket, 100 then 200 a second", rate=_steps(100.0, 200.0)),
        Link("bucket, 200 then 100 a second", rate=_steps(200.0, 100.0)),
        Link("bucket, 2 processes", processes=2),
        Link("bucket, 10 processes", processes=10),
        Link("fixed window, 10 processes", Window, processes=10),
        Link("bucket, 429 and Retry-After, 2 processes", processes=2, **_THROTTLED),
    )
}

TELLING = {
    link.name: link
    for link in (
        Link("fixed minute", _minute(Window), **_TELLS),
        Link("fixed minute, 500 ms", _minute(Window), latency=0.5, **_TELLS),
        Link("fixed minute, 2 processes", _minute(Window), processes=2, **_TELLS),
        Link("fixed minute, 10 processes", _minute(Window), processes=10, **_TELLS),
        Link("fixed minute, 429 and Retry-After", _minute(Window), retry_after=True, **_TELLS),
        Link("sliding minute", _minute(Sliding), **_TELLS),
        Link("bucket, burst 40, 2 a second", _bucket_of_40, **(_TELLS | {"rate": lambda now: 2.0})),
        Link("fixed second", Window, **_TELLS),
        Link("fixed second, 10 processes", Window, processes=10, **_TELLS),
    )
}
"""They say what is left (`RateLimit` and the like)."""

DOORS: dict[str, Callable[[Random], Door]] = {
    "ours": Ours,
    "without a learnt rate": lambda random: Ours(random, pacing=False),
    "Vector's": lambda random: Limited(VectorArc(64)),
    "64 at once": lambda random: Limited(Fixed(64)),
}


def table(seeds: range, links: Iterable[Link]) -> str:
    """Of the limit, the share used · pushed back, from the tenth second on, as Markdown."""
    titles = ["100 a second, 50 ms, 503, unless said otherwise", *DOORS]
    lines = [" | ".join(titles), " | ".join("---" for _ in titles)]
    for link in links:
        cells = []
        for name, door in DOORS.items():
            end = 40.0 if name == "ours" else 20.0  # a steady state without a clock of its own
            if name != "ours" and link.processes > 2:  # hundreds of thousands of refusals a second
                cells.append("–")
                continue
            outcomes = [run(link, door, seed=seed, seconds=end) for seed in seeds]
            used = fmean(each.rate(LEARNT, end) for each in outcomes) / link.most(LEARNT, end)
            cells.append(f"{used:.0%} · {fmean(each.share(LEARNT) for each in outcomes):.1%}")
        lines.append(" | ".join([link.name, *cells]))
    return "\n".join(f"| {line} |" for line in lines)


def telling_table(links: Iterable[Link], begin: float = 60.0) -> str:
    """The same where endpoints say what is left, from the second minute on."""
    lines = ["20 a second, 50 ms, 429, unless said otherwise | ours | without hints", "--- | --- | ---"]
    for link in links:
        cells = []
        for hints in (True, False):
            found = run(link, partial(Ours, hints=hints), seconds=link.seconds)
            used = found.rate(begin, link.seconds) / link.most(begin, link.seconds)
            cells.append(f"{used:.0%} · {found.share(begin):.1%}")
        lines.append(" | ".join([link.name, *cells]))
    return "\n".join(f"| {line} |" for line in lines)


if __name__ == "__main__":
    print(table(range(1), LINKS.values()), telling_table(TELLING.values()), sep="\n\n")

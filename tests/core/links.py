"""What a rule for the number of requests under way does to endpoints of many kinds, in virtual time.

`python -m tests.core.links` prints the table of the README: the rule of this package, the rule of
Vector, and limits that stay, each over the same seeds.
"""

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from statistics import fmean
from typing import NamedTuple, Protocol

from processor.core.concurrency import Concurrency, ConcurrencyPolicy
from tests.core.vector_arc import VectorArc

BASE = 0.05
REFUSAL = 0.01
GIVEN_UP = 1.0


class Rule(Protocol):
    """Decides how many requests may be under way."""

    def limit(self) -> int: ...
    def started(self, in_flight: int) -> None: ...
    def ended(self, now: float, sent_at: float, pushed_back: bool) -> None: ...


class Reply(NamedTuple):
    """How long an answer takes, and whether it pushes back."""

    seconds: float
    pushed_back: bool = False


Link = Callable[[float, int], Reply]
"""An endpoint: what becomes of a request that is sent at that time, as one of so many under way."""


class Sent(NamedTuple):
    """A request under way."""

    answered_at: float
    number: int
    sent_at: float
    pushed_back: bool


def constant(now: float, in_flight: int) -> Reply:
    """The same latency whatever is under way."""
    return Reply(BASE)


def jittery(random: Random) -> Link:
    """Exponential latency whatever is under way."""
    return lambda now, in_flight: Reply(random.expovariate(1 / BASE))


def heavy_tailed(random: Random) -> Link:
    """Lognormal latency whatever is under way: one in a hundred takes six times the mean."""
    return lambda now, in_flight: Reply(BASE * random.lognormvariate(-0.5, 1.0))


def servers(number: int, service: Callable[[float], float] = lambda now: BASE) -> Link:
    """So many requests are served at once, the others wait their turn: a sharp knee."""
    free_at = [0.0] * number

    def link(now: float, in_flight: int) -> Reply:
        done = max(now, free_at[0]) + service(now)
        heapq.heapreplace(free_at, done)
        return Reply(done - now)

    return link


def shallow(random: Random) -> Link:
    """Every request under way slows all others a little."""
    return lambda now, in_flight: Reply(BASE * (1 + in_flight / 32) * random.uniform(0.9, 1.1))


def refusing(random: Random, beyond: int = 20) -> Link:
    """429 at once for whatever exceeds a hard limit."""
    return lambda now, in_flight: (
        Reply(REFUSAL, True) if in_flight > beyond else Reply(BASE * random.uniform(0.9, 1.1))
    )


def collapsing(random: Random) -> Link:
    """Beyond 24 the throughput falls: latency grows with the square."""
    return lambda now, in_flight: Reply(BASE * max(1.0, in_flight / 24) ** 2 * random.uniform(0.9, 1.1))


def losing(random: Random) -> Link:
    """Beyond 24 requests get lost, and time out after a second."""
    return lambda now, in_flight: (
        Reply(GIVEN_UP, True) if in_flight > 24 else Reply(BASE * random.uniform(0.9, 1.1))
    )


def stumbling(random: Random, share: float = 0.01) -> Link:
    """A small share of 503s that says nothing about the load."""
    return lambda now, in_flight: Reply(BASE * random.uniform(0.9, 1.1), random.random() < share)


def broken(random: Random, begin: float, end: float) -> Link:
    """503 for everything for a while."""
    return lambda now, in_flight: (
        Reply(REFUSAL, True) if begin <= now < end else Reply(BASE * random.uniform(0.9, 1.1))
    )


def slowed(random: Random, begin: float, end: float) -> Link:
    """Five times the latency for a while, whatever is under way."""
    return lambda now, in_flight: Reply(
        BASE * (5 if begin <= now < end else 1) * random.uniform(0.9, 1.1)
    )


def drifting(random: Random) -> Link:
    """The latency goes up to twice and back every 20 seconds, whatever is under way."""
    return lambda now, in_flight: Reply(
        BASE * (1.5 + 0.5 * math.sin(now * math.tau / 20)) * random.uniform(0.9, 1.1)
    )


def resized(random: Random, before: int, after: int, at: float) -> Link:
    """The endpoint gets another number of servers at some time."""
    links = servers(before), servers(after)
    return lambda now, in_flight: links[now >= at](now, in_flight)


@dataclass
class Outcome:
    """What came of a run; times in seconds."""

    seconds: float
    delivered: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    limits: list[tuple[float, int]] = field(default_factory=list)

    def throughput(self, begin: float = 0.0, end: float = math.inf) -> float:
        """Delivered a second between two times."""
        end = min(end, self.seconds)
        return sum(begin <= moment < end for moment in self.delivered) / (end - begin)

    def mean_latency(self) -> float:
        """Of the delivered ones."""
        return fmean(self.latencies)

    def p99_latency(self) -> float:
        """Of the delivered ones."""
        return sorted(self.latencies)[int(len(self.latencies) * 0.99)]

    def refused_share(self, begin: float = 0.0) -> float:
        """Pushed back, of all that was sent and answered since then."""
        refused = sum(moment >= begin for moment in self.refused)
        return refused / max(1, refused + sum(moment >= begin for moment in self.delivered))

    def reached(self, throughput: float, begin: float = 0.0, window: float = 0.25) -> float:
        """Seconds from `begin` until so much was delivered a second, over a window."""
        moments = [moment for moment in self.delivered if moment >= begin]
        wanted = math.ceil(throughput * window)
        for first, last in zip(moments, moments[wanted - 1 :], strict=False):
            if last - first <= window:
                return max(0.0, last - window - begin)
        return math.inf


def run(rule: Rule, link: Link, seconds: float, arrivals: Callable[[], float] | None = None) -> Outcome:
    """Send through `link` as much as `rule` lets; without `arrivals` there is always more to send.

    Answers of one moment are all told before anything is sent, as in one turn of an event loop.
    """
    outcome = Outcome(seconds)
    waiting = math.inf if arrivals is None else 0
    next_arrival = math.inf if arrivals is None else arrivals()
    numbers = count()
    under_way: list[Sent] = []
    now = 0.0
    while now < seconds:
        while waiting and len(under_way) < rule.limit():
            waiting -= 1
            reply = link(now, len(under_way) + 1)
            heapq.heappush(under_way, Sent(now + reply.seconds, next(numbers), now, reply.pushed_back))
            rule.started(len(under_way))
        now = min(next_arrival, under_way[0].answered_at if under_way else math.inf)
        while next_arrival <= now:
            waiting += 1
            next_arrival += arrivals() if arrivals else math.inf
        while under_way and under_way[0].answered_at <= now + 1e-9:
            _answered(rule, outcome, heapq.heappop(under_way))
        if not outcome.limits or outcome.limits[-1][1] != rule.limit():
            outcome.limits.append((now, rule.limit()))
    return outcome


def _answered(rule: Rule, outcome: Outcome, sent: Sent) -> None:
    rule.ended(sent.answered_at, sent.sent_at, sent.pushed_back)
    if sent.pushed_back:
        outcome.refused.append(sent.answered_at)
    else:
        outcome.delivered.append(sent.answered_at)
        outcome.latencies.append(sent.answered_at - sent.sent_at)

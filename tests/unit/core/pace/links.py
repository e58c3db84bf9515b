"""What a rule for the number of requests under way does to endpoints of many kinds, in virtual time.

`python -m tests.unit.core.pace.links` prints the table of `docs/workers.md`: the rule of this package, the
rule of Vector, and limits that stay, each over the same seeds.
"""

import heapq
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from statistics import fmean
from typing import NamedTuple, Protocol

from processor.core.pace.concurrency import Concurrency, ConcurrencyPolicy
from tests.unit.core.request.vector_arc import VectorArc

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


def _about(seconds: float, random: Random) -> float:
    return seconds * random.uniform(0.9, 1.1)


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
    return lambda now, in_flight: Reply(_about(BASE * (1 + in_flight / 32), random))


def refusing(random: Random, capacity: int = 20, refusal: float = REFUSAL) -> Link:
    """A hard limit: what comes while so many are served is pushed back after `refusal` seconds."""
    busy_until: list[float] = []

    def link(now: float, in_flight: int) -> Reply:
        while busy_until and busy_until[0] <= now:
            heapq.heappop(busy_until)
        if len(busy_until) >= capacity:
            return Reply(refusal, True)
        latency = _about(BASE, random)
        heapq.heappush(busy_until, now + latency)
        return Reply(latency)

    return link


def collapsing(random: Random) -> Link:
    """Beyond 24 the throughput falls: latency grows with the square."""
    return lambda now, in_flight: Reply(_about(BASE * max(1.0, in_flight / 24) ** 2, random))


def stumbling(random: Random, share: float = 0.01) -> Link:
    """A small share of 503s that says nothing about the load."""
    return lambda now, in_flight: Reply(_about(BASE, random), random.random() < share)


def broken(random: Random, begin: float, end: float) -> Link:
    """503 for everything for a while."""
    return lambda now, in_flight: Reply(REFUSAL, True) if begin <= now < end else Reply(_about(BASE, random))


def slowed(random: Random, begin: float, end: float) -> Link:
    """Five times the latency for a while, whatever is under way."""
    return lambda now, in_flight: Reply(_about(BASE * (5 if begin <= now < end else 1), random))


def drifting(random: Random) -> Link:
    """The latency goes up to twice and back every 20 seconds, whatever is under way."""
    return lambda now, in_flight: Reply(_about(BASE * (1.5 + math.sin(now * math.tau / 20) / 2), random))


def then(first: Link, second: Link, at: float) -> Link:
    """Another endpoint from some time on."""
    return lambda now, in_flight: (second if now >= at else first)(now, in_flight)


class Fixed:
    """A limit that stays."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def limit(self) -> int:
        """Always the same."""
        return self._limit

    def started(self, in_flight: int) -> None:
        """Of no interest."""

    def ended(self, now: float, sent_at: float, pushed_back: bool) -> None:
        """Of no interest."""


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

    def limit_at(self, moment: float) -> int:
        """The limit at that time."""
        return [limit for since, limit in self.limits if since <= moment][-1]

    def lowest(self, begin: float = 0.0) -> int:
        """The lowest limit since then."""
        return min(self.limit_at(begin), *(limit for since, limit in self.limits if since >= begin))

    def highest(self) -> int:
        """The highest limit of all."""
        return max(limit for _, limit in self.limits)

    def reached(self, throughput: float, begin: float = 0.0, window: float = 0.25) -> float:
        """Seconds from `begin` until so much was delivered a second, over a window."""
        moments = [moment for moment in self.delivered if moment >= begin]
        wanted = math.ceil(throughput * window)
        for first, last in zip(moments, moments[wanted - 1 :], strict=False):
            if last - first <= window:
                return max(0.0, last - window - begin)
        return math.inf


def run(
    rule: Rule,
    link: Link,
    seconds: float,
    arrivals: Callable[[], float] | None = None,
    *,
    begin: float = 0.0,
) -> Outcome:
    """Send through `link` as much as `rule` lets; without `arrivals` there is always more to send.

    Answers of one moment are all told before anything is sent, as in one turn of an event loop.
    """
    outcome = Outcome(begin + seconds, limits=[(begin, rule.limit())])
    waiting = math.inf if arrivals is None else 0
    next_arrival = math.inf if arrivals is None else begin + arrivals()
    numbers = count()
    under_way: list[Sent] = []
    now = begin
    while now < outcome.seconds:
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
        if outcome.limits[-1][1] != rule.limit():
            outcome.limits.append((now, rule.limit()))
    return outcome


def _answered(rule: Rule, outcome: Outcome, sent: Sent) -> None:
    rule.ended(sent.answered_at, sent.sent_at, sent.pushed_back)
    if sent.pushed_back:
        outcome.refused.append(sent.answered_at)
    else:
        outcome.delivered.append(sent.answered_at)
        outcome.latencies.append(sent.answered_at - sent.sent_at)


class Scenario(NamedTuple):
    """An endpoint, the best limit that stays, and from when on the way up to its throughput counts."""

    name: str
    link: Callable[[Random], Link]
    best: int
    maximum: int = 64
    seconds: float = 20.0
    begin: float = 0.0

    def run(self, rule: Rule, seed: int) -> Outcome:
        """What `rule` makes of it."""
        return run(rule, self.link(Random(seed)), self.seconds)


def _served_at_random(random: Random) -> Link:
    return servers(16, lambda now: random.expovariate(1 / BASE))


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("constant", lambda random: constant, 64),
        Scenario("constant, up to 512", lambda random: constant, 512, 512, 10.0),
        Scenario("exponential jitter", jittery, 64),
        Scenario("lognormal jitter", heavy_tailed, 64),
        Scenario("16 servers", lambda random: servers(16), 16),
        Scenario("16 servers, exponential", _served_at_random, 20),
        Scenario("slower by every request", shallow, 64),
        Scenario("collapse beyond 24", collapsing, 24),
        Scenario("429 beyond 20", refusing, 20),
        Scenario("time-out of 1 s beyond 24", partial(refusing, capacity=24, refusal=GIVEN_UP), 24),
        Scenario("503 for 1 % at random", stumbling, 64),
        Scenario("503 for 10 s", partial(broken, begin=10.0, end=20.0), 64, seconds=40.0, begin=20.0),
        Scenario("5 times slower for 15 s", partial(slowed, begin=15.0, end=30.0), 64, 64, 45.0),
        Scenario("latency that drifts", drifting, 64, 64, 40.0),
        Scenario(
            "8 servers, then 48", lambda random: then(servers(8), servers(48), 20.0), 64, 64, 40.0, 20.0
        ),
        Scenario("48 servers, then 8", lambda random: then(servers(48), servers(8), 20.0), 48, 64, 40.0),
    )
}

RULES: dict[str, Callable[[Scenario], Rule]] = {
    "ours": lambda scenario: Concurrency(ConcurrencyPolicy(scenario.maximum)),
    "Vector's": lambda scenario: VectorArc(scenario.maximum),
    "the maximum": lambda scenario: Fixed(scenario.maximum),
    "the best": lambda scenario: Fixed(scenario.best),
}


SEEDS = range(5)
"""Of the table in `docs/workers.md`."""

_ADAPTING = ("ours", "Vector's")
_REFUSED = (*_ADAPTING, "the maximum")


def table(seeds: range, scenarios: Iterable[Scenario]) -> str:
    """Delivered a second · mean / p99 latency, then what else tells the rules apart, as Markdown."""
    titles = ["endpoint", *RULES, "90 % of the best after", "pushed back"]
    lines = [" | ".join(titles), " | ".join("---" for _ in titles)]
    for scenario in scenarios:
        outcomes = {
            name: [scenario.run(rule(scenario), seed) for seed in seeds] for name, rule in RULES.items()
        }
        lines.append(" | ".join([scenario.name, *map(_speed, outcomes.values()), *_rest(scenario, outcomes)]))
    return "\n".join(f"| {line} |" for line in lines)


def _speed(outcomes: list[Outcome]) -> str:
    mean = fmean(outcome.mean_latency() for outcome in outcomes) * 1000
    p99 = fmean(outcome.p99_latency() for outcome in outcomes) * 1000
    return f"{fmean(outcome.throughput() for outcome in outcomes):,.0f} · {mean:.0f} / {p99:.0f} ms"


def _rest(scenario: Scenario, outcomes: dict[str, list[Outcome]]) -> tuple[str, str]:
    wanted = 0.9 * fmean(best.throughput(scenario.begin) for best in outcomes["the best"])
    afters = [
        fmean(outcome.reached(wanted, scenario.begin) for outcome in outcomes[name]) for name in _ADAPTING
    ]
    refused = [fmean(outcome.refused_share() for outcome in outcomes[name]) for name in _REFUSED]
    return (
        " / ".join(f"{after:.1f} s" if after < math.inf else "never" for after in afters),
        " / ".join(f"{share * 100:.1f} %" for share in refused),
    )


if __name__ == "__main__":
    print(table(SEEDS, SCENARIOS.values()))

"""Records that are to be sent to a host that an event names, and wait for room there.

Promises:
- they hold no slot of the destination, and wait for nobody but others to the same kind of hosts: among
  these each host has its turn;
- nothing leaves once our partitions may be somebody else's;
- one that waits for a host that is down for as long as tries may go on is given up, as if it had been
  tried: else what goes to a host that is gone would wait for ever, and fill what may wait; but not for want
  of what proves who we are.

Cost: O(1) a record.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator

from processor.clock import Alarm, Clock
from processor.core.pace.admission import Admission
from processor.core.pace.hosts import Hosts
from processor.core.retry import Reason, RetryPolicy, is_for_want_of_proof
from processor.traffic.attempt import Failed, Run, Stage


class Elsewhere:
    """Those of one process; `changed` is called when one may leave by now."""

    def __init__(
        self,
        hosts: Hosts,
        *,
        admission: Admission,
        policy: RetryPolicy,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self._hosts = hosts
        self._admission = admission
        self._longest = math.inf if policy.max_elapsed is None else policy.max_elapsed
        self._clock = clock
        self._changed = changed
        self.waiting: dict[str, dict[Run, float]] = {}
        """By their hosts, since when each is tried."""
        self._ready: dict[str, None] = {}
        """Hosts that are to be looked at, in their turn."""
        self._alarm = Alarm(clock, self._ring)
        self._rings_at = math.inf

    # Facts

    def take(self, run: Run) -> None:
        """It is to be sent, as soon as there is room."""
        run.enter(Stage.ELSEWHERE)
        host = run.host()
        self.waiting.setdefault(host, {})[run] = run.started_at if run.attempts else self._clock.time()
        self._ready[host] = None
        self._changed()

    def forget(self, run: Run) -> None:
        """It waits no longer, or is not under way any more: others may leave for it."""
        if not run.is_foreign:
            return
        host = run.host()
        if run.stage is Stage.ELSEWHERE:
            self._remove(run, host)
        if host in self.waiting:
            self._ready[host] = None

    # Questions

    def hopeless(self) -> Iterator[tuple[Run, Failed]]:
        """Those whose time is over before their host is up again; each is taken out."""
        now = self._clock.time()
        for host in list(self._ready):
            while runs := self.waiting.get(host):
                run, since = next(iter(runs.items()))
                answer = self._hosts.why_down(host)
                if now - since <= self._longest or answer is None or is_for_want_of_proof(answer):
                    break
                self._remove(run, host)
                yield run, Failed(run.refusal(answer, Reason.RETRIES_EXHAUSTED), None)

    def next(self) -> Iterator[Run]:
        """Those that may leave now; each is taken out, and has left before the next is asked for."""
        now = self._clock.time()
        if self._admission.lease(now) <= 0:
            return
        while self._ready and self._hosts.has_room():
            host = next(iter(self._ready))
            del self._ready[host]
            if host not in self.waiting:
                continue
            door = self._hosts.of(host)
            if door.room(now) > 0:
                run = next(iter(self.waiting[host]))
                self._remove(run, host)
                self._ready[host] = None
                yield run
            else:
                self._look_again(door.wakes_at(now), now)

    def in_flight(self) -> int:
        """How many requests have left to such hosts and are not answered."""
        return self._hosts.in_flight()

    def down(self) -> int:
        """How many of the hosts count as down."""
        return self._hosts.down()

    def check(self, stages: Counter[Stage]) -> None:
        """Each is where it is counted, and none is forgotten."""
        runs = [(host, run) for host, runs in self.waiting.items() for run in runs]
        assert len(runs) == stages[Stage.ELSEWHERE]
        assert all(run.host() == host and run.is_foreign for host, run in runs)
        assert all(self.waiting.values())
        self._hosts.check()

    # How they wait

    def _remove(self, run: Run, host: str) -> None:
        runs = self.waiting.get(host, {})
        runs.pop(run, None)
        if not runs:
            self.waiting.pop(host, None)

    def _look_again(self, at: float | None, now: float) -> None:
        if at is not None and at < self._rings_at:
            self._rings_at = at
            self._alarm.set(at, now)

    def _ring(self) -> None:
        self._rings_at = math.inf
        self._ready |= dict.fromkeys(self.waiting)
        self._changed()

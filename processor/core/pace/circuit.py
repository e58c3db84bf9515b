"""Whether the endpoint as a whole answers; when it does not, the topic is the queue.

    CLOSED ── too many failures, a refusal that cannot be paid, or one of us ──▶ OPEN
    OPEN ── one probe at a time, at growing intervals; it succeeded ──▶ HALF_OPEN
    HALF_OPEN ── each success lets two more leave; `minimum` of them ──▶ CLOSED
    HALF_OPEN ── too many failures ──▶ OPEN

It opens when the share of failures in the window is too large, or when nothing but failures came
for twice `minimum` answers. The window holds what was told in the last `window` seconds, and at least
the last `minimum` answers however long ago. Failures of one record alone open nothing, unless it
never got as far as the endpoint: they may be the event's fault. 429 is counted apart: an endpoint
that throttles works. Neither that nor 503 opens it while anything is delivered: then less is sent (`pacing`).

Promises: while it is open at most one request is under way that left after it opened, and none
leaves before `wakes_at`; an answer to anything but a probe changes nothing then. Cost: O(1) a
success, O(window) a failure. Times are monotonic seconds, `chance` a number from 0 to 1.
"""

import math
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum

from processor.model import Signal

_BUCKETS = 10
_OUTAGE = (Signal.CREDENTIALS, Signal.UNREACHABLE, Signal.NO_ANSWER, Signal.SERVER_ERROR, Signal.UNAVAILABLE)
_SILENCE = 0.2
"""What is pushed back (429, 503) is an outage once nothing else came for that share of the window: an
endpoint that limits its rate pushes back most of what is too much, and takes the rest."""
_PAUSES, _LONGEST_SILENCE = 5, 60.0
"""While it asks to be left alone it cannot deliver: silence is that many of its pauses."""
_WORKS = (Signal.DELIVERED, Signal.REFUSED)


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """When to stop sending, and when to try again. Rates are shares from 0 to 1, times seconds.

    `max_outage`: how long it may last before events are held responsible again; None: for ever.
    """

    enabled: bool = True
    window: float = 10.0
    minimum: int = 10
    failure_rate: float = 0.5
    throttled_rate: float = 0.9
    first_probe: float = 1.0
    max_probe_interval: float = 30.0
    max_outage: float | None = None


class State(StrEnum):
    """How the circuit stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


_CLOSED, _OPEN = State.CLOSED, State.OPEN
"""Looking a member up in its class is dear where it is done for every request."""


class _Bucket:
    """What was told in a tenth of the window."""

    __slots__ = ("begun", "counts", "records")

    def __init__(self, begun: float) -> None:
        self.begun = begun
        self.counts = dict.fromkeys(Signal, 0)
        self.records: set[Hashable] = set()

    def total(self) -> int:
        return sum(self.counts.values())


class Circuit:
    """The circuit of one destination."""

    def __init__(self, policy: CircuitPolicy) -> None:
        self._policy = policy
        self._is_enabled = policy.enabled
        self._tenth = policy.window / _BUCKETS
        self._buckets: deque[_Bucket] = deque()
        self._in_a_row = self._unavailable = 0
        self._silence = _SILENCE * policy.window
        self._row_since = -math.inf
        self._failing: set[Hashable] = set()
        self._failed_last: Hashable = None
        self._alone = 0
        """So many failures in a row were of that one record."""
        self._state = State.CLOSED
        self._reason = Signal.NO_ANSWER
        self._probe_at = 0.0
        self._is_probing = False
        self._successes = 0
        self._openings = 0
        self._failed_probes = 0
        self._half_open_since = -math.inf
        self._down_since: float | None = None
        self._down_before = 0.0

    # Facts

    def asked_to_pause(self, seconds: float) -> None:
        """It asked to be left alone for so long (`Retry-After`), with an answer that is told next."""
        self._silence = min(_LONGEST_SILENCE, max(self._silence, _PAUSES * seconds))

    def told(self, sign: Signal, record: Hashable, sent_at: float, now: float, chance: float) -> None:
        """An answer came to a request of `sent_at` that was no probe."""
        state = self._state
        if state is _OPEN or sent_at < self._half_open_since or (state is _CLOSED and not self._is_enabled):
            return
        bucket = self._bucket(now)
        bucket.counts[sign] += 1
        if sign in _WORKS:
            if self._failing:
                self._end_row()
            if state is not _CLOSED:
                self._accepted(sign, now)
            return
        self._failed(sign, record, bucket, now)
        if (reason := self._verdict(now)) is not None:
            self._open(reason, now, chance)

    def started(self) -> bool:
        """A request left; ask `room` before. Whether it is a probe, to be told of as one."""
        if self._state is not _OPEN:
            return False
        self._is_probing = True
        return True

    def probed(self, sign: Signal | None, now: float, chance: float) -> None:
        """The probe was answered; None: given up, or it told nothing of the endpoint."""
        self._is_probing = False
        if self._state is not _OPEN:
            return
        if sign is None:
            self._probe_at = now + self._policy.first_probe * (1 + chance) / 2
        elif sign is Signal.DELIVERED or (sign in _WORKS and self._reason is not Signal.REFUSED):
            self._state, self._successes, self._half_open_since = State.HALF_OPEN, 1, now
            self._buckets.clear()
            self._bucket(now).counts[sign] += 1
        else:
            self._failed_probes += 1
            self._probe_later(now, chance)

    def refused(self, reason: Signal, now: float, chance: float) -> None:
        """The endpoint refuses nearly everything, or us: it opens also where it is not enabled."""
        if self._state is not _OPEN:
            self._open(reason, now, chance)

    # Questions

    def state(self) -> State:
        return self._state

    def reason(self) -> Signal:
        return self._reason

    def is_doubted(self) -> bool:
        """Whether several records failed since the last one that did not.

        One that goes on to fail alone, the others having long gone to another process, is spared no longer.
        """
        return len(self._failing) > 1 and self._alone < 2 * self._policy.minimum

    def room(self, now: float, in_flight: int) -> int | None:
        """How many may leave now; None: as many as anybody likes."""
        if self._state is _CLOSED:
            return None
        if self._state is State.HALF_OPEN:
            return 2 * self._successes - in_flight
        return int(not self._is_probing and now >= self._probe_at)

    def wakes_at(self) -> float | None:
        """When the next probe may leave; None when that is no question of time."""
        return self._probe_at if self._state is State.OPEN and not self._is_probing else None

    def is_probing(self) -> bool:
        """Whether a probe is under way."""
        return self._is_probing

    def failed_probes(self) -> int:
        """How many probes failed since it was closed."""
        return self._failed_probes

    def is_overdue(self, now: float) -> bool:
        """Whether it has not been closed for so long that events are held responsible again."""
        limit = self._policy.max_outage
        return limit is not None and self._down_since is not None and now - self._down_since > limit

    def downtime(self, now: float) -> float:
        """Seconds in which it was not closed and not overdue, all told."""
        if self._down_since is None:
            return self._down_before
        limit = self._policy.max_outage
        return self._down_before + min(now - self._down_since, math.inf if limit is None else limit)

    # How it moves

    def _accepted(self, sign: Signal, now: float) -> None:
        if self._state is not State.HALF_OPEN or (self._reason is Signal.REFUSED and sign is Signal.REFUSED):
            return
        self._successes += 1
        if self._successes >= self._policy.minimum:
            self._down_before, self._down_since = self.downtime(now), None
            self._state = State.CLOSED
            self._openings = self._failed_probes = 0

    def _open(self, reason: Signal, now: float, chance: float) -> None:
        self._state, self._reason = State.OPEN, reason
        self._is_probing = False
        self._buckets.clear()
        self._end_row()
        if self._down_since is None:
            self._down_since = now
        self._probe_later(now, chance)

    def _probe_later(self, now: float, chance: float) -> None:
        """Twice as late each time, up to half of it left to chance: many processes do not come at once."""
        interval = self._policy.first_probe * 2.0 ** min(self._openings, 30)
        self._openings += 1
        self._probe_at = now + min(interval, self._policy.max_probe_interval) * (1 + chance) / 2

    # What the window tells

    def _bucket(self, now: float) -> _Bucket:
        if not self._buckets or now - self._buckets[-1].begun >= self._tenth:
            self._buckets.append(_Bucket(now))
            self._forget(now)
        return self._buckets[-1]

    def _forget(self, now: float) -> None:
        """Drop the buckets that are too old to count."""
        total = sum(bucket.total() for bucket in self._buckets)
        while now - self._buckets[0].begun >= self._policy.window:
            total -= self._buckets[0].total()
            if total < self._policy.minimum:
                return
            self._buckets.popleft()

    def _verdict(self, now: float) -> Signal | None:
        """Why to open; None: it works well enough."""
        self._forget(now)
        counts = {sign: sum(bucket.counts[sign] for bucket in self._buckets) for sign in Signal}
        total = sum(counts.values())
        needed = self._policy.minimum if self._state is State.CLOSED else 2
        if total < needed or not self._tells_of_the_endpoint(counts):
            return None
        outage, in_a_row = sum(counts[sign] for sign in _OUTAGE), self._in_a_row
        is_silent = now - self._row_since >= self._silence
        if not is_silent:
            outage, in_a_row = outage - counts[Signal.UNAVAILABLE], in_a_row - self._unavailable
        if outage >= self._policy.failure_rate * total or in_a_row >= 2 * self._policy.minimum:
            return max(_OUTAGE, key=counts.__getitem__)
        if is_silent and counts[Signal.THROTTLED] >= self._policy.throttled_rate * total:
            return Signal.THROTTLED
        return None

    def _failed(self, sign: Signal, record: Hashable, bucket: _Bucket, now: float) -> None:
        if not self._failing:
            self._row_since = now
        self._in_a_row += sign in _OUTAGE
        self._unavailable += sign is Signal.UNAVAILABLE
        self._alone = self._alone + 1 if record == self._failed_last else 1
        self._failed_last = record
        for records in (bucket.records, self._failing):
            if len(records) < 2:
                records.add(record)

    def _end_row(self) -> None:
        self._in_a_row = self._unavailable = self._alone = 0
        self._silence = _SILENCE * self._policy.window
        self._failing.clear()

    def _tells_of_the_endpoint(self, counts: dict[Signal, int]) -> bool:
        if counts[Signal.UNREACHABLE]:
            return True
        return len(set().union(*(bucket.records for bucket in self._buckets))) > 1

"""One record until it is settled: parsed, sent as often as it takes, or dead-lettered.

Promises:
- a record is settled exactly once, after a delivered answer, an acknowledged dead letter or a
  stated rule, and never otherwise; a record given up by `abandon` is not settled;
- a slot is held from when a request leaves to its answer, and by nothing else;
- while the endpoint as a whole is down no attempt is held against a record, and no refusal becomes
  a dead letter that is not paid for: the record waits, and is sent again;
- an event that can be no request waits too while its dead letter is not paid for; others are looked for
  behind those that wait, each of which goes on as deliveries pay for it.

No task, no thread: what happens next is decided in callbacks on the event loop.
"""

from collections import Counter, deque
from collections.abc import Callable
from functools import partial

from processor.clock import Alarm, Clock, Timer
from processor.core import dead_letter, retry
from processor.core.age import age
from processor.core.dead_letter import Failure
from processor.core.pace.admission import Admission, Outcome
from processor.core.pace.budget import Fault
from processor.core.pace.circuit import State
from processor.core.request.preparation import Preparation, Skipped
from processor.core.retry import Again, Effort, Never, Reading, Reason, RetryPolicy, judge
from processor.errors import EventError
from processor.model import Answer, Partition, Record, Request, Response, Sign
from processor.telemetry.live_events import Live
from processor.telemetry.metrics import Telemetry
from processor.traffic.attempt import Listener, Run, Sender, Stage, nothing
from processor.traffic.dead_letters import Letters
from processor.traffic.withheld import Withheld

_DELIVERED = Sign.DELIVERED


class Delivery:
    """All records under way in this process."""

    def __init__(
        self,
        *,
        preparation: Preparation,
        admission: Admission,
        policy: RetryPolicy,
        letters: Letters,
        sender: Sender,
        clock: Clock,
        wall_clock: Callable[[], float],
        chance: Callable[[], float],
        telemetry: Telemetry,
        live: Live,
    ) -> None:
        self._preparation = preparation
        self._admission = admission
        self._policy = policy
        self._letters = letters
        self._sender = sender
        self._clock = clock
        self._wall_clock = wall_clock
        self._chance = chance
        self._telemetry = telemetry
        self._live = live
        self._circuit = admission.circuit()
        self._runs: dict[tuple[Partition, int], Run] = {}
        self._due: deque[Run] = deque()
        self.withheld = Withheld()
        self._alarm = Alarm(clock, self._move)
        self._knock: Timer | None = None
        self._circuit_was = State.CLOSED

    def stages(self) -> Counter[Stage]:
        """How many records wait for what."""
        return Counter(run.stage for run in self._runs.values())

    def attach(self, listener: Listener) -> None:
        """Tell `listener` from now on."""
        self._listener = listener

    def room(self) -> int:
        """How many more records may be started now; retries that are due go first."""
        return self._room() - len(self._due)

    def leased(self, until: float) -> None:
        """The partitions are ours until then: from then on nothing leaves."""
        self._admission.leased(until)
        self._move()

    def deliver(self, record: Record) -> None:
        """Do what `record` needs; ask `room()` before."""
        run = self._runs[record.partition, record.offset] = Run(record)
        if self.withheld.kinds.known and (failure := self.withheld.kinds.keeps_back(record)):
            self._alarm.set(now := self._clock.time(), now)  # it may be paid for already
            self._telemetry.withheld(record, failure, is_first=False)
            self._live.unusable(record, failure)
            self.withheld.kept_back(run, failure, now)
            self._listener.withheld(run.record)
        else:
            self._begin(run)

    def _begin(self, run: Run) -> None:
        try:
            prepared = self._preparation.prepare(run.record.value)
        except EventError as error:
            self._reject(run, dead_letter.of_event(error))
            return
        if isinstance(prepared, Skipped):
            self._skip(run, prepared.reason)
            return
        if isinstance(prepared, Request):
            run.request = prepared
        else:
            run.request, run.is_foreign = prepared.request, prepared.is_foreign
            if prepared.dropped_headers:
                self._telemetry.dropped_headers(prepared.dropped_headers)
        self._attempt(run)

    def abandon(self, record: Record, *, waiting_only: bool = False) -> bool:
        """Give `record` up, not settled; with `waiting_only` not if it waits for an answer or a write."""
        run = self._runs.get((record.partition, record.offset))
        if run is None or (waiting_only and run.stage in (Stage.ANSWER, Stage.LETTER)):
            return False
        del self._runs[record.partition, record.offset]
        stage = run.stage
        run.cancel()
        run.over()
        self.withheld.forget(run)
        if stage is not Stage.LETTER:  # one that is being written may well arrive
            self._give_back(run)
        if stage is Stage.ANSWER:
            self._admission.ended(run.permit, None, self._clock.time(), self._chance())
            self._move()
        elif run in self._due:
            self._due.remove(run)
        return True

    def _attempt(self, run: Run) -> None:
        assert run.request is not None
        now = self._clock.time()
        permit = self._admission.started(now)
        run.sent(permit, self._wall_clock(), self._circuit.downtime(now))
        run.cancel = self._sender.send(run.request, partial(self._answered, run))

    def _answered(self, run: Run, answer: Answer) -> None:
        now, wall = self._clock.time(), self._wall_clock()
        if run.paid:
            self._give_back(run)
        self._telemetry.attempted(answer, now - run.permit.at)
        reading = retry.read(self._policy, answer, wall)
        sign = reading.sign
        if sign is _DELIVERED:
            if self._live.is_watched:
                self._live.delivered(run.tried(run.attempts + 1), answer)
            self._delivered(run, now, wall)
        else:
            self._declined(run, answer, reading, now, wall)
        if self._circuit.state() is not self._circuit_was:
            self._say_circuit(answer)
        if sign is not _DELIVERED or self._due or self.withheld.count:
            self._move()

    def _delivered(self, run: Run, now: float, wall: float) -> None:
        if run.is_foreign:
            self._admission.ended(run.permit, None, now, self._chance())
        else:
            self._admission.accepted(run.permit, now)
        self._telemetry.delivered(age(run.record.timestamp, wall))
        if self.withheld.kinds.known:
            self.withheld.kinds.delivered(run.record)
        self._settle(run)

    def _declined(self, run: Run, answer: Answer, reading: Reading, now: float, wall: float) -> None:
        chance = self._chance()
        self._admission.ended(run.permit, self._outcome(run, reading), now, chance)
        run.delivered_before = self._admission.delivered()
        effort = self._effort(run, reading.sign, now, wall)
        match judge(self._policy, answer, reading, effort, chance=chance):
            case Again(after):
                self._telemetry.retried(run.record, answer, run.attempts, after)
                self._live.retried(run.tried(run.attempts), answer, after)
                self._wait(run, after)
            case Never(reason) if self._may_bury(run, reason, answer, now, chance):
                self._fail(run, run.refusal(answer, reason), paid=run.paid)
            case Never(reason):
                refusal = run.refusal(answer, reason)
                self._telemetry.withheld(run.record, refusal, is_first=not self.withheld.count)
                self._live.withheld(run.tried(run.attempts), answer)
                self.withheld.refused(run, refusal, now)
                self._listener.withheld(run.record)

    def _outcome(self, run: Run, reading: Reading) -> Outcome | None:
        """What the answer tells of the endpoint; nothing if the event chose another one."""
        if run.is_foreign:
            return None
        record = run.record.partition, run.record.offset
        return Outcome(record, reading.sign, run.delivered_before, reading.pause or 0.0)

    def _effort(self, run: Run, sign: Sign, now: float, wall: float) -> Effort:
        is_down = self._admission.is_down(run.permit, sign, now)
        downtime = self._circuit.downtime(now)
        return run.answered(now, wall, downtime, is_spared=is_down and not run.is_foreign)

    def _may_bury(self, run: Run, reason: Reason, answer: Answer, now: float, chance: float) -> bool:
        """Whether a refusal may become a dead letter now; else the record waits and is sent again."""
        status = answer.status if isinstance(answer, Response) else None
        if run.is_foreign or self._admission.is_unpaid(reason, status):
            return True
        if self._admission.afford(now, chance):
            run.paid = Fault.REFUSED
        return run.paid is not None

    def _wait(self, run: Run, delay: float) -> None:
        run.cancel = self._clock.call_later(delay, partial(self._retry, run)).cancel
        self._listener.delayed(run.record)

    def _retry(self, run: Run) -> None:
        run.cancel = nothing
        self._due.append(run)
        self._move()

    # Who goes next

    def _move(self) -> None:
        """Let leave what may: retries that are due, then new records; of two probes one is a new record.

        Where nearly everything is refused, three of four are, taken from anywhere: what is refused may be of
        a kind and lie together, and what is accepted lie behind it.
        """
        is_open = self._circuit.state() is State.OPEN
        is_refused = self._circuit.reason() is Sign.REFUSED
        if is_open and self._circuit.failed_probes() % (4 if is_refused else 2):
            further = self._chance() if is_refused else 0.0
            while self._room() > 0 and self._listener.offered(further):
                pass
        while self._due and self._room() > 0:
            self._attempt(self._due.popleft())
        if self.withheld.count:
            self._resume(is_open=is_open)
        self._listener.freed()

    def _resume(self, *, is_open: bool) -> None:
        """What is withheld goes on as far as it is paid for; while the circuit is open, as a probe."""
        while self.withheld.has_unusable() and self._admission.afford_unusable():
            self._fail(*self.withheld.next_unusable(), paid=Fault.UNUSABLE)
        while self.withheld.has_refused() and self._room() > 0:
            is_reserved = not is_open and self._admission.reserve()
            if not (is_open or is_reserved):
                break
            self._send_again(is_reserved=is_reserved)
        if self._knock is None and self.withheld.has_refused():
            self._knock = self._clock.call_later(self._policy.max_backoff, self._knock_again)

    def _knock_again(self) -> None:
        """One that is not paid for is tried again now and then: nothing else may be left to send."""
        self._knock = None
        if self.withheld.has_refused() and self._room() > 0:
            self._send_again(is_reserved=False)
        self._move()

    def _send_again(self, *, is_reserved: bool) -> None:
        run = self.withheld.next_refused()
        run.paid = Fault.REFUSED if is_reserved else None
        self._attempt(run) if run.request else self._begin(run)

    def _give_back(self, run: Run) -> None:
        if run.paid:
            self._admission.give_back(run.paid)
            run.paid = None

    def _room(self) -> int:
        """How many requests may leave now; when time alone will bring room, it is waited for."""
        now = self._clock.time()
        room = self._admission.room(now)
        if room < 1 and (at := self._admission.wakes_at(now)) is not None:
            self._alarm.set(at, now)
        return room

    def _say_circuit(self, answer: Answer) -> None:
        self._circuit_was = self._circuit.state()
        self._telemetry.circuit_changed(self._circuit_was, self._circuit.reason(), answer)

    def _skip(self, run: Run, reason: str) -> None:
        self._give_back(run)
        self._telemetry.skipped(reason)
        if self._live.is_watched:
            self._live.skipped(run.record, reason)
        self._settle(run)

    def _reject(self, run: Run, failure: Failure) -> None:
        """It can be no request, which is paid for too, but for tombstones: for those there is a setting."""
        self._give_back(run)
        is_unpaid = failure.code == "tombstone" or self._admission.is_unpaid(failure.code)
        if is_unpaid or self._admission.afford_unusable():
            self._fail(run, failure, paid=None if is_unpaid else Fault.UNUSABLE)
            return
        self._telemetry.withheld(run.record, failure, is_first=not self.withheld.count)
        self._live.unusable(run.record, failure)
        self.withheld.unusable(run, failure, self._clock.time())
        self._listener.withheld(run.record)

    def _fail(self, run: Run, failure: Failure, *, paid: Fault | None) -> None:
        run.paid = paid
        run.letter = self._letters.write(
            run.record, failure, partial(self._buried, run, failure), partial(self._blocked, run, failure)
        )
        run.cancel = run.letter.give_up

    def _buried(self, run: Run, failure: Failure) -> None:
        self._live.dead_lettered(run.record, failure)
        self._settle(run)

    def _blocked(self, run: Run, failure: Failure) -> None:
        self._live.blocked(run.record, failure)
        self._listener.blocked(run.record)

    def _settle(self, run: Run) -> None:
        del self._runs[run.record.partition, run.record.offset]
        run.over()
        self._listener.settled(run.record)

"""Attempts: requests under way, and what becomes of a record by their answers.

Promises:
- only a delivered answer, or a stated rule, settles a record; whatever else happens to it is told as such,
  and of one that is called off nothing more;
- an attempt at a host that an event names is that host's alone: its door lets it leave and hears of it;
- a slot is held from when a request leaves to its answer, and by nothing else;
- while the endpoint as a whole is down no attempt is held against a record, and no refusal becomes
  a dead letter that is not paid for; an answer that refuses us is no record's, but of one that chose its
  receiver or said itself who sends;
- where events are reported, one that is settled says how;
- what becomes of a run is told once, as one fact, to whom was named at the beginning; nothing is asked of
  this room before that has returned.

No task, no thread: what happens next is decided in callbacks on the event loop.
"""

from collections.abc import Callable
from functools import partial

from processor.clock import Clock
from processor.core import dead_letter, retry
from processor.core.age import age
from processor.core.dead_letter import Failure
from processor.core.pace.admission import Admission, Earlier, Outcome, Permit
from processor.core.pace.budget import Fault
from processor.core.pace.circuit import Circuit, State
from processor.core.pace.hosts import Hosts
from processor.core.reports.report import skipped
from processor.core.request.attempt_headers import AttemptHeaders
from processor.core.request.transform import Prepared
from processor.core.retry import Again, Effort, Reading, RetryPolicy
from processor.errors import EventError
from processor.model import Answer, Request, Response, Signal, request_of
from processor.telemetry.facts import Facts
from processor.traffic.attempt import (
    Attempt,
    End,
    Failed,
    Run,
    Sender,
    Settled,
    Unreported,
    Withheld,
    nothing,
)
from processor.traffic.preparation import Skipped

_TAKEN, _UNKNOWN = Signal.DELIVERED, Signal.CREDENTIALS
"""Looking a member up in its class is dear where it is done for every request."""
_DELIVERED, _SKIPPED = Settled(is_delivered=True), Settled(is_delivered=False)
_NEVER_SPARED = 0.0
"""Seconds of an outage that are not held against an event that chooses its receiver: it answers for it."""


class Delivery:
    """All attempts under way in this process; `ended` is told what becomes of what they carry."""

    def __init__(
        self,
        *,
        attempt_headers: AttemptHeaders | None,
        admission: Admission,
        hosts: Hosts,
        policy: RetryPolicy,
        sender: Sender,
        clock: Clock,
        wall_clock: Callable[[], float],
        chance: Callable[[], float],
        facts: Facts,
        ended: Callable[[Run, End], None],
        is_reported: bool = False,
    ) -> None:
        self._is_reported = is_reported
        self._attempt_headers = attempt_headers
        self._admission = admission
        self._hosts = hosts
        self._policy = policy
        self._sender = sender
        self._clock = clock
        self._wall_clock = wall_clock
        self._chance = chance
        self._facts = facts
        self._ended = ended
        self._circuit = admission.circuit()
        self._circuit_was = State.CLOSED

    def begin(self, run: Run) -> None:
        assert run.request is not None
        now, wall, request = self._clock.time(), self._wall_clock(), run.request
        admission, downtime = self._admission, self._circuit.downtime(now)
        if run.is_foreign:
            admission, downtime = self._hosts.of(run.host()), _NEVER_SPARED
        attempt = run.attempt = Attempt(admission, admission.started(now), (run,))
        run.sent(now, wall, downtime)
        made = self._attempt_headers
        if made is not None:
            headers = made.make(request, run.record, wall, run.attempts + 1, is_foreign=run.is_foreign)
            # The run keeps the request without them: they are told nobody, and the next attempt has others.
            request = request_of((request.method, request.url, request.headers, request.body, headers, None))
        attempt.cancel = self._sender.send(request, partial(self._answered, attempt))

    def withdraw(self, run: Run) -> None:
        """Nobody waits for its answer any more; a request that carries no other run is called off."""
        attempt, run.attempt = run.attempt, None
        assert attempt is not None
        attempt.runs = tuple(other for other in attempt.runs if other is not run)
        if not attempt.runs:
            attempt.cancel()
            attempt.cancel = nothing
            attempt.admission.ended(attempt.permit, None, self._clock.time(), self._chance())

    # What an answer means

    def _answered(self, attempt: Attempt, answer: Answer) -> None:
        """The fate of what was sent: delivered, sent again later, to be written down, or held unpaid."""
        now, wall = self._clock.time(), self._wall_clock()
        (run,) = attempt.runs
        permit, admission = attempt.permit, attempt.admission
        run.attempt, attempt.cancel = None, nothing
        if run.paid:
            self.give_back(run)
        self._facts.attempted(answer, now - permit.at)
        reading = retry.read(self._policy, answer, wall)
        end: End = _DELIVERED
        if reading.sign is _TAKEN:
            if self._is_reported:
                end = Unreported(run.delivery(answer, now - permit.at))
            admission.accepted(permit, now, reading.quota)
            record = run.record
            self._facts.delivered(
                record, run.request, run.attempts + 1, run.sent_at, answer, age(record.timestamp, wall)
            )
        else:
            chance = self._chance()
            reading = self._who_is_meant(run, reading, answer)
            admission.ended(permit, _outcome(run, reading), now, chance)
            # Asked behind that: by this very answer the endpoint may be found to be down.
            effort = self._effort(run, permit, admission, reading, now, wall)
            verdict = retry.judge(self._policy, answer, reading, effort, chance=chance)
            self._facts.failed(run.tried(), answer)
            if isinstance(verdict, Again):
                self._facts.retried(run.tried(), answer, verdict.after)
                end = verdict
            elif run.is_foreign or admission.is_unpaid(verdict.reason, _status(answer)):
                end = Failed(run.refusal(answer, verdict.reason), None)
            elif admission.afford(now, chance):
                end = Failed(run.refusal(answer, verdict.reason), Fault.REFUSED)
            else:
                end = Withheld(run.refusal(answer, verdict.reason), answer)
        if run.is_foreign or self._circuit.state() is not self._circuit_was:
            self._tell_how_it_stands(run, admission.circuit(), answer)
        self._ended(run, end)

    def _who_is_meant(self, run: Run, reading: Reading, answer: Answer) -> Reading:
        if run.is_foreign:
            self._hosts.failed(run.host(), answer)
        return retry.of_its_own(reading, answer) if run.is_foreign or run.brings_proof else reading

    def _effort(
        self, run: Run, permit: Permit, admission: Admission, reading: Reading, now: float, wall: float
    ) -> Effort:
        is_down = admission.is_down(permit, reading.sign, run.failed_before, now)
        is_unknown = reading.sign is _UNKNOWN
        run.failed_before = Earlier(now, admission.delivered())
        downtime = _NEVER_SPARED if run.is_foreign else self._circuit.downtime(now)
        is_spared = is_down and (is_unknown or not run.is_foreign)
        return run.answered(now, wall, downtime, is_spared=is_spared, is_counted=not is_unknown)

    def _tell_how_it_stands(self, run: Run, circuit: Circuit, answer: Answer) -> None:
        if not run.is_foreign:
            self._circuit_was = circuit.state()
            self._facts.circuit_changed(self._circuit_was, circuit.reason(), answer)
        elif (state := self._hosts.turned(run.host())) is not None:
            self._facts.host_changed(run.host(), state, circuit.reason(), answer)

    # What a preparation comes to

    def prepared(self, run: Run, result: Request | Prepared | Skipped | EventError) -> End | None:
        """What becomes of a run that can be no request; None: it has one now."""
        match result:
            case Request():
                run.request = result
            case Prepared(request, dropped_headers, is_foreign, brings_proof):
                run.request, run.is_foreign, run.brings_proof = request, is_foreign, brings_proof
                if is_foreign:
                    self.give_back(run)  # what becomes of it there costs nothing
                if dropped_headers:
                    self._facts.dropped_headers(dropped_headers)
            case Skipped(reason):
                return self._skip(run, reason)
            case EventError():
                return self._reject(run, dead_letter.of_event(result))
        return None

    def _skip(self, run: Run, reason: str) -> End:
        self.give_back(run)
        self._facts.skipped(run.record, reason)
        return Unreported(skipped(reason)) if self._is_reported else _SKIPPED

    def _reject(self, run: Run, failure: Failure) -> End:
        """It can be no request, which is paid for too, but for tombstones: for those there is a setting."""
        self.give_back(run)
        if failure.code == "tombstone" or self._admission.is_unpaid(failure.code):
            return Failed(failure, None)
        if self._admission.afford_unusable():
            return Failed(failure, Fault.UNUSABLE)
        return Withheld(failure, None)

    def give_back(self, run: Run) -> None:
        """What its dead letter was paid with, if it was: it becomes none now."""
        if run.paid:
            self._admission.give_back(run.paid)
            run.paid = None


def _outcome(run: Run, reading: Reading) -> Outcome:
    record = run.record.partition, run.record.offset
    return Outcome(record, reading.sign, run.failed_before, reading.pause or 0.0, reading.quota)


def _status(answer: Answer) -> int | None:
    return answer.status if isinstance(answer, Response) else None

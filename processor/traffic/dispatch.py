"""Who leaves next: retries, what is withheld or prepared, probes, new records; and the end of each of them.

Promises:
- what may leave leaves at the end of the turn in which that became so, in one place: `_pump` alone begins;
- retries that are due go before new records; of two probes one is a new record; where nearly everything is
  refused, three of four are, taken from anywhere: what is refused may be of a kind and lie together, and
  what is accepted lie behind it;
- a record that waits holds no slot, and to give it up costs O(1), however many wait and in what order; it
  is not settled then, and nothing of it is sent, or told, any more;
- an event whose dead letter is not paid for waits; others are looked for behind those that wait, each of
  which goes on as deliveries pay for it;
- no new record is begun while too many wait to be reported;
- a record is looked into once, before its first attempt; one that is prepared later holds no slot meanwhile;
- what goes to a host that an event names leaves beside all that (`undelivered/elsewhere`);
- of a partition that is leaving nothing is begun, and what comes to wait is left to whoever reads it next.

No task, no thread: what happens next is decided in callbacks on the event loop.
"""

from collections import Counter
from collections.abc import Callable, Collection
from functools import partial

from processor.clock import Alarm, Clock
from processor.core.pace.admission import Admission
from processor.core.pace.budget import Fault
from processor.core.pace.circuit import State
from processor.core.progress.flow import Flow
from processor.core.reports.report import Outcome
from processor.core.retry import Again
from processor.model import Partition, Record, Request, Signal
from processor.telemetry.facts import Facts
from processor.traffic.attempt import WAITING, End, Failed, Run, Settled, Stage, Unreported, Withheld
from processor.traffic.delivery import Delivery
from processor.traffic.undelivered.withheld import Withheld as Unpaid
from processor.traffic.unprepared import Unprepared
from processor.traffic.written.closing import Closing

_OVER, _OPEN = Stage.OVER, State.OPEN
"""Looking a member up in its class is dear where it is done for every record."""
_WRITTEN = Settled(is_delivered=False)


class Dispatch:
    """All records under way in this process.

    `delivery` makes the attempts, given whom they tell what becomes of a run; `unprepared` has what is not
    prepared yet, given also whom to tell of a change; `closing` writes what is to be written of a run, given
    whom to tell when that is done, or has to wait. `pumped` is called when all has left that may, and one
    that is not paid for is tried again after `knock_after` seconds.
    """

    def __init__(
        self,
        *,
        flow: Flow,
        admission: Admission,
        closing: Callable[[Callable[[Run], None], Callable[[Run, Stage], None]], Closing],
        delivery: Callable[[Callable[[Run, End], None]], Delivery],
        unprepared: Callable[[Delivery, Callable[[Run, End], None], Callable[[], None]], Unprepared],
        knock_after: float,
        clock: Clock,
        chance: Callable[[], float],
        facts: Facts,
        pumped: Callable[[], None],
    ) -> None:
        self._flow = flow
        self._admission = admission
        self._circuit = admission.circuit()
        self.closing = closing(self._written, self._wait)
        self._delivery = delivery(self._ended)
        self.unprepared = unprepared(self._delivery, self._ended, self.pump_soon)
        self.elsewhere = self.unprepared.elsewhere
        self._prepare, self._told = self.unprepared.prepare, self.unprepared.told
        self._clock, self._chance = clock, chance
        self._facts = facts
        self._pumped = pumped
        self._runs: dict[tuple[Partition, int], Run] = {}
        self._due: dict[Run, None] = {}
        """Those whose next attempt is due, in the order in which it became due."""
        self.withheld = Unpaid(clock, knock_after, self.pump_soon)
        self._alarm = Alarm(clock, self.pump_soon)
        self._is_open, self._is_closed, self._pump_is_due = True, False, False

    # Facts

    def pump_soon(self) -> None:
        """Something may leave now: at the end of this turn it does."""
        if not self._pump_is_due:
            self._pump_is_due = True
            self._clock.call_soon(self._pump)

    def leased(self, until: float) -> None:
        """The partitions are ours until then: from then on nothing leaves."""
        self._admission.leased(until)
        self.pump_soon()

    def close(self) -> None:
        """No new record is begun any more."""
        self._is_open, self._is_closed = False, True

    def forget(self, partitions: Collection[Partition]) -> None:
        """What waits of these is given up; what is under way in the world is not."""
        for run in self._of(partitions):
            if run.stage in WAITING:
                self._give_up(run)

    def give_up(self, partitions: Collection[Partition]) -> None:
        """All of these is given up, what is under way in the world too."""
        for run in self._of(partitions):
            self._give_up(run)
        self.pump_soon()

    # Questions

    def stages(self) -> Counter[Stage]:
        """How many records wait for what."""
        return Counter(run.stage for run in self._runs.values())

    def check(self) -> None:
        """Every record is where it is counted, and each attempt has its slot."""
        runs, stages = self._runs.values(), self.stages()
        assert all(run.stage is Stage.DUE for run in self._due)
        assert (len(self._due), self.withheld.count) == (stages[Stage.DUE], stages[Stage.WITHHELD])
        self.unprepared.check(stages)
        self.closing.check(stages)
        assert stages[Stage.NEW] == stages[Stage.OVER] == 0
        assert all((run.attempt is not None) is (run.stage is Stage.ANSWER) for run in runs)
        assert stages[Stage.ANSWER] == self._admission.in_flight() + self.elsewhere.in_flight()
        running = {(r.partition, r.offset) for r in self._flow.running(self._flow.assignment())}
        assert running == self._runs.keys()

    # Who goes next

    def _pump(self) -> None:
        self._pump_is_due = False
        is_open = self._circuit.state() is _OPEN
        if is_open and self._is_open:
            self._probe()
        while self._due and self._room() > 0:
            run = next(iter(self._due))
            del self._due[run]
            self._delivery.begin(run)
        if self.withheld.count:
            self._resume(is_open=is_open)
        for run, end in self.unprepared.ask_again() if self.unprepared.due else ():
            self._ended(run, end)
        for run, end in self.elsewhere.hopeless() if self.elsewhere.waiting else ():
            self._ended(run, end)
        while self.unprepared.prepared and self._room() > 0:
            self._delivery.begin(self.unprepared.next_prepared())
        self._start_new(is_open=is_open)
        for run in self.elsewhere.next() if self.elsewhere.waiting else ():
            self._delivery.begin(run)
        self._pumped()

    def _start_new(self, *, is_open: bool) -> None:
        while self._is_open and (room := self._room()) > 0:
            if self.unprepared.asked or room > self.unprepared.most:
                # They hold no slot, so something else has to bound them. A probe is alone.
                room = self.unprepared.room(room, keeps_place=is_open)
            if not (records := self._flow.start(room)):
                break
            for record in records:
                self._start(record)

    def _probe(self) -> None:
        """A new record, if it is one's turn."""
        is_refused = self._circuit.reason() is Signal.REFUSED
        if self._circuit.failed_probes() % (4 if is_refused else 2) == 0:
            return
        while self._is_open and (room := self._room()) > 0:
            if self.unprepared.prepared:
                self._delivery.begin(self.unprepared.next_prepared())
                continue
            if self.unprepared.room(room, keeps_place=True) < 1:
                return  # what will be sent is being prepared
            self._flow.look_further(self._chance() if is_refused else 0.0)
            if not (records := self._flow.start(1)):
                return
            self._start(records[0])

    def _resume(self, *, is_open: bool) -> None:
        """What is withheld goes on as far as it is paid for; while the circuit is open, as a probe.

        One that is not paid for is tried again now and then: nothing else may be left to send.
        """
        while self.withheld.has_unusable() and self._admission.afford_unusable():
            run, failure = self.withheld.next_unusable()
            self.closing.bury(run, failure, Fault.UNUSABLE)
        while self.withheld.has_refused() and self.unprepared.room(self._room(), keeps_place=True) > 0:
            is_reserved = not is_open and self._admission.reserve()
            if not (is_open or is_reserved or self.withheld.has_knocked):
                break
            if not (is_open or is_reserved):
                self.withheld.has_knocked = False
            run = self.withheld.next_refused()
            run.paid = Fault.REFUSED if is_reserved else None
            self._made(run, None if run.request is not None else self.unprepared.ask(run))
        self.withheld.go_on_later()

    def _start(self, record: Record) -> None:
        run = self._runs[record.partition, record.offset] = Run(record)
        if self.withheld.kinds.known and (failure := self.withheld.kinds.keeps_back(record)):
            self.pump_soon()  # it may be paid for already
            self._facts.withheld(run.tried(), failure, None, is_first=False)
            self.withheld.kept_back(run, failure, self._clock.time())
            self._wait(run, Stage.WITHHELD)
        elif isinstance(result := self._prepare(record, self._told), Request):
            run.request = result
            self._delivery.begin(run)
        else:
            self._made(run, self.unprepared.take(run, result))

    def _made(self, run: Run, end: End | None) -> None:
        """It is looked into; what becomes of it, where it can be no request."""
        if end is not None:
            self._ended(run, end)
        elif run.is_foreign:
            self.elsewhere.take(run)
        elif run.request is not None:
            self._delivery.begin(run)

    def _room(self) -> int:
        """How many requests may leave now; when time alone will bring room, it is waited for."""
        now = self._clock.time()
        room = self._admission.room(now)
        if room < 1 and (at := self._admission.wakes_at(now)) is not None:
            self._alarm.set(at, now)
        return room

    # What becomes of it

    def _ended(self, run: Run, end: End) -> None:
        """An attempt is over, or none is needed, or its dead letter is written."""
        if run.is_foreign:
            self.elsewhere.forget(run)
        if isinstance(end, Settled):
            record = run.record
            if end.is_delivered and self.withheld.kinds.known:
                self.withheld.kinds.delivered(record)
            run.stage = _OVER  # from wherever it is: who is over already is not among the runs
            del self._runs[record.partition, record.offset]
            if not self._flow.finished(record):
                self._facts.came_late()
        else:
            self._goes_on(run, end)
        if not self._pump_is_due:
            self.pump_soon()

    def _goes_on(self, run: Run, end: Unreported | Again | Failed | Withheld) -> None:
        match end:
            case Unreported(settlement):
                if settlement.outcome is Outcome.DELIVERED and self.withheld.kinds.known:
                    self.withheld.kinds.delivered(run.record)
                if not self.closing.report(run, settlement):
                    self._ended(run, _WRITTEN)
                self._open_or_shut()
            case Again(after):
                run.timer = self._clock.call_later(after, partial(self._becomes_due, run))
                self._wait(run, Stage.RETRY)
            case Failed(failure, paid):
                self.closing.bury(run, failure, paid)
            case Withheld(failure, answer):
                self._facts.withheld(run.tried(), failure, answer, is_first=not self.withheld.count)
                if answer is None:
                    self.withheld.unusable(run, failure, self._clock.time())
                else:
                    self.withheld.refused(run, failure, self._clock.time())
                self._wait(run, Stage.WITHHELD)

    def _wait(self, run: Run, stage: Stage) -> None:
        """Not here, if its partition is leaving."""
        run.enter(stage)
        if stage is Stage.WITHHELD:
            self._flow.withheld(run.record)
        if self._flow.is_leaving(run.record):
            self._give_up(run)
        self.pump_soon()

    def _becomes_due(self, run: Run) -> None:
        run.timer = None
        if run.is_foreign:
            self.elsewhere.take(run)
        else:
            run.enter(Stage.DUE)
            self._due[run] = None
        self.pump_soon()

    def _written(self, run: Run) -> None:
        """All is written of it that has to be."""
        self._open_or_shut()
        self._ended(run, _WRITTEN)

    def _open_or_shut(self) -> None:
        self._is_open = self.closing.has_room() and not self._is_closed

    def _give_up(self, run: Run) -> None:
        """It is not settled, and does not run any more."""
        if run.stage is Stage.ANSWER:
            self._delivery.withdraw(run)
        if run.paid and run.stage is not Stage.LETTER:  # one that is being written may well arrive
            self._admission.give_back(run.paid)
            run.paid = None
        run.let_go()
        self._due.pop(run, None)
        self.withheld.forget(run)
        self.unprepared.forget(run)
        self.elsewhere.forget(run)
        run.enter(Stage.OVER)
        del self._runs[run.record.partition, run.record.offset]
        self._facts.gave_up(run.record)
        self._flow.abandoned(run.record)
        self._open_or_shut()

    def _of(self, partitions: Collection[Partition]) -> list[Run]:
        return [self._runs[r.partition, r.offset] for r in self._flow.running(partitions)]

"""Records under preparation: asked for, prepared, or held for want of what it takes.

Promises:
- of no more than `most` at once the preparation is asked and has not answered;
- one that is given up is called off, nothing of it is kept, and what is said of it later counts for nothing;
- what cannot be prepared by the operator's fault is held: it is not settled, nothing more is read of its
  partition, and it is asked for again and again.

None is in flight. Their number is bounded by `most`, their memory by what bounds that of all that is
received and not finished: new ones are begun only while a request may leave, and what is prepared leaves
before them, so that no more than `most`, and those that were held, wait with their requests made.
Cost: O(1) a record.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from processor.clock import Clock
from processor.core.progress.assignment import Hold
from processor.core.progress.flow import PLENTY, Flow
from processor.core.retry import backoff
from processor.model import Partition, Record
from processor.telemetry.facts import Facts
from processor.traffic.attempt import End, Run, Stage
from processor.traffic.delivery import Delivery
from processor.traffic.preparation import Held, Later, Preparing, Result
from processor.traffic.undelivered.elsewhere import Elsewhere

MOST = PLENTY
"""As many as are enough to go on with: those that answer late keep nobody waiting who answers at once."""
AGAIN_SECONDS, AGAIN_MAX_SECONDS = 1.0, 30.0
"""After how long what is held is asked for again; twice as long each time."""
LONGEST_REASON = 200
"""Characters of why one is held that are told."""


class _Asked(NamedTuple):
    """For whom, and how it is called off."""

    run: Run
    call_off: Callable[[], None]


class Unprepared:
    """Those of one process; `ended` is told what becomes of one that turns out to be no request, later."""

    def __init__(
        self,
        preparation: Preparing,
        most: int,
        *,
        flow: Flow,
        delivery: Delivery,
        elsewhere: Elsewhere,
        clock: Clock,
        chance: Callable[[], float],
        facts: Facts,
        ended: Callable[[Run, End], None],
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called when one has become prepared, or is to be asked for again."""
        self.prepare = preparation.prepare
        self.most = most
        self._flow = flow
        self._delivery = delivery
        self.elsewhere = elsewhere
        self._clock = clock
        self._chance = chance
        self._facts = facts
        self._ended = ended
        self._changed = changed
        self.asked: dict[tuple[Partition, int], _Asked] = {}
        """Those whose preparation answers later."""
        self._again = 0
        """How many of these were held before."""
        self.prepared: dict[Run, None] = {}
        """Those that may leave when there is room, in the order in which they were prepared."""
        self._held: dict[Run, str] = {}
        self.due: dict[Run, None] = {}
        """Those of the held that are to be asked for again."""

    # What a preparation says

    def take(self, run: Run, result: Result | Later) -> End | None:
        """What becomes of a run that can be no request; None: it has one now, or waits for it here."""
        match result:
            case Later(call_off):
                run.enter(Stage.PREPARATION)
                self.asked[run.record.partition, run.record.offset] = _Asked(run, call_off)
                self._again += run.unprepared > 0
                return None
            case Held(reason):
                self._hold(run, reason)
                return None
        if run.unprepared:
            run.unprepared = 0
            self._flow.blocked(run.record, None)
        return self._delivery.prepared(run, result)

    def ask(self, run: Run) -> End | None:
        """The same of one that was kept back before it was looked into."""
        return self.take(run, self.prepare(run.record, self.told))

    def told(self, record: Record, result: Result) -> None:
        """An answer has come later; what was called off does not count, if it comes."""
        place = record.partition, record.offset
        asked = self.asked.get(place)
        if asked is None or asked.run.record is not record:
            self._facts.came_late()
            return
        run = self._no_longer(place).run
        if (end := self.take(run, result)) is not None:
            self._ended(run, end)
        else:
            self._wait_for_room(run)
            self._changed()

    def ask_again(self) -> Iterator[tuple[Run, End]]:
        """Ask for those of the held that are due, as far as there may be; what becomes of those that end."""
        # Half of those that may be asked for: else what cannot be prepared would keep all others waiting.
        while self.due and len(self.asked) < self.most and 2 * self._again < self.most:
            run = next(iter(self.due))
            del self.due[run], self._held[run]
            if (end := self.ask(run)) is not None:
                yield run, end
            else:
                self._wait_for_room(run)

    def next_prepared(self) -> Run:
        """Take the first that may leave."""
        run = next(iter(self.prepared))
        del self.prepared[run]
        return run

    def forget(self, run: Run) -> None:
        """It is given up: what was asked for it is called off."""
        place = run.record.partition, run.record.offset
        if place in self.asked:
            self._no_longer(place).call_off()
        self.prepared.pop(run, None)
        self.due.pop(run, None)
        self._held.pop(run, None)

    # Questions

    def room(self, room: int, *, keeps_place: bool) -> int:
        """How many may be begun, where so many requests may leave; `keeps_place`: one for each of these."""
        return min(room, self.most - len(self.asked), room - keeps_place * len(self.asked))

    def said(self) -> str | None:
        """How many are held, and why the first of them is."""
        if not self._held:
            return None
        return f"{len(self._held)} cannot be prepared: {next(iter(self._held.values()))}"

    def check(self, stages: Counter[Stage]) -> None:
        """Each is where it is counted, and none too many."""
        self.elsewhere.check(stages)
        assert len(self.asked) == stages[Stage.PREPARATION] <= self.most
        assert all(run.record.offset == offset for (_, offset), (run, _) in self.asked.items())
        assert self._again == sum(run.unprepared > 0 for run, _ in self.asked.values())
        assert len(self.prepared) == stages[Stage.PREPARED]
        assert all(run.request is not None for run in self.prepared)
        assert len(self._held) == stages[Stage.UNPREPARED]
        assert all(run in self.due or run.timer is not None for run in self._held)
        assert self.due.keys() <= self._held.keys()

    # How they wait

    def _no_longer(self, place: tuple[Partition, int]) -> _Asked:
        asked = self.asked.pop(place)
        self._again -= asked.run.unprepared > 0
        return asked

    def _wait_for_room(self, run: Run) -> None:
        """If it has a request by now."""
        if run.is_foreign:
            self.elsewhere.take(run)
        elif run.request is not None:
            run.enter(Stage.PREPARED)
            self.prepared[run] = None

    def _hold(self, run: Run, reason: str) -> None:
        run.enter(Stage.UNPREPARED)
        run.unprepared += 1
        self._delivery.give_back(run)
        self._facts.unprepared(run.record, reason)
        self._flow.blocked(run.record, Hold.PREPARATION)
        self._held[run] = reason[:LONGEST_REASON]
        delay = backoff(AGAIN_SECONDS, AGAIN_MAX_SECONDS, run.unprepared, (1 + self._chance()) / 2)
        run.timer = self._clock.call_later(delay, partial(self._is_due, run))

    def _is_due(self, run: Run) -> None:
        run.timer = None
        self.due[run] = None
        self._changed()

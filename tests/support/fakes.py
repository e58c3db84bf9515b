"""The rooms that touch the world, played by plain objects on a clock that a test moves.

`test_source_contract`, `test_sender_contract`, `test_preparation_contract` and
`test_dead_letters_contract` hold them to what the real ones do.
"""

import heapq
from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import partial
from itertools import count
from typing import NamedTuple

from msgspec.structs import replace

from processor.errors import WriteError
from processor.model import (
    Answer,
    Assigned,
    Commit,
    DeadLetter,
    Headers,
    Lost,
    MadeAnew,
    Partition,
    Position,
    Received,
    Record,
    RecordHeaders,
    Request,
    Response,
    Revoked,
    SourceEvent,
)
from processor.traffic.preparation import Held, Later, Preparing, Result

Errors = Mapping[Partition, str | None]


class VirtualTimer:
    """A call to come."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Call it off."""
        self.callback = None


class VirtualClock:
    """Time that passes only when a test says so; an event loop to Delivery and Pipeline."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._serial = count()
        self._calls: list[tuple[float, int, VirtualTimer]] = []

    def time(self) -> float:
        """Seconds."""
        return self._now

    def call_soon(self, callback: Callable[[], None]) -> VirtualTimer:
        """At the next `run` or `advance`, in order."""
        return self.call_later(0, callback)

    def call_later(self, delay: float, callback: Callable[[], None]) -> VirtualTimer:
        """After `delay` seconds of `advance`."""
        timer = VirtualTimer(callback)
        heapq.heappush(self._calls, (self._now + delay, next(self._serial), timer))
        return timer

    def run(self) -> None:
        """All that is due now."""
        self.advance(0)

    def advance(self, seconds: float) -> None:
        """Let so much time pass, with all calls due in it."""
        end = self._now + seconds
        while self._calls and self._calls[0][0] <= end:
            at, _, timer = heapq.heappop(self._calls)
            self._now = max(self._now, at)
            if timer.callback:
                timer.callback()
        self._now = end


class FakeSource:
    """A broker and the consumer in one: logs, committed positions, one assignment."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._epoch = 0
        self._next: dict[Partition, int] = {}
        self._assigned: dict[Partition, int] = {}
        self._unheard: set[Partition] = set()
        self._leaving: dict[Partition, int] = {}
        self._unanswered: deque[tuple[Mapping[Partition, Commit], Callable[[Errors], None]]] = deque()
        self.logs: dict[Partition, list[Record | None]] = {}
        self.committed: dict[Partition, Position] = {}
        self.commits: list[Mapping[Partition, Position]] = []
        self.held: frozenset[Partition] = frozenset()
        self.rests: list[bool] = []
        self.let_go: list[frozenset[Partition]] = []
        self.commit_error: str | None = None
        self.refused: dict[Partition, str] = {}
        """What the broker takes no commit for; the client tells such an error for all of a request."""
        self.metadata_limit = 4095
        self.answers_commits = True

    def open(self, sink: Callable[[SourceEvent], None]) -> None:
        """Source events go to `sink` from now on."""
        self._sink = sink

    def append(
        self,
        partition: Partition,
        key: bytes | None = None,
        value: bytes | None = b"{}",
        headers: RecordHeaders = (),
        timestamp: float = 0.0,
    ) -> Record:
        """Write a record to a log."""
        log = self.logs.setdefault(partition, [])
        record = Record(partition, len(log), key, value, headers, timestamp, 0)
        log.append(record)
        return record

    def append_gap(self, partition: Partition) -> None:
        """An offset that no reader ever sees, as a transaction marker takes it."""
        self.logs.setdefault(partition, []).append(None)

    def assign(self, *partitions: Partition) -> None:
        """Give these to the process."""
        self._epoch += 1
        for partition in partitions:
            self._assigned[partition] = self._epoch
            self._unheard.add(partition)
            position = self.committed.get(partition)
            self._next[partition] = position.offset if position else 0
        positions = {partition: self.committed.get(partition) for partition in partitions}
        self._sink(Assigned(self._epoch, positions))

    def fetch(self, most: int = 500) -> int:
        """Hand over up to `most` records of partitions that are not held; returns how many."""
        records: list[Record] = []
        ends: dict[Partition, int] = {}
        for partition, epoch in self._assigned.items():
            log, at = self.logs.get(partition, []), self._next[partition]
            while partition not in self.held and at < len(log) and len(records) < most:
                record, at = log[at], at + 1
                if record:
                    records.append(replace(record, epoch=epoch))
            self._next[partition] = at
            if at == len(log):
                ends[partition] = at
        heard = self._unheard & ({record.partition for record in records} | ends.keys())
        self._unheard -= heard
        bounds = {partition: len(self.logs.get(partition, [])) for partition in heard}
        self._sink(Received(records, ends, bounds=bounds))
        self._clock.run()
        return len(records)

    def revoke(self, *partitions: Partition) -> None:
        """Ask for these back."""
        self._leaving |= {partition: self._assigned[partition] for partition in partitions}
        self._drop(partitions)
        self._sink(Revoked(frozenset(partitions)))
        self._clock.run()

    def lose(self, *partitions: Partition) -> None:
        """Take these away."""
        self._drop(partitions)
        self._sink(Lost(frozenset(partitions)))
        self._clock.run()

    def make_anew(self, *partitions: Partition) -> None:
        """Delete their topic and make it anew, empty; the committed positions stay, as a late commit's do."""
        self._epoch += 1
        self.logs |= {partition: [] for partition in partitions}
        self._next |= dict.fromkeys(partitions, 0)
        self._assigned |= dict.fromkeys(partitions, self._epoch)
        self._unheard.update(partitions)
        self._sink(MadeAnew(frozenset(partitions)))
        self._sink(Assigned(self._epoch, dict.fromkeys(partitions)))
        self._clock.run()

    def tell(self, event: SourceEvent) -> None:
        """Something else happens."""
        self._sink(event)
        self._clock.run()

    def close(self) -> None:
        """Leave: all that is assigned is revoked."""
        self.revoke(*self._assigned)

    def answer_commits(self, most: int = 1000) -> None:
        """Answer what was left unanswered, the oldest first."""
        while self._unanswered and most:
            most -= 1
            self._answer(*self._unanswered.popleft())

    def hold(self, partitions: Collection[Partition], *, at_once: bool) -> None:
        """Take nothing from these."""
        self.held = frozenset(partitions)

    def rest(self, resting: bool) -> None:
        """A wish, which this one does not follow."""
        self.rests.append(resting)

    def commit(self, commits: Mapping[Partition, Commit], done: Callable[[Errors], None]) -> None:
        """Answered at the clock's next run, or when a test says so."""
        self.commits.append({partition: commit.position for partition, commit in commits.items()})
        ours = self._leaving | self._assigned
        if any(ours.get(partition) != commit.epoch for partition, commit in commits.items()):
            self._clock.call_soon(partial(done, dict.fromkeys(commits, "_STATE")))
            return
        self._unanswered.append((commits, done))
        if self.answers_commits:
            self._clock.call_soon(self.answer_commits)

    def released(self, partitions: Collection[Partition]) -> None:
        """These may go."""
        self.let_go.append(frozenset(partitions))
        for partition in partitions:
            self._leaving.pop(partition, None)

    def _drop(self, partitions: Collection[Partition]) -> None:
        for partition in partitions:
            del self._assigned[partition]

    def _answer(self, commits: Mapping[Partition, Commit], done: Callable[[Errors], None]) -> None:
        errors = {
            partition: self._judged(partition, commit.position) for partition, commit in commits.items()
        }
        self.committed.update({p: commit.position for p, commit in commits.items() if errors[p] is None})
        done(dict.fromkeys(commits, next(filter(None, errors.values()), None)))

    def _judged(self, partition: Partition, position: Position) -> str | None:
        if self.commit_error is not None:
            return self.commit_error
        if len(position.metadata) > self.metadata_limit:
            return "OFFSET_METADATA_TOO_LARGE"
        return self.refused.get(partition)


class Asked(NamedTuple):
    """A record whose preparation has not answered."""

    record: Record
    done: Callable[[Record, Result], None]


class FakePreparation:
    """Answers as `real` does, of some records later: when a test says so; holds while there is a `fault`."""

    def __init__(self, clock: VirtualClock, real: Preparing) -> None:
        self._clock = clock
        self._real = real
        self.is_late: Callable[[Record], bool] = lambda _: True
        self.fault = ""
        self.open: list[Asked] = []
        self.called_off: list[Asked] = []

    def prepare(self, record: Record, done: Callable[[Record, Result], None]) -> Result | Later:
        """Wait for the test, or say it at once."""
        if not self.is_late(record):
            return self._result(record)
        asked = Asked(record, done)
        self.open.append(asked)
        return Later(lambda: self._call_off(asked))

    def answer(self, which: int = 0) -> None:
        """Answer for the record that has waited longest, or another one; then run the clock."""
        asked = self.open.pop(which)
        asked.done(asked.record, self._result(asked.record))
        self._clock.run()

    def offsets(self) -> list[int]:
        """Those of the records that wait for an answer."""
        return [asked.record.offset for asked in self.open]

    def _result(self, record: Record) -> Result:
        if self.fault:
            return Held(self.fault)
        result = self._real.prepare(record, _unwanted)
        assert not isinstance(result, Later)
        return result

    def _call_off(self, asked: Asked) -> None:
        self.open.remove(asked)
        self.called_off.append(asked)


class FakeAttemptHeaders:
    """Says which attempt it is, of all, and when it leaves."""

    names = frozenset(("x-attempt",))

    def __init__(self) -> None:
        self._attempts = count(1)

    def make(self, request: Request, record: Record, at: float, attempt: int, *, is_foreign: bool) -> Headers:
        """Its number, the offset of its record, and the time."""
        assert not request.attempt_headers
        return (("X-Attempt", f"{next(self._attempts)} of {record.offset} at {at:.0f}"),)


class Sent(NamedTuple):
    """A request that left."""

    request: Request
    answered: Callable[[Answer], None]


class FakeSender:
    """An endpoint that a test plays, or that answers by a rule."""

    def __init__(self, clock: VirtualClock, rule: Callable[[Request], Answer] | None = None) -> None:
        self._clock = clock
        self._rule = rule
        self.open: list[Sent] = []
        self.sent: list[Request] = []
        self.most_open = 0

    def send(
        self,
        request: Request,
        answered: Callable[[Answer], None],
        _deadline: float | None = None,
        headers: Headers | None = None,
    ) -> Callable[[], None]:
        """Wait for the test, or for the rule's answer at the clock's next run."""
        request = request if headers is None else request._replace(headers=headers)
        sent = Sent(request, answered)
        self.sent.append(request)
        self.open.append(sent)
        self.most_open = max(self.most_open, len(self.open))
        if self._rule:
            answer = self._rule(request)
            self._clock.call_soon(lambda: self._answer(sent, answer))
        return lambda: self._cancel(sent)

    def answer(self, answer: Answer | int = 200, which: int = 0) -> None:
        """Answer the request that has waited longest, or another one; then run the clock."""
        self._answer(self.open[which], Response(answer, None, b"") if isinstance(answer, int) else answer)
        self._clock.run()

    def _answer(self, sent: Sent, answer: Answer) -> None:
        if sent in self.open:
            self.open.remove(sent)
            sent.answered(answer)

    def _cancel(self, sent: Sent) -> None:
        self.open.remove(sent)


class FakeDeadLetters:
    """A dead-letter topic; writes fail with `error` while there is one."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._unanswered: deque[tuple[DeadLetter, Callable[[WriteError | None], None]]] = deque()
        self.letters: list[DeadLetter] = []
        self.tried: list[DeadLetter] = []
        self.error: WriteError | None = None
        self.answers = True

    def write(self, letter: DeadLetter, written: Callable[[WriteError | None], None]) -> None:
        """Answered at the clock's next run, or when a test says so."""
        self.tried.append(letter)
        self._unanswered.append((letter, written))
        if self.answers:
            self._clock.call_soon(self.answer)

    def answer(self) -> None:
        """Acknowledge, or refuse, what was left unanswered."""
        while self._unanswered:
            letter, written = self._unanswered.popleft()
            if self.error is None:
                self.letters.append(letter)
            written(self.error)


def _unwanted(record: Record, result: Result) -> None:
    raise AssertionError(record, result)

"""Letters put back on a topic as the records that they are of.

Promises: a reader of committed records sees each once, however often this is killed and begun again; what the
topic of letters held at the beginning is moved, and no more; no letter is moved that another process has, or
gets, to send again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from processor.config.destination import signing
from processor.config.settings import Settings
from processor.core.letters.finished import Finished
from processor.core.letters.letter import read
from processor.core.letters.redelivery import RedeliveryPolicy, Verdict
from processor.core.letters.requeue import put_back
from processor.kafka.checks import stored
from processor.kafka.checks.open_letters import Standing, marks, standing
from processor.kafka.letters.moving import Moved, Moving, Positions
from processor.kafka.partitions.topic_ids import Registry
from processor.letters.redelivery import Outcome, excerpt_of
from processor.letters.tally import REQUEUED, Progress, is_clean
from processor.model import DeadLetter, Partition, Position, Received, Record

AT_ONCE = 500
"""Letters in one transaction, at most."""
AT_ONCE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RequeuePlan:
    """What is put back where, by which group, at how many a second; None: as fast as it goes.

    `parked`: the topic for what was sent again and failed too often; None: it is passed over.
    """

    policy: RedeliveryPolicy
    group: str
    to: str
    rate: float | None = None
    parked: str | None = None
    keeps_time: bool = False


def requeue(settings: Settings, plan: RequeuePlan, show: Callable[[Progress], None]) -> Outcome:
    """Put them back; `show` is told how far that has come. Blocks. Raises FatalError."""
    moving = Moving(settings.kafka, settings.dead_letter, plan.group)
    moving.open()
    with stored.opened(settings.kafka, plan.group) as client:
        topics = Registry(settings.kafka)
        now = standing(client, topics, settings.dead_letter.topic)
        marked = marks(topics, settings.dead_letter.topic, settings.destination.name)
        run = _Run(settings, plan, now)
        began = time.monotonic()
        for batch in _batches(stored.read(client, dict(now.first_open())), plan.rate):
            records = run.kept(batch, time.time())
            moved, ends = run.sorted_out(records)
            moving.move(moved, run.behind(records), client, marked)
            run.settled.update(ends)
            show(run.progress(time.monotonic() - began))
            if run.excerpt.is_full:
                break
            if plan.rate is not None:
                time.sleep(max(0.0, began + run.settled[REQUEUED] / plan.rate - time.monotonic()))
        else:
            # Behind the last letter may stand marks of transactions, or what was compacted away.
            moving.move((), run.at_the_ends(), client, marked)
    show(run.progress(time.monotonic() - began))
    return Outcome.ALL_DELIVERED if is_clean(run.settled) else Outcome.SOME_FAILED


class _Run:
    """What has become of the letters so far."""

    def __init__(self, settings: Settings, plan: RequeuePlan, now: Standing) -> None:
        self._plan = plan
        self._now = now
        self._ids = signing.ids(settings.destination)
        self._finished = dict(now.finished)
        self.excerpt = excerpt_of(plan.policy, now)
        self.settled: Counter[str] = Counter()

    def kept(self, batch: Sequence[Record], now: float) -> Sequence[Record]:
        """Those of a batch that are looked at."""
        return self.excerpt.within(Received(batch, {}), now).records

    def sorted_out(self, records: Sequence[Record]) -> tuple[list[Moved], Counter[str]]:
        """What is to be written of these, and how many come to which end."""
        moved, ends = [], Counter[str]()
        for record in records:
            if self._now.finished[record.partition].has(record.offset):
                continue
            letter = read(record)
            match self._plan.policy.judge(letter):
                case Verdict.SENT:
                    end = REQUEUED
                    made = put_back(record, letter, self._ids, keeps_time=self._plan.keeps_time)
                    moved.append(Moved(self._plan.to, made, str(letter.place)))
                case Verdict.TOO_OFTEN if self._plan.parked is not None:
                    end = Verdict.PARKED
                    as_it_is = DeadLetter(record.key, record.value, record.headers or ())
                    moved.append(Moved(self._plan.parked, as_it_is, str(letter.place)))
                case reason:
                    end = reason
            ends[end] += 1
        return moved, ends

    def behind(self, records: Sequence[Record]) -> Positions:
        """Where each partition stands once these are settled."""
        return self._positions({record.partition: record.offset + 1 for record in records})

    def at_the_ends(self) -> Positions:
        """Where each stands that is not there yet, once all that was open is settled."""
        ends = {partition: span.end for partition, span in self._now.first_open()}
        return self._positions({p: end for p, end in ends.items() if self._finished[p].offset < end})

    def _positions(self, offsets: Mapping[Partition, int]) -> Positions:
        for partition, offset in offsets.items():
            self._finished[partition] = Finished(Position(offset))
        return {p: (offset, self._now.finished[p].after(offset)) for p, offset in offsets.items()}

    def progress(self, seconds: float) -> Progress:
        """How far it has come in so many seconds."""
        rate = self.settled.total() / seconds if seconds > 0 else 0.0
        left = self.excerpt.left(self._now.firsts(), self._finished)
        return Progress(left, self.settled, rate, told=(REQUEUED,))


def _batches(records: Iterator[Record], rate: float | None) -> Iterator[Sequence[Record]]:
    """As many as one transaction is to hold, bounded in number and bytes; a second's if there is a rate."""
    most = AT_ONCE if rate is None else max(1, min(AT_ONCE, round(rate)))
    batch: list[Record] = []
    weight = 0
    for record in records:
        batch.append(record)
        weight += record.weight()
        if len(batch) == most or weight >= AT_ONCE_BYTES:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch

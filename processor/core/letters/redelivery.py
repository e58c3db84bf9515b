"""Letters that are sent again: which of a topic, what is made of each, and when that is over.

Promises:
- a run ends: nothing is passed on that was written after it began, what fails again within it included;
- a letter that was sent again and failed so often that it may not be sent any more is passed over, and so is
  what has lost its value: nothing is made of what is not there;
- what is prepared is the record as it was: its own headers, and where and when it stood first.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from processor.core.dead_letter import CONNECT, OURS, written
from processor.core.letters.finished import Finished
from processor.core.letters.letter import Letter, read
from processor.core.letters.selection import ALL, SelectionPolicy
from processor.model import Partition, Received, Record, RecordHeaders

MOST_REDELIVERIES = 3


@dataclass(frozen=True, slots=True)
class RedeliveryPolicy:
    """Which letters, how often each, and how many of them; None: all.

    `destination`: whose they are to be, unless the selection names others; None: anybody's.
    """

    selection: SelectionPolicy = ALL
    most_redeliveries: int = MOST_REDELIVERIES
    most: int | None = None
    destination: str | None = None

    def judge(self, letter: Letter) -> "Verdict":
        """What becomes of it in this run."""
        if not self.selection.means(letter):
            return Verdict.OTHER
        if self._is_of_another(letter):
            return Verdict.ELSEWHERE
        if letter.redeliveries >= self.most_redeliveries:
            return Verdict.TOO_OFTEN
        return Verdict.SENT if letter.is_whole else Verdict.INCOMPLETE

    def _is_of_another(self, letter: Letter) -> bool:
        if self.destination is None or self.selection.destinations:
            return False
        return letter.addressee not in (None, self.destination)


class Verdict(StrEnum):
    """What becomes of a letter; all but the first are reasons for which it is left out."""

    SENT = "sent"
    OTHER = "other"
    """It is not meant."""
    ELSEWHERE = "elsewhere"
    """It was to go to another destination, which has a group of its own for it."""
    TOO_OFTEN = "too_often"
    """It was sent again and failed as often as it may."""
    INCOMPLETE = "incomplete"
    """It has not the value of its record."""
    UNUSABLE = "unusable"
    """Its record can still be no request."""
    PARKED = "parked"
    """It was sent too often, and is in the topic for those."""


def own_headers(record: Record) -> RecordHeaders:
    """The headers of the record that a letter is of."""
    return tuple(each for each in record.headers or () if not each[0].startswith((CONNECT, OURS)))


def original(record: Record, letter: Letter) -> Record:
    """The record that a letter is of, as it stood where it stood first, as far as the letter tells."""
    partition, offset = letter.origin or letter.place
    timestamp = letter.timestamp
    if timestamp is None and not _says_its_time(record):
        timestamp = record.timestamp
    return Record(partition, offset, record.key, record.value, own_headers(record), timestamp, record.epoch)


class Excerpt:
    """What of a topic of letters is passed on: what it held when the run began, no more than was asked for.

    `ends` are the offsets behind the last letter of each partition then, `finished` what was brought back.
    """

    def __init__(
        self,
        policy: RedeliveryPolicy,
        ends: Mapping[Partition, int],
        finished: Mapping[Partition, Finished] = MappingProxyType({}),
    ) -> None:
        self._policy = policy
        self._begun_with = ends
        self._ends = dict(ends)
        self._finished = finished
        self._left = policy.most
        self._passed: dict[Partition, int] = {}
        """Behind the last letter of each that was passed on, once."""

    def within(self, received: Received, now: float) -> Received:
        """The same without what is not to be passed on, `now` being when it was written."""
        kept = [_of_now(record, now) for record in self._kept(received.records)]
        # Of a partition that others go on to fill no end may ever be told: what lies beyond ours tells it.
        beyond = {
            each.partition: each.offset
            for each in received.records
            if each.offset >= self._end(each.partition)
        }
        ends = {p: min(end, self._end(p)) for p, end in (beyond | dict(received.ends)).items()}
        for partition, end in ends.items():
            self._passed[partition] = max(end, self._passed.get(partition, 0))
        headless = [record for record in received.headless if record.offset < self._end(record.partition)]
        return Received(kept, ends, headless, received.bounds)

    def _kept(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            partition, offset = record.partition, record.offset
            if offset >= self._end(partition):
                continue
            if self._left is not None and offset >= self._passed.get(partition, 0):
                is_one = not self._is_finished(record) and self._policy.judge(read(record)) is Verdict.SENT
                if is_one and self._left == 0:
                    self._ends[partition] = offset
                    continue
                self._left -= is_one
                self._passed[partition] = offset + 1
            yield record

    @property
    def is_full(self) -> bool:
        """Whether as many were passed on as were asked for."""
        return self._left == 0

    def _is_finished(self, record: Record) -> bool:
        finished = self._finished.get(record.partition)
        return finished is not None and finished.has(record.offset)

    def _end(self, partition: Partition) -> int:
        return self._ends.get(partition, 0)

    def is_cut(self, ends: Mapping[Partition, int]) -> bool:
        """Whether the topic, which ends there now, no longer reaches as far as when the run began."""
        return any(end < self._begun_with.get(partition, 0) for partition, end in ends.items())

    def left(self, first: Mapping[Partition, int], finished: Mapping[Partition, Finished]) -> int:
        """How many offsets are still to be settled, as the group's positions tell.

        `first`: of each partition, what it still holds. Where no more is to be passed on than was, only that
        counts.
        """
        ends = self._passed if self.is_full else self._ends
        return sum(
            finished[partition].open(first.get(partition, 0), end)
            for partition, end in ends.items()
            if partition in finished
        )


_TIMESTAMP = OURS + "timestamp"


def _says_its_time(record: Record) -> bool:
    """Whether it is said when the record was written, be it in a way that nobody can read."""
    return any(name == _TIMESTAMP for name, _ in record.headers or ())


def _of_now(record: Record, now: float) -> Record:
    """The same with this time: it is not given up, and counts for nobody as late, by how old it was before.

    Its own is kept where letters keep it, empty where it has none, so that it has the same id whenever it is
    sent.
    """
    headers = record.headers
    if not _says_its_time(record):
        headers = (*(headers or ()), (_TIMESTAMP, (written(record.timestamp) or "").encode()))
    return Record(record.partition, record.offset, record.key, record.value, headers, now, record.epoch)

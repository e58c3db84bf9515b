"""Letters read from their topic: counted, or one alone; nothing is sent, committed or changed.

Promises: a letter is open until the group that brings letters back has finished it, and no longer; reading
ends at what the topic held when it began; its memory does not grow with the topic.
"""

from bisect import bisect_right
from typing import NamedTuple

from processor.config.settings import Settings
from processor.core.letters.histogram import Histogram
from processor.core.letters.letter import Place, read
from processor.core.letters.selection import SelectionPolicy
from processor.core.progress import offset_codec
from processor.errors import FatalError
from processor.kafka.checks import stored
from processor.kafka.checks.positions import committed
from processor.model import Position, Record

SUFFIX = ".letters"
"""Behind the name of the group: that of the group which brings its letters back."""


class Listing(NamedTuple):
    """The letters that are meant, by kind; `brought_back`: how many of the topic's are not open any more."""

    histogram: Histogram
    brought_back: int


def standing_group(settings: Settings) -> str:
    """The group that brings letters back; its lag is the number of open letters."""
    return settings.kafka.group_id + SUFFIX


def counted(settings: Settings, selection: SelectionPolicy, most: int | None = None) -> Listing:
    """The open letters that are meant, up to `most`. Raises FatalError."""
    histogram, brought_back = Histogram(), 0
    group = standing_group(settings)
    with stored.opened(settings.kafka, group) as client:
        those = stored.partitions(client, settings.dead_letter.topic)
        spans = {each: span for each, span in stored.held(client, those).items() if span.first < span.end}
        positions = committed(client, list(spans))
        finished = {partition: _Finished(position) for partition, position in positions.items()}
        for record in stored.read(client, spans):
            if finished[record.partition].has(record.offset):
                brought_back += 1
                continue
            if selection.means(letter := read(record)):
                histogram.add(letter)
                if histogram.letters == most:
                    break
    return Listing(histogram, brought_back)


def one(settings: Settings, place: Place) -> Record:
    """The record of one letter. Raises FatalError where it is not there."""
    with stored.opened(settings.kafka, standing_group(settings)) as client:
        partition, offset = place
        if partition not in (those := stored.partitions(client, partition.topic)):
            raise FatalError(f"{partition}: topic {partition.topic} has {len(those)} partitions")
        span = stored.held(client, [partition])[partition]
        if not span.first <= offset < span.end:
            raise FatalError(f"{place} is not there: {partition} holds {span.first} to {span.end - 1}")
        for record in stored.read(client, {partition: stored.Span(offset, span.end)}, 1):
            if record.offset == offset:
                return record
    raise FatalError(f"{place} is not there any more, or is none that can be read")


class _Finished:
    """What of a partition's letters was brought back."""

    def __init__(self, position: Position | None) -> None:
        spans = offset_codec.decode(position.offset, position.metadata) if position else ()
        self._firsts = [0, *(span.first for span in spans)]
        self._ends = [position.offset if position else 0, *(span.end for span in spans)]

    def has(self, offset: int) -> bool:
        return offset < self._ends[bisect_right(self._firsts, offset) - 1]

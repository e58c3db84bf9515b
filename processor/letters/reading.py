"""Letters read from their topic: counted, or one alone; nothing is sent, committed or changed.

Promises: a letter is open until the group that brings letters back has finished it, and no longer; reading
ends at what the topic held when it began; its memory does not grow with the topic.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from processor.config.settings import Settings
from processor.core.letters.histogram import Histogram
from processor.core.letters.letter import Place, read
from processor.core.letters.redelivery import RedeliveryPolicy, Verdict
from processor.errors import FatalError
from processor.kafka.checks import stored
from processor.kafka.checks.open_letters import Standing, standing
from processor.kafka.partitions.topic_ids import Registry
from processor.model import Record


class Listing(NamedTuple):
    """The letters that are meant, by kind; `brought_back`: how many of the topic's are not open any more.

    `passed_over`: how many of those that are meant would not be sent again, by why; `not_meant`: how many are
    open besides.
    """

    histogram: Histogram
    brought_back: int
    passed_over: Mapping[Verdict, int]
    not_meant: int


def counted(settings: Settings, policy: RedeliveryPolicy, group: str | None = None) -> Listing:
    """The letters that are meant and open for `group`, the standing one unless another is named.

    Raises FatalError.
    """
    histogram, brought_back, passed_over = Histogram(), 0, Counter[Verdict]()
    not_meant = 0
    group = group or settings.dead_letter.group_of(settings.kafka)
    with stored.opened(settings.kafka, group) as client:
        now = standing(client, Registry(settings.kafka), settings.dead_letter.topic)
        spans = {each: span for each, span in now.held.items() if span.first < span.end}
        for record in stored.read(client, spans):
            if now.finished[record.partition].has(record.offset):
                brought_back += 1
                continue
            letter = read(record)
            if (verdict := policy.judge(letter)) is Verdict.OTHER:
                not_meant += 1
                continue
            histogram.add(letter)
            passed_over[verdict] += verdict is not Verdict.SENT
            if histogram.letters == policy.most:
                break
    return Listing(histogram, brought_back, passed_over, not_meant)


def standing_now(settings: Settings, group: str) -> Standing:
    """What the topic holds, and what of it that group has finished. Raises FatalError."""
    with stored.opened(settings.kafka, group) as client:
        return standing(client, Registry(settings.kafka), settings.dead_letter.topic)


def one(settings: Settings, place: Place) -> Record:
    """The record of one letter. Raises FatalError where it is not there."""
    with stored.opened(settings.kafka, settings.dead_letter.group_of(settings.kafka)) as client:
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

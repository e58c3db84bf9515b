"""Which letters of a topic are open: what it holds, and what the group that brings them back has finished.

Promise: nothing is joined or changed by asking, and what is not told is never taken for "none is open".
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import confluent_kafka
from confluent_kafka import KafkaException

from processor.config.kafka import KafkaSettings
from processor.core.letters import letter
from processor.core.letters.finished import Finished
from processor.core.progress.offset_codec import Marks, read
from processor.errors import FatalError
from processor.kafka.checks import stored
from processor.kafka.checks.inquiry import apart
from processor.kafka.checks.positions import committed
from processor.kafka.checks.stored import Span
from processor.kafka.partitions.topic_ids import ANSWER_SECONDS, Registry
from processor.model import Partition, Record

WATCH_SECONDS = 60.0
PAST_THE_END = (
    "below what the group of its letters has committed: was it made anew, or cut? What of it was brought "
    "back is not known: set the group's offsets, then begin again"
)


class Standing(NamedTuple):
    """What each partition holds, and what of it was brought back."""

    held: Mapping[Partition, Span]
    finished: Mapping[Partition, Finished]

    def open(self) -> int:
        """How many offsets are open; records, where nothing was deleted and no transaction left a mark."""
        return sum(self.finished[each].open(*span) for each, span in self.held.items())

    def firsts(self) -> dict[Partition, int]:
        """The first offset that each partition holds."""
        return {partition: span.first for partition, span in self.held.items()}

    def first_open(self) -> Iterator[tuple[Partition, Span]]:
        """Of each partition with open letters from where on they are."""
        for partition, (first, end) in self.held.items():
            begins = max(first, self.finished[partition].offset)
            if begins < end:
                yield partition, Span(begins, end)


def standing(client: confluent_kafka.Consumer, topics: Registry, topic: str) -> Standing:
    """How it stands for the group of the client. Raises FatalError."""
    those = stored.partitions(client, topic)
    positions = committed(client, those)
    held = stored.held(client, those)  # after the positions: by now it may hold more, and never less
    said = [read(*at).marks for at in positions.values() if at is not None]
    topic_id = _id_of(topics, topic) if any(marks.topic_id for marks in said) else None
    cluster = topics.cluster(ANSWER_SECONDS) if any(marks.cluster for marks in said) else None
    finished = {partition: Finished(at, topic_id, cluster) for partition, at in positions.items()}
    for partition, span in held.items():
        if finished[partition].offset > span.end:
            raise FatalError(f"{partition} ends at {span.end}, {PAST_THE_END}")
    return Standing(held, finished)


def marks(topics: Registry, topic: str, destination: str) -> Marks:
    """What is to be kept beside positions of a topic, as far as it is told."""
    return Marks(_id_of(topics, topic), destination, cluster=topics.cluster(ANSWER_SECONDS))


def _id_of(topics: Registry, topic: str) -> bytes | None:
    return topics.ask({topic}).answer(ANSWER_SECONDS).get(topic) or None


class OpenLetters:
    """Those of one topic for one group, asked again and again while the process does other things.

    `count`: how many were open when they were asked for last; `oldest_at`: when the one that waits longest
    failed, as a timestamp in seconds. None: that is not known.
    """

    def __init__(self, kafka: KafkaSettings, topic: str, group: str) -> None:
        self.count: int | None = None
        self.oldest_at: float | None = None
        self._kafka = kafka
        self._topic = topic
        self._group = group
        self._client: confluent_kafka.Consumer | None = None
        self._topics: Registry | None = None

    async def watch(self) -> None:
        """Ask now and then, for ever."""
        while True:
            now = await self.ask()
            self.count = now and now.open()
            oldest = await self.oldest(now) if now is not None and self.count else None
            times = (letter.read(each).at for each in oldest or ())
            self.oldest_at = min((at for at in times if at is not None), default=None)
            await asyncio.sleep(WATCH_SECONDS)

    async def ask(self) -> Standing | None:
        """How it stands now; None: that is not told."""
        return await apart(self._standing)

    async def oldest(self, now: Standing) -> list[Record] | None:
        """The first open letter of each partition; None: they cannot be read."""
        return await apart(lambda: self._oldest(now))

    def _standing(self) -> Standing | None:
        self._client = self._client or stored.beside(self._kafka, self._group)
        self._topics = self._topics or Registry(self._kafka)
        try:
            self._client.poll(0)  # what it has to tell would be kept for ever
            return standing(self._client, self._topics, self._topic)
        except (FatalError, KafkaException):
            return None

    def _oldest(self, now: Standing) -> list[Record] | None:
        assert self._client is not None
        try:
            return list(stored.read(self._client, dict(now.first_open()), 1))
        except (FatalError, KafkaException):
            return None
        finally:
            self._client.unassign()

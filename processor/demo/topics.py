"""The demo's own view of the broker: what it produces, and what it reads back."""

from collections.abc import Iterator
from typing import NamedTuple, cast

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from processor.core.dead_letter import OURS
from processor.demo.endpoint import Sample

TOPIC, DEAD_LETTER_TOPIC, GROUP = "events", "events.dlq", "demo"
PARTITIONS = 6
ANSWER_SECONDS = 10.0


class Letter(NamedTuple):
    """A dead letter as it was read back; `reason` is the code with the status, if there was one."""

    key: str
    value: bytes | None
    reason: str
    attempts: int


class Positions(NamedTuple):
    """Where the topic ends and what the group has committed, by partition; where the dead letters end."""

    ends: dict[int, int]
    committed: dict[int, int]
    letters: int

    def are_reached(self, letters: int) -> bool:
        """Whether all is committed, and so many dead letters are all."""
        return self.committed == self.ends and letters >= self.letters


class Topics:
    """The demo's own view of the broker."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._options = {"bootstrap.servers": bootstrap_servers, "log_level": 0}
        self._producer = Producer(self._options)
        self._letters = self._consumer("demo-screen")
        self._letters.assign([TopicPartition(DEAD_LETTER_TOPIC, 0, 0)])

    def close(self) -> None:
        self._letters.close()
        self._producer.close()

    def produce(self, sample: Sample) -> None:
        """Append it to the topic."""
        self._producer.produce(TOPIC, key=sample.key, value=sample.value)
        self._producer.poll(0)

    def letters(self) -> Iterator[Letter]:
        """The dead letters that came since they were asked for."""
        for message in self._letters.consume(500, 0):
            if message.error() is None:
                yield _letter(message)

    def positions(self) -> Positions:
        """What the broker says by now; blocks until it has answered."""
        partitions = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
        dead = TopicPartition(DEAD_LETTER_TOPIC, 0)
        with self._consumer(GROUP) as consumer:
            ends = [consumer.get_watermark_offsets(p, ANSWER_SECONDS)[1] for p in (*partitions, dead)]
            committed = consumer.committed(partitions, ANSWER_SECONDS)
        return Positions(
            ends=dict(enumerate(ends[:-1])),
            committed={each.partition: max(0, each.offset) for each in committed},
            letters=ends[-1],
        )

    def _consumer(self, group: str) -> Consumer:
        return Consumer({**self._options, "group.id": group, "enable.auto.commit": False})


def _letter(message: Message) -> Letter:
    found = dict(cast("list[tuple[str, bytes]]", message.headers() or ()))
    code, status, attempts = (
        found.get(f"{OURS}{name}", b"").decode() for name in ("error.code", "status", "attempts")
    )
    return Letter((message.key() or b"").decode(), message.value(), f"{code} {status}".strip(), int(attempts))

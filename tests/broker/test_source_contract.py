"""What every source promises the pipeline: the fake one, the real one on both brokers, alike."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Self
from uuid import uuid4

import confluent_kafka
import pytest

from processor.config.kafka import KafkaSettings
from processor.kafka.consumer import Consumer
from processor.kafka.embedded import EmbeddedBroker
from processor.model import (
    Assigned,
    Commit,
    Lost,
    Partition,
    Position,
    Received,
    Record,
    Revoked,
    SourceEvent,
)
from processor.traffic.pipeline import Source
from tests.support.fakes import FakeSource, VirtualClock
from tests.support.patience import PATIENCE


class Rig(ABC):
    """A topic of two partitions, and one source that reads it at a time."""

    source: Source
    refusals: tuple[str, ...] = ()
    """What a last commit may be answered by chance."""

    def __init__(self, topic: str) -> None:
        self.partitions = (Partition(topic, 0), Partition(topic, 1))
        self.events: list[SourceEvent] = []

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until `condition` holds; let the source work meanwhile."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await self.work()

    def of(self, partition: int) -> list[Record]:
        """The records received of one partition."""
        received = (event.records for event in self.events if isinstance(event, Received))
        return [record for record in chain(*received) if record.partition.number == partition]

    def ends(self) -> dict[Partition, int]:
        """The last known ends."""
        ends: dict[Partition, int] = {}
        for event in self.events:
            if isinstance(event, Received):
                ends |= event.ends
        return ends

    def assigned(self) -> dict[Partition, Position | None]:
        """All partitions assigned so far, with their committed positions."""
        positions: dict[Partition, Position | None] = {}
        for event in self.events:
            if isinstance(event, Assigned):
                positions |= event.positions
        return positions

    def gone(self) -> frozenset[Partition]:
        """The partitions that were revoked."""
        revoked = (event.partitions for event in self.events if isinstance(event, Revoked))
        return frozenset().union(*revoked)

    def commits(self, positions: Mapping[Partition, Position]) -> dict[Partition, Commit]:
        """These positions, in the assignments that were heard of last."""
        told = [event for event in self.events if isinstance(event, Assigned)]
        epochs = {partition: event.epoch for event in told for partition in event.positions}
        return {partition: Commit(epochs[partition], position) for partition, position in positions.items()}

    async def commit(self, positions: Mapping[Partition, Position]) -> dict[Partition, str | None]:
        """Commit and wait for the answer."""
        answers: list[dict[Partition, str | None]] = []
        self.source.commit(self.commits(positions), lambda errors: answers.append(dict(errors)))
        await self.until(lambda: answers)
        return answers[0]

    @abstractmethod
    async def work(self) -> None:
        """Let the source read a little."""

    @abstractmethod
    def produce(self, partition: int, count: int) -> None:
        """Append numbered records."""

    @abstractmethod
    async def start(self) -> None:
        """Open the source."""

    @abstractmethod
    async def close(self) -> None:
        """Leave the group, releasing what is revoked."""

    @abstractmethod
    async def crowd(self) -> None:
        """Make the source give a partition back."""

    @abstractmethod
    def heir(self) -> Self:
        """The next source of the same group."""


class FakeRig(Rig):
    """The fake."""

    def __init__(
        self, topic: str, source: FakeSource | None = None, clock: VirtualClock | None = None
    ) -> None:
        super().__init__(topic)
        self._clock = clock or VirtualClock()
        self.source: FakeSource = source or FakeSource(self._clock)

    async def work(self) -> None:
        self.source.fetch(most=100)
        await asyncio.sleep(0)

    def produce(self, partition: int, count: int) -> None:
        for n in range(count):
            self.source.append(
                self.partitions[partition],
                b"k",
                str(n).encode(),
                (("h", b"1"), ("none", None)),
                timestamp=7.5,
            )

    async def start(self) -> None:
        self.source.open(self.events.append)
        self.source.assign(*self.partitions)

    async def close(self) -> None:
        self.source.close()

    async def crowd(self) -> None:
        self.source.revoke(self.partitions[0])

    def heir(self) -> Self:
        return type(self)(self.partitions[0].topic, self.source, self._clock)


class RealRig(Rig):
    """The real one."""

    def __init__(
        self,
        bootstrap_servers: str,
        topic: str,
        group: str | None = None,
        reset: str = "earliest",
        max_wait: float = 20.0,
        client: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(topic)
        self._servers = bootstrap_servers
        self._reset = reset
        self._max_wait = max_wait
        self._client = dict(client or {})
        self._group = group or f"group-{uuid4()}"
        self._rivals: list[confluent_kafka.Consumer] = []
        self._is_open = False
        self.source: Consumer = self._consumer()

    def _consumer(self) -> Consumer:
        kafka = KafkaSettings(
            bootstrap_servers=self._servers,
            group_id=self._group,
            topics=[self.partitions[0].topic],
            session_timeout=6,
            auto_offset_reset=self._reset,
            client=self._client,
        )
        return Consumer(kafka, frozenset((f"{self.partitions[0].topic}.dlq",)), max_wait=self._max_wait)

    async def work(self) -> None:
        for rival in self._rivals:
            rival.poll(0)
        await asyncio.sleep(0.005)

    def produce(self, partition: int, count: int) -> None:
        producer = confluent_kafka.Producer({"bootstrap.servers": self._servers})
        for n in range(count):
            producer.produce(
                self.partitions[partition].topic,
                partition=partition,
                key=b"k",
                value=str(n),
                headers=[("h", b"1"), ("none", None)],
                timestamp=7500,
            )
        assert producer.flush(PATIENCE) == 0

    async def start(self) -> None:
        self._is_open = True
        self.source.open(self.events.append)

    async def close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        closing = asyncio.create_task(self.source.close(PATIENCE))
        while not closing.done():
            self.source.released(self.gone())
            await asyncio.sleep(0.005)
        assert await closing
        for rival in self._rivals:
            rival.close()

    async def crowd(self) -> None:
        rival = confluent_kafka.Consumer(
            {
                "bootstrap.servers": self._servers,
                "group.id": self._group,
                "partition.assignment.strategy": "cooperative-sticky",
                "enable.auto.commit": False,
                "session.timeout.ms": 6000,
            }
        )
        rival.subscribe([self.partitions[0].topic])
        self._rivals.append(rival)

    def heir(self) -> Self:
        return type(self)(self._servers, self.partitions[0].topic, self._group)


@contextmanager
def embedded(topic: str) -> Iterator[Rig]:
    """On a broker that refuses who asks for an assignment behind the leader, and so rebalances once more."""
    with EmbeddedBroker() as broker:
        broker.create_topic(topic, 2)
        rig = RealRig(broker.bootstrap_servers, topic)
        rig.refusals = ("REBALANCE_IN_PROGRESS",)
        yield rig


@pytest.fixture(params=["fake", "embedded", pytest.param("apache", marks=pytest.mark.kafka)])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    topic = f"source-{uuid4()}"
    if request.param == "fake":
        yield FakeRig(topic)
    elif request.param == "embedded":
        with embedded(topic) as real:
            yield real
    else:
        broker = request.getfixturevalue("apache_kafka")
        broker.create_topic(topic, 2)
        real = RealRig(broker.bootstrap_servers, topic)
        yield real
        await real.close()  # of a test that failed it would go on beside all that follow


async def test_the_assignment_comes_before_the_records_and_bears_their_epoch(rig: Rig) -> None:
    rig.produce(0, 3)
    await rig.start()
    await rig.until(lambda: len(rig.of(0)) == 3)
    first = rig.events[0]
    assert isinstance(first, Assigned)
    assert set(first.positions) == set(rig.partitions)
    assert {record.epoch for record in rig.of(0)} == {first.epoch}
    await rig.close()


async def test_records_come_whole_and_in_the_order_of_their_offsets(rig: Rig) -> None:
    rig.produce(0, 700)
    rig.produce(1, 10)
    await rig.start()
    await rig.until(lambda: (len(rig.of(0)), len(rig.of(1))) == (700, 10))
    assert [record.offset for record in rig.of(0)] == list(range(700))
    one = rig.of(1)[3]
    assert (one.key, one.value, one.timestamp) == (b"k", b"3", 7.5)
    assert one.headers == (("h", b"1"), ("none", None))
    await rig.close()


async def test_the_end_of_a_partition_is_told_also_when_it_is_empty(rig: Rig) -> None:
    rig.produce(0, 3)
    await rig.start()
    await rig.until(lambda: rig.ends() == {rig.partitions[0]: 3, rig.partitions[1]: 0})
    await rig.close()


async def test_how_far_the_log_goes_is_told_once_with_the_first_that_comes(rig: Rig) -> None:
    rig.produce(0, 3)
    await rig.start()
    await rig.until(lambda: rig.ends() == {rig.partitions[0]: 3, rig.partitions[1]: 0})
    rig.produce(0, 3)
    await rig.until(lambda: len(rig.of(0)) == 6)
    bounds = [event.bounds for event in rig.events if isinstance(event, Received)]
    assert sorted(chain(*(each.items() for each in bounds))) == [
        (rig.partitions[0], 3),
        (rig.partitions[1], 0),
    ]
    await rig.close()


async def test_a_committed_position_with_its_metadata_is_where_the_next_one_starts(rig: Rig) -> None:
    rig.produce(0, 5)
    await rig.start()
    await rig.until(lambda: len(rig.of(0)) == 5)
    position = Position(2, "kwp1:finished beyond")
    assert await rig.commit({rig.partitions[0]: position}) == {rig.partitions[0]: None}
    await rig.close()
    heir = rig.heir()
    await heir.start()
    await heir.until(lambda: len(heir.of(0)) == 3)
    assert heir.assigned() == {rig.partitions[0]: position, rig.partitions[1]: None}
    assert [record.offset for record in heir.of(0)] == [2, 3, 4]
    await heir.close()


async def test_what_carries_the_epoch_of_another_assignment_is_not_committed(rig: Rig) -> None:
    await rig.start()
    await rig.until(lambda: len(rig.assigned()) == 2)
    answers: list[dict[Partition, str | None]] = []
    ((partition, (epoch, position)),) = rig.commits({rig.partitions[0]: Position(3)}).items()
    for other in (epoch - 1, epoch + 1):
        rig.source.commit({partition: Commit(other, position)}, lambda errors: answers.append(dict(errors)))
    await rig.until(lambda: len(answers) == 2)
    assert answers == [{partition: "_STATE"}] * 2
    await rig.close()
    heir = rig.heir()
    await heir.start()
    await heir.until(lambda: len(heir.assigned()) == 2)
    assert heir.assigned()[partition] is None
    await heir.close()


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_held_partition_gives_nothing_while_others_go_on_and_then_all_of_it(
    rig: Rig, at_once: bool
) -> None:
    await rig.start()
    await rig.until(lambda: len(rig.assigned()) == 2)
    rig.source.hold({rig.partitions[0]}, at_once=at_once)
    await rig.commit({rig.partitions[1]: Position(0)})  # whose answer proves that the hold was obeyed
    rig.produce(0, 20)
    rig.produce(1, 20)
    await rig.until(lambda: len(rig.of(1)) == 20)
    assert rig.of(0) == []
    rig.source.hold(set(), at_once=False)
    await rig.until(lambda: len(rig.of(0)) == 20)
    assert [record.offset for record in rig.of(0)] == list(range(20))
    await rig.close()


def come(rig: Rig, count: int) -> bool:
    return len(rig.of(0)) == count


async def test_a_rest_costs_no_record_whether_it_is_ended_or_not(rig: Rig) -> None:
    await rig.start()
    await rig.until(lambda: len(rig.assigned()) == 2)
    for number, is_ended in enumerate((True, False), 1):
        rig.source.rest(True)
        rig.produce(0, 20)
        if is_ended:
            rig.source.rest(False)
        await rig.until(partial(come, rig, 20 * number))
    assert [record.offset for record in rig.of(0)] == list(range(40))
    await rig.close()


async def test_nothing_of_a_revoked_partition_comes_after_it_and_its_last_commit_counts(rig: Rig) -> None:
    rig.produce(0, 5)
    rig.produce(1, 5)
    await rig.start()
    await rig.until(lambda: len(rig.of(0)) + len(rig.of(1)) == 10)
    await rig.crowd()
    await rig.until(rig.gone)
    (gone,) = rig.gone()
    seen = len(rig.of(gone.number))
    rig.produce(gone.number, 5)
    answered = await_later(rig, {gone: Position(5)})
    rig.source.released({gone})
    await rig.until(answered)
    assert answered() in [[{gone: answer}] for answer in (None, *rig.refusals)]
    assert len(rig.of(gone.number)) == seen
    assert not any(isinstance(event, Lost) for event in rig.events)
    await rig.close()


def await_later(
    rig: Rig, positions: dict[Partition, Position]
) -> Callable[[], list[dict[Partition, str | None]]]:
    """Commit; the function returned tells the answers so far."""
    answers: list[dict[Partition, str | None]] = []
    rig.source.commit(rig.commits(positions), lambda errors: answers.append(dict(errors)))
    return lambda: answers

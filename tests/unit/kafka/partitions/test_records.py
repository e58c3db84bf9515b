"""What one read hands over is of tenures that are not over, whatever happens between its messages."""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import cast

import confluent_kafka
import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, Message, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.errors import FatalError
from processor.kafka.partitions.fetching import Fetching
from processor.kafka.partitions.pauses import Pauses
from processor.kafka.partitions.records import Records
from processor.kafka.partitions.start_positions import StartPositions, partition_of
from processor.kafka.partitions.tenures import LEAVING, PARKED, READ, UNHEARD, Tenures
from processor.model import Partition, Received, Unreadable
from tests.support.builders import FIRST, SECOND, THIRD
from tests.support.examples import examples

END = 100
EOF: int = KafkaError._PARTITION_EOF
RESET: int = KafkaError._AUTO_OFFSET_RESET
BROKEN: int = KafkaError._BAD_MSG


class Client:
    """The library: it hands out what it is told to, and rebalances in between."""

    def __init__(self) -> None:
        self.script: deque[Message | Callable[[], None]] = deque()
        self.places: dict[Partition, int] = {}
        self.moves: list[tuple[Partition, int]] = []
        self.paused: set[Partition] = set()

    def poll(self, _: float) -> Message | None:
        """The next message."""
        return next(iter(self.consume(1, 0)), None)

    def consume(self, most: int, _: float) -> list[Message]:
        """Those that are there, and what happens between them."""
        found: list[Message] = []
        while self.script and len(found) < most:
            step = self.script.popleft()
            if isinstance(step, Message):
                found.append(step)
            else:
                step()
        return found

    def incremental_assign(self, places: Iterable[TopicPartition]) -> None:
        """Fetch these from there."""
        for place in places:
            assert partition_of(place) not in self.places, "assigned twice"
            self.places[partition_of(place)] = place.offset
            self.moves.append((partition_of(place), place.offset))

    def incremental_unassign(self, places: Iterable[TopicPartition]) -> None:
        """Fetch nothing of these."""
        for place in places:
            del self.places[partition_of(place)]

    def pause(self, places: Iterable[TopicPartition]) -> None:
        """Which the library keeps whatever is assigned."""
        self.paused |= set(map(partition_of, places))

    def resume(self, places: Iterable[TopicPartition]) -> None:
        """Fetch again."""
        self.paused -= set(map(partition_of, places))

    def get_watermark_offsets(self, place: TopicPartition, **how: object) -> tuple[int, int]:
        """Where its log begins and ends."""
        return (50 if "timeout" in how else 0), END


class Reader:
    """What reads from it, and a group that gives and takes."""

    def __init__(self) -> None:
        self.client = Client()
        self.tenures = Tenures()
        self.told: list[object] = []
        self.epoch = 0
        self.is_anew = False
        client = cast(confluent_kafka.Consumer, self.client)
        self.holds = Pauses(client)
        beginnings = StartPositions(client, lambda _: True, "earliest", self.told.append)
        self.fetching = Fetching(client, self.tenures, self.holds, beginnings, self._is_made_anew)
        self.records = Records(
            client,
            self.tenures,
            self.fetching,
            lambda error, _: self.told.append(error.code()),
            self._is_made_anew,
            self.told.append,
        )

    def begin(self, *partitions: Partition, at: int = 0) -> None:
        """These are assigned."""
        self.epoch += 1
        self.fetching.begin(self.epoch, dict.fromkeys(partitions, at))

    def go(self, *partitions: Partition) -> None:
        """These are asked for, released, and gone."""
        self.tenures.leave(partitions)
        self.holds.forget(frozenset(partitions))
        self.client.incremental_unassign([TopicPartition(*partition) for partition in partitions])
        self.tenures.released(partitions)

    def begin_anew(self, *partitions: Partition) -> None:
        """Their topic was made anew."""
        self.epoch += 1
        self.fetching.begin_anew(self.epoch, partitions, OFFSET_BEGINNING)

    def _is_made_anew(self, partition: Partition) -> bool:
        if self.is_anew:
            self.begin_anew(partition)
        return self.is_anew

    def read(self, *script: Message | Callable[[], None]) -> Received | None:
        """One read, in which this happens."""
        self.client.script.extend(script)
        received = self.records.read(500)
        self.tenures.check()
        assert not self.client.script
        return received


def message(offset: int, partition: Partition = FIRST, error: int | None = None) -> Message:
    return Message(
        *partition,
        offset=offset,
        value=b"x",
        timestamp=(1, 7500),
        error=None if error is None else KafkaError(error),
    )


def of(received: Received | None) -> list[tuple[Partition, int, int]]:
    """Partition, epoch and offset of each record."""
    return [(r.partition, r.epoch, r.offset) for r in received.records] if received else []


@pytest.fixture
def reader() -> Reader:
    """It reads two partitions, of which something has come."""
    reader = Reader()
    reader.begin(FIRST, SECOND)
    received = reader.read(message(0), message(0, SECOND))
    assert received is not None
    assert received.bounds == {FIRST: END, SECOND: END}
    reader.client.moves.clear()
    return reader


def test_the_first_that_comes_tells_how_far_the_log_goes_once(reader: Reader) -> None:
    reader.begin(THIRD)
    received = reader.read(message(1), message(0, THIRD), message(1, THIRD))
    assert received is not None
    assert (received.bounds, len(received.records)) == ({THIRD: END}, 3)
    assert reader.tenures.count(READ) == 3


def test_an_end_alone_is_told_with_how_far_the_log_goes() -> None:
    reader = Reader()
    reader.begin(FIRST)
    assert reader.read(message(0, error=EOF)) == Received([], {FIRST: 0}, [], {FIRST: END})


def test_nothing_is_told_of_a_partition_that_went_while_it_was_read(reader: Reader) -> None:
    received = reader.read(
        message(1), message(2, error=EOF), message(1, SECOND), lambda: reader.go(FIRST), message(2, SECOND)
    )
    assert received is not None
    assert of(received) == [(SECOND, 1, 1), (SECOND, 1, 2)]
    assert received.ends == {}


def test_of_a_partition_that_went_and_came_back_in_one_read_nothing_is_told_and_it_is_read_anew(
    reader: Reader,
) -> None:
    def back_and_forth() -> None:
        reader.go(FIRST)
        reader.begin(FIRST, at=1)

    received = reader.read(
        message(1), message(2), message(3, error=EOF), back_and_forth, message(4), message(5, error=EOF)
    )
    assert received is None
    assert reader.client.moves == [(FIRST, 1), (FIRST, 1)]
    received = reader.read(message(1), message(2, error=EOF))
    assert of(received) == [(FIRST, 2, 1)]
    assert received is not None
    assert (received.ends, received.bounds) == ({FIRST: 2}, {FIRST: END})


def test_of_a_topic_made_anew_while_it_is_read_nothing_is_told_of_the_one_before(reader: Reader) -> None:
    received = reader.read(message(1), lambda: reader.begin_anew(FIRST), message(2), message(9, SECOND))
    assert of(received) == [(SECOND, 1, 9)]
    assert reader.client.moves == [(FIRST, OFFSET_BEGINNING)] * 2
    assert of(reader.read(message(0))) == [(FIRST, 2, 0)]


@pytest.mark.parametrize("is_anew", [True, False], ids=["made anew", "back again"])
def test_an_end_that_was_reached_before_a_partition_began_anew_is_not_told_of_what_it_is_now(
    reader: Reader, is_anew: bool
) -> None:
    """Else nothing below would be read, whatever is written there."""

    def begins_again() -> None:
        if is_anew:
            reader.begin_anew(FIRST)
        else:
            reader.go(FIRST)
            reader.begin(FIRST)

    received = reader.read(message(50, error=EOF), begins_again, message(1, SECOND))
    assert of(received) == [(SECOND, 1, 1)]
    assert received is not None
    assert received.ends == {}


def test_of_a_topic_made_anew_between_two_reads_all_is_told_that_comes(reader: Reader) -> None:
    reader.begin_anew(FIRST)
    assert of(reader.read(message(0))) == [(FIRST, 2, 0)]
    assert reader.client.moves == [(FIRST, OFFSET_BEGINNING)]


def test_a_record_below_the_place_where_its_partition_begins_ends_the_process() -> None:
    reader = Reader()
    reader.begin(FIRST, at=5)
    with pytest.raises(FatalError, match="below its committed offset"):
        reader.read(message(4))


def test_a_record_below_that_place_of_a_topic_made_anew_begins_it_anew() -> None:
    reader = Reader()
    reader.begin(FIRST, at=5)
    reader.is_anew = True
    assert reader.read(message(4)) is None
    assert of(reader.read(message(0))) == [(FIRST, 2, 0)]


def test_what_the_library_has_no_place_for_is_parked_until_it_has_one(reader: Reader) -> None:
    reader.begin(THIRD, at=7)
    assert reader.read(message(7, THIRD, RESET), message(9, THIRD)) is None
    assert (reader.client.paused, reader.tenures.count(PARKED)) == ({THIRD}, 1)
    reader.fetching.settle(0.0)
    assert (reader.client.paused, reader.client.places[THIRD]) == (set(), 50)
    assert of(reader.read(message(50, THIRD))) == [(THIRD, 2, 50)]


def test_what_has_no_offset_at_all_is_asked_for_and_not_before_its_time(reader: Reader) -> None:
    assert reader.read(message(-1, error=RESET)) is None
    assert reader.fetching.unknown(0.0) == {FIRST}
    reader.fetching.put_off([FIRST], 0.0)
    assert reader.fetching.unknown(0.0) == frozenset()
    reader.begin(FIRST, at=3)
    assert (reader.client.paused, reader.client.places[FIRST]) == (set(), 3)
    assert of(reader.read(message(3))) == [(FIRST, 2, 3)]


def test_a_place_that_was_another_before_anything_came_parks_nothing() -> None:
    reader = Reader()
    reader.begin(FIRST, at=7)
    assert reader.read(message(3, error=RESET)) is None
    assert reader.client.moves == [(FIRST, 7), (FIRST, 7)]
    assert reader.tenures.count(UNHEARD) == 1


def test_what_is_parked_and_goes_is_forgotten(reader: Reader) -> None:
    reader.read(message(-1, error=RESET))
    reader.go(FIRST)
    assert reader.fetching.unknown(0.0) == frozenset()
    reader.fetching.settle(0.0)
    assert FIRST not in reader.client.places


def test_what_is_not_ours_says_nothing_but_its_trouble(reader: Reader) -> None:
    reader.tenures.leave([FIRST])
    assert reader.tenures.count(LEAVING) == 1
    script = [
        message(1, partition, error) for partition in (FIRST, THIRD) for error in (None, EOF, RESET, BROKEN)
    ]
    assert reader.read(*script) is None
    assert reader.told == [RESET, BROKEN] * 2


def test_what_is_never_read_says_nothing_but_its_trouble() -> None:
    reader = Reader()
    reader.fetching.begin(1, {}, unread=[FIRST])
    assert reader.client.paused == {FIRST}
    assert reader.read(message(1), message(2, error=EOF)) is None
    assert reader.tenures.ours() == frozenset()


def test_bytes_that_cannot_be_read_are_told_with_their_place(reader: Reader) -> None:
    assert reader.read(message(4, error=BROKEN)) is None
    unreadable, code = reader.told
    assert isinstance(unreadable, Unreadable)
    assert (unreadable.partition, unreadable.offset, code) == (FIRST, 4, BROKEN)


WHAT = ("record", "record", "end", "gone", "back", "anew")
STEPS = st.lists(st.tuples(st.sampled_from(WHAT), st.sampled_from([FIRST, SECOND])), max_size=25)


def upheaval(reader: Reader, what: str, partition: Partition) -> None:
    """It goes, or goes and comes back, or begins anew, if that can be."""
    is_ours = partition in reader.tenures.ours()
    if what == "anew" and is_ours:
        reader.begin_anew(partition)
    elif what != "anew" and is_ours:
        reader.go(partition)
    if what == "back":
        reader.begin(partition)


@given(st.lists(STEPS, max_size=4))
@settings(max_examples=examples(200))
def test_what_is_told_is_of_tenures_that_neither_went_nor_began_while_it_was_read(
    reads: list[list[tuple[str, Partition]]],
) -> None:
    reader = Reader()
    for steps in reads:
        reader.begin(*({FIRST, SECOND} - reader.tenures.ours()))
        script: list[Message | Callable[[], None]] = []
        for offset, (what, partition) in enumerate(steps):
            is_message = what in ("record", "end")
            said = message(offset, partition, EOF if what == "end" else None)
            script.append(said if is_message else partial(upheaval, reader, what, partition))
        received = reader.read(*script) or Received([], {})
        for partition in (FIRST, SECOND):
            told = [each[1:] for each in of(received) if each[0] == partition]
            if any(each == partition and what not in ("record", "end") for what, each in steps):
                assert told == []
                assert partition not in received.ends.keys() | received.bounds.keys()
            else:
                tenure = reader.tenures.find(partition)
                assert tenure is not None
                came = [offset for offset, step in enumerate(steps) if step == ("record", partition)]
                assert told == [(tenure.epoch, offset) for offset in came]

"""A partition begins where it was left; where that is gone, it is said."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import cast

import confluent_kafka
import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, OFFSET_INVALID, KafkaError, KafkaException
from confluent_kafka import TopicPartition as Place

from processor.core.offset_codec import Marks, encode
from processor.errors import FatalError
from processor.kafka.beginnings import TRIES, Beginnings
from processor.model import Missed, Partition, Position, SourceEvent, Troubled
from tests.builders import FIRST, SECOND, THIRD

PLACES = [Place(*FIRST), Place(*SECOND)]


NOW = 1_795_000_000.0
SINCE = NOW - 3600.0
MARKED = encode(7, (), marks=Marks(since=SINCE))[0]


class Client:
    """A consumer of the library with a broker that answers when it likes to.

    Partitions hold records 0 to 99, the last ten of them since `SINCE`; `topics`: how many there are.
    """

    def __init__(
        self,
        *,
        silent_for: int = 0,
        held: tuple[int, int] | None = None,
        committed: Mapping[Partition, str] | None = None,
    ) -> None:
        self.silent_for = silent_for
        self.partitions = 2
        self.at = {OFFSET_BEGINNING: 0, OFFSET_END: 100, round(SINCE * 1000): 90}
        self._held = held
        self._committed = {FIRST: ""} if committed is None else committed

    def committed(self, places: list[Place], timeout: float) -> list[Place]:
        self._answer()
        found = [(place, Partition(place.topic, place.partition)) for place in places]
        return [
            Place(*one, 7, self._committed[one]) if one in self._committed else place for place, one in found
        ]

    def get_watermark_offsets(self, place: Place, timeout: float) -> tuple[int, int] | None:
        self._answer()
        return self._held

    def list_topics(self, timeout: float) -> SimpleNamespace:
        self._answer()
        return SimpleNamespace(topics={"events": SimpleNamespace(partitions=range(self.partitions))})

    def offsets_for_times(self, places: list[Place], timeout: float) -> list[Place]:
        self._answer()
        return [Place(each.topic, each.partition, self.at.get(each.offset, -1)) for each in places]

    def _answer(self) -> None:
        if self.silent_for:
            self.silent_for -= 1
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))


def beginnings(client: Client, setting: str = "earliest") -> tuple[Beginnings, list[SourceEvent]]:
    """Those of a client, and what they tell."""
    told: list[SourceEvent] = []
    one = cast(confluent_kafka.Consumer, client)
    return Beginnings(one, "events".__eq__, setting, told.append, lambda: NOW), told


def begun(begin: Beginnings, *partitions: Partition) -> dict[Partition, int]:
    """Where these begin when they are assigned."""
    return begin.of(partitions, begin.committed([Place(*each) for each in partitions]))


def test_a_partition_begins_at_its_committed_offset() -> None:
    begin, _ = beginnings(Client())
    assert begin.committed(PLACES) == {FIRST: Position(7)}
    assert begun(begin, FIRST) == {FIRST: 7}


@pytest.mark.parametrize(
    ("setting", "offset", "since"),
    [
        ("earliest", 0, None),
        ("latest", 100, NOW),
        ("error", OFFSET_INVALID, None),
        ("1h", 90, SINCE),
        ("2h", 100, SINCE - 3600),
    ],
)
def test_a_group_that_starts_begins_where_the_setting_says(
    setting: str, offset: int, since: float | None
) -> None:
    begin, _ = beginnings(Client(committed={}), setting)
    assert begun(begin, FIRST, SECOND) == dict.fromkeys((FIRST, SECOND), offset)
    assert begin.since == since


@pytest.mark.parametrize("setting", ["latest", "error", "2h"])
def test_a_partition_that_was_there_and_never_committed_begins_where_the_group_did(setting: str) -> None:
    begin, _ = beginnings(Client(committed={FIRST: MARKED}), setting)
    assert begun(begin, SECOND) == {SECOND: 90}
    assert begin.since == SINCE


@pytest.mark.parametrize("setting", ["latest", "error", "2h"])
def test_a_partition_that_appears_while_we_run_begins_at_its_start(setting: str) -> None:
    client = Client(committed={FIRST: MARKED})
    begin, _ = beginnings(client, setting)
    begun(begin, FIRST, SECOND)
    client.partitions = 3
    assert begun(begin, THIRD) == {THIRD: 0}


def test_without_a_mark_a_partition_begins_at_its_start_or_is_for_the_operator() -> None:
    assert begun(beginnings(Client(), "latest")[0], SECOND) == {SECOND: 0}
    begin, _ = beginnings(Client(), "error")
    assert begun(begin, SECOND) == {SECOND: OFFSET_INVALID}
    with pytest.raises(FatalError, match="no committed offset"):
        begin.instead_of(SECOND, None)


def test_with_error_a_group_that_has_a_position_everywhere_reads_on_when_partitions_are_added() -> None:
    client = Client(committed={FIRST: "", SECOND: ""})
    begin, _ = beginnings(client, "error")
    assert (begun(begin, FIRST), begin.since) == ({FIRST: 7}, 0.0)
    client.partitions = 3
    later, _ = beginnings(Client(committed={FIRST: encode(7, (), marks=Marks(since=0.0))[0]}), "error")
    assert begun(later, SECOND) == {SECOND: 0}


def test_what_comes_while_we_ask_lies_behind_where_we_begin() -> None:
    client = Client(committed={FIRST: MARKED})
    client.at = {OFFSET_END: 100}
    begin, _ = beginnings(client, "latest")
    assert begun(begin, SECOND) == {SECOND: 100}


def test_a_broker_that_is_slow_is_asked_again_and_one_that_is_silent_leaves_it_to_the_library() -> None:
    begin, told = beginnings(Client(silent_for=TRIES - 1))
    assert begin.committed(PLACES) == {FIRST: Position(7)}
    assert [type(event) for event in told] == [Troubled] * (TRIES - 1)
    begin, told = beginnings(Client(silent_for=TRIES))
    assert begin.committed(PLACES) is None
    assert begin.of([FIRST], None) == {FIRST: OFFSET_INVALID}
    assert len(told) == TRIES


@pytest.mark.parametrize("silent_for", range(1, 12))
def test_whatever_is_not_answered_a_group_that_starts_at_the_end_begins_no_earlier(silent_for: int) -> None:
    client = Client(committed={})
    begin, _ = beginnings(client, "latest")
    client.silent_for = silent_for
    assert begin.of([FIRST], {})[FIRST] in (OFFSET_INVALID, OFFSET_END, 100)
    client.silent_for = 0
    assert begin.instead_of(FIRST, None) == 100


@pytest.mark.parametrize("offset", [None, OFFSET_INVALID])
def test_a_group_that_turns_out_to_have_no_offset_begins_where_the_setting_says(offset: int | None) -> None:
    begin, _ = beginnings(Client(committed={}), "latest")
    assert begin.instead_of(FIRST, offset) == 100
    begin, _ = beginnings(Client(committed={}), "error")
    with pytest.raises(FatalError, match="no committed offset"):
        begin.instead_of(FIRST, offset)


@pytest.mark.parametrize("setting", ["earliest", "latest"])
def test_records_that_are_gone_are_told_and_the_next_that_are_held_come(setting: str) -> None:
    begin, told = beginnings(Client(held=(600, 1000)), setting)
    assert begin.instead_of(FIRST, 100) == 600
    assert told == [Missed(FIRST, 100, 600)]


def test_with_the_setting_error_records_that_are_gone_are_for_the_operator() -> None:
    begin, told = beginnings(Client(held=(600, 1000)), "error")
    with pytest.raises(FatalError, match="no longer holds"):
        begin.instead_of(FIRST, 100)
    assert told == []


@pytest.mark.parametrize("setting", ["earliest", "latest", "error"])
def test_a_position_behind_the_end_is_for_the_operator(setting: str) -> None:
    begin, _ = beginnings(Client(held=(0, 1000)), setting)
    with pytest.raises(FatalError, match="ends below its committed offset"):
        begin.instead_of(FIRST, 1001)


@pytest.mark.parametrize("client", [Client(held=(0, 1000)), Client(silent_for=1), Client(held=None)])
def test_what_is_held_after_all_or_cannot_be_learned_now_is_asked_for_again(client: Client) -> None:
    begin, told = beginnings(client, "error")
    assert begin.instead_of(FIRST, 1000) == 1000
    assert not any(isinstance(event, Missed) for event in told)

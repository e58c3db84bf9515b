"""A partition begins where it was left; where that is gone, it is said."""

from typing import cast

import confluent_kafka
import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, OFFSET_INVALID, KafkaError, KafkaException
from confluent_kafka import TopicPartition as Place

from processor.errors import FatalError
from processor.kafka.beginnings import TRIES, Beginnings
from processor.model import Missed, Position, SourceEvent, Troubled
from tests.builders import FIRST, SECOND

PLACES = [Place(*FIRST), Place(*SECOND)]


class Client:
    """A consumer of the library with a broker that answers when it likes to."""

    def __init__(self, *, silent_for: int = 0, held: tuple[int, int] | None = None) -> None:
        self.silent_for = silent_for
        self._held = held

    def committed(self, places: list[Place], timeout: float) -> list[Place]:
        self._answer()
        return [Place(places[0].topic, places[0].partition, 7), *places[1:]]

    def get_watermark_offsets(self, place: Place, timeout: float) -> tuple[int, int] | None:
        self._answer()
        return self._held

    def _answer(self) -> None:
        if self.silent_for:
            self.silent_for -= 1
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))


def beginnings(client: Client, setting: str = "earliest") -> tuple[Beginnings, list[SourceEvent]]:
    """Those of a client, and what they tell."""
    told: list[SourceEvent] = []
    return Beginnings(cast(confluent_kafka.Consumer, client), setting, told.append), told


def test_a_partition_begins_at_its_committed_offset() -> None:
    begin, _ = beginnings(Client())
    committed = begin.committed(PLACES)
    assert committed == {FIRST: Position(7)}
    assert begin.of(FIRST, committed) == 7


@pytest.mark.parametrize(
    ("setting", "offset"), [("earliest", OFFSET_BEGINNING), ("latest", OFFSET_END), ("error", OFFSET_INVALID)]
)
def test_without_one_the_setting_says_where(setting: str, offset: int) -> None:
    begin, _ = beginnings(Client(), setting)
    assert begin.of(SECOND, begin.committed(PLACES)) == offset


def test_a_broker_that_is_slow_is_asked_again_and_one_that_is_silent_leaves_it_to_the_library() -> None:
    begin, told = beginnings(Client(silent_for=TRIES - 1))
    assert begin.committed(PLACES) == {FIRST: Position(7)}
    assert [type(event) for event in told] == [Troubled] * (TRIES - 1)
    begin, told = beginnings(Client(silent_for=TRIES))
    assert begin.committed(PLACES) is None
    assert begin.of(FIRST, None) == OFFSET_INVALID
    assert len(told) == TRIES


@pytest.mark.parametrize("offset", [None, OFFSET_INVALID])
def test_a_group_that_turns_out_to_have_no_offset_begins_where_the_setting_says(offset: int | None) -> None:
    begin, _ = beginnings(Client(), "latest")
    assert begin.instead_of(FIRST, offset) == OFFSET_END
    begin, _ = beginnings(Client(), "error")
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

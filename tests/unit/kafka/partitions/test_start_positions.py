"""A partition begins where it was left; where that is gone, it is said."""

from collections.abc import Collection, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import confluent_kafka
import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException
from confluent_kafka import TopicPartition as Place

from processor.core.progress.offset_codec import Marks, encode
from processor.errors import FatalError
from processor.kafka.partitions.patience import LEAST_SECONDS, Patience
from processor.kafka.partitions.start_positions import AGAIN_SECONDS, FIRST_SECONDS, TRIES, StartPositions
from processor.model import Missed, Partition, Position, SourceEvent, Troubled
from tests.support.builders import FIRST, SECOND, THIRD

PLACES = [Place(*FIRST), Place(*SECOND)]


NOW = 1_795_000_000.0
SINCE = NOW - 3600.0
REFUSED = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
MARKED = encode(7, (), marks=Marks(since=SINCE))[0]


class Client:
    """A consumer of the library with brokers that answer when they like to.

    Partitions hold records 0 to 99, the last ten of them since `SINCE`; `topics`: how many there are.
    """

    def __init__(
        self,
        *,
        silent_for: int = 0,
        held: tuple[int, int] | None = None,
        committed: Mapping[Partition, str] | None = None,
        refused: Collection[Partition] = (),
    ) -> None:
        self.silent_for = silent_for
        self.others: Sequence[str] = ()
        self.timeless: frozenset[Partition] = frozenset()
        self._refused = refused
        self.partitions = 2
        self.at = {OFFSET_BEGINNING: 0, OFFSET_END: 100, round(SINCE * 1000): 90}
        self._held = held
        self._committed = {FIRST: ""} if committed is None else committed

    def committed(self, places: list[Place], timeout: float) -> list[SimpleNamespace]:
        self._answer()
        return [self._position(Partition(place.topic, place.partition)) for place in places]

    def _position(self, one: Partition) -> SimpleNamespace:
        if one in self._refused:
            return SimpleNamespace(topic=one.topic, partition=one.number, offset=-1001, error=REFUSED)
        offset = 7 if one in self._committed else -1001
        return SimpleNamespace(
            topic=one.topic,
            partition=one.number,
            offset=offset,
            metadata=self._committed.get(one),
            error=None,
        )

    def get_watermark_offsets(self, place: Place, timeout: float) -> tuple[int, int] | None:
        self._answer()
        return self._held

    def list_topics(self, timeout: float) -> SimpleNamespace:
        self._answer()
        leaders = {number: SimpleNamespace(leader=number) for number in range(self.partitions)}
        found = SimpleNamespace(partitions=leaders)
        return SimpleNamespace(topics=dict.fromkeys(("events", *self.others), found))

    def offsets_for_times(self, places: list[Place], timeout: float) -> list[Place]:
        if not self.timeless.isdisjoint(Partition(each.topic, each.partition) for each in places):
            self.silent_for = 1
        self._answer()
        return [Place(each.topic, each.partition, self.at.get(each.offset, -1)) for each in places]

    def _answer(self) -> None:
        if self.silent_for:
            self.silent_for -= 1
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))


def beginnings(
    client: Client, setting: str = "earliest", *, topics: Sequence[str] = ("events",), letters: str = ""
) -> tuple[StartPositions, list[SourceEvent]]:
    """Those of a client, and what they tell."""
    told: list[SourceEvent] = []
    one = cast(confluent_kafka.Consumer, client)
    return StartPositions(
        one, topics.__contains__, setting, told.append, lambda: NOW, own_topics=[letters]
    ), told


def begun(begin: StartPositions, *partitions: Partition) -> dict[Partition, int]:
    """Where these begin when they are assigned."""
    return begin.of(partitions, begin.committed([Place(*each) for each in partitions]))


def asked_again(begin: StartPositions, *partitions: Partition) -> dict[Partition, int]:
    """Where these begin, when it is time to know."""
    places = [Place(*each) for each in partitions]
    return begin.of(partitions, begin.committed(places), is_asked=True)


def test_a_partition_begins_at_its_committed_offset() -> None:
    begin, _ = beginnings(Client())
    assert begin.committed(PLACES) == {FIRST: Position(7), SECOND: None}
    assert begun(begin, FIRST) == {FIRST: 7}


@pytest.mark.parametrize(
    ("setting", "offset", "since"),
    [
        ("earliest", 0, None),
        ("latest", 100, NOW),
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
    assert begun(begin, SECOND) == {}
    with pytest.raises(FatalError, match="no committed offset"):
        asked_again(begin, SECOND)


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


def test_a_broker_that_is_slow_is_asked_again_and_of_one_that_is_silent_nothing_is_taken() -> None:
    begin, told = beginnings(Client(silent_for=TRIES - 1))
    assert begin.committed(PLACES) == {FIRST: Position(7), SECOND: None}
    assert [type(event) for event in told] == [Troubled]
    begin, told = beginnings(Client(silent_for=TRIES))
    assert begin.committed(PLACES) == {}
    assert begin.of([FIRST], {}) == {}
    assert len(told) == 1


def test_a_leader_that_does_not_answer_hides_nothing_of_what_others_lead() -> None:
    client = Client(committed={FIRST: MARKED})
    client.partitions = 3
    begin, _ = beginnings(client, "latest")
    client.timeless = frozenset({SECOND})
    assert begun(begin, FIRST, SECOND, THIRD) == {FIRST: 7, THIRD: 90}


def test_what_cannot_be_learned_is_told_once_until_it_can() -> None:
    client = Client(committed={FIRST: MARKED})
    begin, told = beginnings(client, "latest")
    committed = begin.committed(PLACES)
    for _ in range(2):
        client.timeless = frozenset({SECOND})
        assert [begin.of([SECOND], committed) for _ in range(3)] == [{}] * 3
        client.timeless = frozenset()
        assert begin.of([SECOND], committed) == {SECOND: 90}
    assert [event.error for event in told if isinstance(event, Troubled)] == ["_TIMED_OUT"] * 2


@pytest.mark.parametrize("setting", ["earliest", "latest", "error", "2h"])
def test_a_position_that_is_refused_is_not_taken_for_none(setting: str) -> None:
    begin, told = beginnings(Client(committed={FIRST: MARKED}, refused=[SECOND]), setting)
    assert begun(begin, FIRST, SECOND) == {FIRST: 7}
    assert asked_again(begin, SECOND) == {}
    assert [event.error for event in told if isinstance(event, Troubled)] == ["TOPIC_AUTHORIZATION_FAILED"]


@pytest.mark.parametrize("setting", ["latest", "2h"])
def test_what_is_assigned_is_ours_whatever_we_read_in_a_pattern(setting: str) -> None:
    client = Client(committed={FIRST: MARKED})
    begin, _ = beginnings(client, setting, topics=["elsewhere"])
    assert begun(begin, SECOND) == {SECOND: 90}


def test_dead_letters_which_nobody_commits_do_not_keep_a_group_from_being_everywhere() -> None:
    client = Client(committed={FIRST: "", SECOND: ""})
    client.others = ["events-dlq"]
    begin, _ = beginnings(client, "error", topics=["events", "events-dlq"], letters="events-dlq")
    assert (begun(begin, FIRST), begin.since) == ({FIRST: 7}, 0.0)


@pytest.mark.parametrize("silent_for", range(1, 12))
def test_whatever_is_not_answered_a_group_that_starts_at_the_end_begins_no_earlier(silent_for: int) -> None:
    client = Client(committed={})
    begin, _ = beginnings(client, "latest")
    client.silent_for = silent_for
    assert begun(begin, FIRST).get(FIRST, 100) in (OFFSET_END, 100)
    client.silent_for = 0
    assert begun(begin, FIRST) == {FIRST: 100}


class SilentClient(Client):
    """One whose brokers take all the time that they are given, by a clock of its own, but for `heard`."""

    def __init__(self, heard: str) -> None:
        super().__init__(committed={FIRST: MARKED})
        self.heard = heard
        self.clock = 0.0

    def __getattribute__(self, name: str) -> Any:
        if name not in ("committed", "list_topics", "offsets_for_times", "get_watermark_offsets"):
            return super().__getattribute__(name)
        is_heard = name == self.heard

        def asked(*_: object, timeout: float) -> Any:
            self.clock += timeout
            if is_heard:
                return getattr(Client, name)(self, *_, timeout=timeout)
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

        return asked


@pytest.mark.parametrize("heard", ["", "committed", "list_topics", "offsets_for_times"])
@pytest.mark.parametrize(("is_again", "seconds"), [(False, FIRST_SECONDS), (True, AGAIN_SECONDS)])
def test_brokers_that_do_not_answer_cost_no_more_than_the_patience_of_one_go(
    heard: str, is_again: bool, seconds: float
) -> None:
    client = SilentClient(heard)
    begin, _ = beginnings(client, "latest")
    begin.take_time(is_again=is_again)
    begin.patience = Patience(seconds, lambda: client.clock)
    assert SECOND not in begun(begin, FIRST, SECOND)
    assert begin.instead_of(FIRST, 1) is None
    assert client.clock < seconds + 12 * LEAST_SECONDS


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
@pytest.mark.parametrize("end", [1000, 1001, 5000])
def test_a_position_behind_the_end_is_for_the_operator_be_it_that_the_log_has_grown_since(
    setting: str, end: int
) -> None:
    begin, told = beginnings(Client(held=(0, end)), setting)
    with pytest.raises(FatalError, match="ended below its committed offset"):
        begin.instead_of(FIRST, 1001)
    assert told == []


@pytest.mark.parametrize("client", [Client(silent_for=1), Client(held=None)])
def test_of_an_offset_that_was_not_held_nothing_is_known_while_nobody_tells_what_is(client: Client) -> None:
    begin, told = beginnings(client, "error")
    assert begin.instead_of(FIRST, 1000) is None
    assert not any(isinstance(event, Missed) for event in told)

"""What the broker refuses to commit is found out at once, and stands in nobody else's way."""

import pytest

from processor.core.progress.flow import FlowPolicy
from processor.core.progress.offset_codec import Marks, Span, encode, read
from processor.model import Identified, Partition, Position
from tests.support.builders import FIRST, SECOND
from tests.unit.traffic.test_pipeline import House

OTHER = Partition("other", 0)
UNKNOWN = "UNKNOWN_TOPIC_OR_PART"
FORBIDDEN = "TOPIC_AUTHORIZATION_FAILED"

pytestmark = pytest.mark.usefixtures("nothing_is_reentered")


def house_with_gaps(partition: Partition = FIRST, *, limit: int, events: int = 200) -> House:
    """Every second event is delivered, so that much is to be remembered; the broker's limit is lower."""
    house = House(flow=FlowPolicy(destination="crm"), max_in_flight=events)
    house.source.metadata_limit = limit
    house.join(partition)
    house.produce(events, partition)
    house.source.fetch()
    for which in range(1, events // 2):
        house.sender.answer(200, which=which)
    return house


def test_metadata_that_the_broker_refuses_is_committed_shorter_at_once() -> None:
    house = house_with_gaps(limit=40)
    house.clock.advance(1)
    position = house.source.committed[FIRST]
    contents = read(*position)
    assert contents.finished[:2] == (Span(1, 2), Span(3, 4))
    assert contents.marks == Marks()
    assert 20 < len(position.metadata) <= 40
    assert [len(commit[FIRST].metadata) for commit in house.source.commits] == sorted(
        (len(commit[FIRST].metadata) for commit in house.source.commits), reverse=True
    )
    assert len(house.source.commits) <= 6


def test_what_was_learned_is_not_asked_for_again() -> None:
    house = house_with_gaps(limit=40)
    house.clock.advance(10)
    house.source.commits.clear()
    house.sender.answer(200, which=0)
    house.clock.advance(1)
    assert len(house.source.commits) == 1
    assert house.source.committed[FIRST].offset == 2


def test_the_position_alone_is_committed_in_the_end() -> None:
    house = house_with_gaps(limit=0)
    house.sender.answer(200, which=0)
    house.clock.advance(1)
    assert house.source.committed[FIRST] == (2, "")


def test_refused_metadata_ends_no_lease() -> None:
    house = house_with_gaps(limit=0)
    for _ in range(60):
        house.clock.advance(1)
    house.source.assign(SECOND)
    house.produce(1, SECOND)
    house.source.fetch()
    assert house.open()[-1] == 0


def test_the_last_commit_of_a_revoked_partition_does_not_hang_on_what_the_broker_takes() -> None:
    house = house_with_gaps(limit=60)
    house.sender.answer(200, which=0)
    house.source.commits.clear()
    house.source.revoke(FIRST)
    house.clock.advance(30)
    assert house.committed() == 2
    assert house.source.let_go == [{FIRST}]


def test_a_stop_commits_all_that_the_broker_takes() -> None:
    house = house_with_gaps(limit=60)
    house.sender.answer(200, which=0)
    house.stop()
    house.clock.advance(40)
    assert house.stops == 1
    assert house.committed() == 2


def test_one_topic_that_is_refused_keeps_no_other_from_being_committed_and_sent() -> None:
    house = House()
    house.join(FIRST, SECOND, OTHER)
    house.source.refused = {OTHER: UNKNOWN}
    house.produce(1, OTHER)
    house.source.fetch()
    house.sender.answer(200)
    for seconds in range(120):
        house.produce(1)
        house.source.fetch()
        house.sender.answer(200)
        house.clock.advance(1)
        assert house.committed() == seconds + 1


def test_only_the_refused_topic_counts_as_failed() -> None:
    house = House()
    house.join(FIRST, SECOND, OTHER)
    house.source.refused = {OTHER: FORBIDDEN}
    for partition in (FIRST, OTHER):
        house.produce(1, partition)
    house.source.fetch()
    house.sender.answer(200)
    house.sender.answer(200)
    house.clock.advance(1)
    value = house.metrics.registry.get_sample_value
    labels = {"destination": "test", "topic": OTHER.topic}
    assert value("webhook_processor_commit_errors_total", labels) == 1
    assert value("webhook_processor_commit_errors_total", labels | {"topic": FIRST.topic}) is None


def test_a_topic_that_is_refused_brings_no_commit_for_every_read() -> None:
    house = House()
    house.join(OTHER)
    house.source.refused = {OTHER: FORBIDDEN}
    house.clock.advance(60)
    house.source.commits.clear()
    for _ in range(50):
        house.produce(1, OTHER)
        house.source.fetch()
    house.clock.advance(1)
    assert len(house.source.commits) <= 2


def test_a_topic_that_may_be_committed_again_is() -> None:
    house = House()
    house.join(FIRST, OTHER)
    house.source.refused = {OTHER: FORBIDDEN}
    house.produce(1, OTHER)
    house.source.fetch()
    house.sender.answer(200)
    house.clock.advance(5)
    assert house.committed(OTHER) == 0
    house.source.refused.clear()
    house.clock.advance(1)
    assert house.committed(OTHER) == 1


def test_what_runs_of_a_topic_made_anew_counts_no_longer_and_others_go_on() -> None:
    house = House()
    house.join(FIRST, OTHER)
    house.produce(3)
    house.produce(1, OTHER)
    house.source.fetch()
    house.sender.answer(200, which=1)
    house.source.make_anew(FIRST)
    assert house.open() == [0]
    house.produce(2)
    house.source.fetch()
    assert house.open() == [0, 0, 1]
    for _ in range(3):
        house.sender.answer(200)
    house.clock.advance(1)
    assert (house.committed(FIRST), house.committed(OTHER)) == (2, 1)


def test_a_topic_made_anew_is_told_by_name() -> None:
    house = House()
    house.join(FIRST, SECOND)
    house.source.make_anew(FIRST, SECOND)
    labels = {"destination": "test", "topic": FIRST.topic}
    value = house.metrics.registry.get_sample_value
    assert value("webhook_processor_partitions_made_anew_total", labels) == 2


def test_the_unmoved_position_of_a_topic_that_is_away_is_not_written_back() -> None:
    house = House()
    house.join(FIRST, OTHER)
    house.source.tell(Identified({OTHER.topic: None}))
    house.source.committed.clear()
    house.clock.advance(60)
    assert house.source.committed.keys() == {FIRST}


def test_metadata_from_beyond_the_end_of_the_log_skips_nothing() -> None:
    house = House()
    house.produce(10)
    far, _ = encode(1, [Span(2, 2**40)])
    house.source.committed[FIRST] = Position(1, far)
    house.source.assign(FIRST)
    house.source.fetch()
    house.clock.advance(1)
    assert house.sent() == list(range(1, 10))


def test_a_request_of_a_topic_made_anew_makes_no_room_for_a_retry_of_the_same() -> None:
    house = House(max_in_flight=2)
    house.join(FIRST)
    house.produce(3)
    house.source.fetch()
    house.sender.answer(503, which=1)
    house.clock.advance(5)
    assert house.sent() == [0, 1, 2]
    house.source.make_anew(FIRST)
    assert house.sent() == [0, 1, 2]
    assert house.open() == []

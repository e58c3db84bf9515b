"""Records that are prepared later: their order, their bounds, and what becomes of those that are not."""

import json
from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest

from processor.core.pace.admission import AdmissionPolicy
from processor.core.pace.concurrency import ConcurrencyPolicy
from processor.core.pace.rate import RatePolicy
from processor.core.progress.assignment import Hold
from processor.errors import TransportError, WriteError
from processor.traffic.attempt import Stage
from processor.traffic.unprepared import AGAIN_MAX_SECONDS
from tests.support.builders import FIRST, SECOND, response
from tests.support.examples import examples
from tests.unit.traffic.test_pipeline import House

pytestmark = pytest.mark.usefixtures("nothing_is_reentered")

FAULT = "the registry does not answer"


def late(**more: object) -> House:
    """One whose preparation answers when a test says so, and which owns a partition."""
    house = House(**more)  # type: ignore[arg-type]
    house.preparation.is_late = lambda _: True
    house.join(FIRST)
    return house


def arrive(house: House, count: int, *, keys: int = 0) -> None:
    """So many events."""
    house.produce(count, keys=keys)
    house.source.fetch()
    house.dispatch.check()


def test_a_record_is_sent_when_it_is_prepared_and_is_not_in_flight_before() -> None:
    house = late()
    arrive(house, 1)
    assert (house.stages(), house.admission.in_flight()) == ({Stage.PREPARATION: 1}, 0)
    house.preparation.answer()
    assert (house.open(), house.admission.in_flight()) == ([0], 1)
    house.sender.answer(200)
    house.clock.advance(2.0)
    assert house.source.committed[FIRST].offset == 1


def test_of_a_key_one_is_prepared_at_a_time_and_the_next_when_it_is_settled() -> None:
    house = late()
    arrive(house, 6, keys=2)
    assert house.preparation.offsets() == [0, 1]
    house.preparation.answer(1)
    assert (house.open(), house.preparation.offsets()) == ([1], [0])
    house.sender.answer(200)
    assert house.preparation.offsets() == [0, 3]
    while house.preparation.open or house.sender.open:
        if house.preparation.open:
            house.preparation.answer(-1)
        if house.sender.open:
            house.sender.answer(200)
    assert [n for n in house.sent() if n % 2 == 0] == [0, 2, 4]
    assert [n for n in house.sent() if n % 2] == [1, 3, 5]


def test_one_that_answers_late_keeps_nobody_waiting_who_answers_at_once() -> None:
    house = late(max_in_flight=2)
    house.preparation.is_late = lambda record: record.offset < 10
    arrive(house, 30)
    assert len(house.preparation.open) == 10
    while house.sender.open:
        house.sender.answer(200)
    assert house.sent() == list(range(10, 30))


def test_no_more_are_asked_for_at_once_than_may_be() -> None:
    house = late(most_unprepared=3, max_in_flight=1)
    arrive(house, 10)
    for offset in range(7):
        assert house.preparation.offsets() == [offset, offset + 1, offset + 2]
        house.preparation.answer()
        assert house.open() == [offset]
        house.sender.answer(200)


def test_what_is_prepared_and_has_no_room_leaves_before_what_is_new() -> None:
    house = late(most_unprepared=3, max_in_flight=1)
    arrive(house, 6)
    for _ in range(3):
        house.preparation.answer()
        house.dispatch.check()
    assert (house.open(), house.stages()[Stage.PREPARED], house.preparation.open) == ([0], 2, [])
    house.preparation.is_late = lambda _: False
    while house.sender.open:
        house.sender.answer(200)
    assert house.sent() == [0, 1, 2, 3, 4, 5]


def test_what_may_not_leave_is_not_begun_to_be_prepared() -> None:
    house = late(admission=AdmissionPolicy(ConcurrencyPolicy(8, adaptive=False), rate=RatePolicy(1.0, 2)))
    house.preparation.is_late = lambda _: False
    arrive(house, 2)
    house.preparation.is_late = lambda _: True
    arrive(house, 5)
    assert house.preparation.open == []


@pytest.mark.parametrize("lost", [True, False])
def test_what_is_taken_away_meanwhile_is_called_off_and_what_is_said_later_counts_for_nothing(
    lost: bool,
) -> None:
    house = late()
    arrive(house, 3)
    asked = list(house.preparation.open)
    (house.source.lose if lost else house.source.revoke)(FIRST)
    assert (house.preparation.open, house.preparation.called_off) == ([], asked)
    assert house.stages() == {}
    house.source.assign(FIRST)
    house.source.fetch()
    assert house.preparation.offsets() == [0, 1, 2]
    for before in asked:
        before.done(before.record, house.preparation._result(before.record))
    house.clock.run()
    house.dispatch.check()
    assert (house.sent(), house.stages()) == ([], {Stage.PREPARATION: 3})
    assert house.metrics.registry.get_sample_value(
        "webhook_processor_late_results_total", {"destination": "test"}
    ) == len(asked)


def test_what_is_prepared_or_held_is_given_up_with_its_partition() -> None:
    house = late(max_in_flight=1)
    arrive(house, 4)
    house.preparation.answer()
    house.preparation.answer()
    house.preparation.fault = FAULT
    house.preparation.answer()
    assert [house.stages()[each] for each in (Stage.ANSWER, Stage.PREPARED, Stage.UNPREPARED)] == [1, 1, 1]
    house.source.revoke(FIRST)
    assert house.stages() == {Stage.ANSWER: 1}
    assert house.dispatch.unprepared.said() is None
    house.sender.answer(200)
    house.clock.advance(2 * AGAIN_MAX_SECONDS)
    assert (house.sent(), house.source.let_go) == ([0], [frozenset({FIRST})])
    assert house.source.committed[FIRST].offset == 1


@pytest.mark.parametrize("is_late", [True, False])
def test_what_cannot_be_prepared_is_held_with_its_partition_and_prepared_again(is_late: bool) -> None:
    house = late()
    house.source.assign(SECOND)
    house.preparation.fault = FAULT
    house.preparation.is_late = lambda _: is_late
    arrive(house, 1)
    for _ in range(8):
        while house.preparation.open:
            house.preparation.answer()
        assert house.flow.held() == {FIRST: Hold.PREPARATION}
        assert house.dispatch.unprepared.said() == f"1 cannot be prepared: {FAULT}"
        house.dispatch.check()
        house.clock.advance(AGAIN_MAX_SECONDS)
    house.preparation.fault = ""
    assert house.source.held == {FIRST}
    assert (house.letters.tried, house.sent(), house.source.committed[FIRST].offset) == ([], [], 0)
    house.clock.advance(AGAIN_MAX_SECONDS)
    while house.preparation.open:
        house.preparation.answer()
    assert (house.open(), house.flow.held(), house.dispatch.unprepared.said()) == ([0], {}, None)
    house.sender.answer(200)
    house.clock.advance(2.0)
    assert (house.source.committed[FIRST].offset, house.source.held) == (1, frozenset())


def test_others_go_on_while_some_are_held() -> None:
    house = late()
    house.preparation.is_late = lambda _: False
    house.preparation.fault = FAULT
    arrive(house, 1)
    house.preparation.fault = ""
    house.source.assign(SECOND)
    house.produce(3, SECOND)
    house.source.fetch()
    assert house.sent() == [0, 1, 2]


def test_what_turns_out_late_to_be_no_request_is_skipped_or_written_down() -> None:
    house = late()
    for value in (None, b"no JSON"):
        house.source.append(FIRST, None, value)
    house.source.fetch()
    house.preparation.answer(1)
    house.preparation.answer(0)
    house.clock.advance(2.0)
    assert [letter.value for letter in house.letters.letters] == [b"no JSON"]
    assert house.source.committed[FIRST].offset == 2


def test_a_stop_waits_for_no_preparation() -> None:
    house = late()
    arrive(house, 5)
    house.preparation.answer()
    house.stop()
    assert (len(house.preparation.called_off), house.stages()) == (4, {Stage.ANSWER: 1})
    house.sender.answer(200)
    house.clock.advance(0.1)
    assert (house.stops, house.source.committed[FIRST].offset) == (1, 1)


def test_while_the_endpoint_is_down_one_is_prepared_at_a_time_as_a_probe() -> None:
    house = late(max_in_flight=20)
    house.preparation.is_late = lambda _: False
    arrive(house, 20)
    while house.sender.open:
        house.sender.answer(TransportError("reset", "gone"))
    house.preparation.is_late = lambda _: True
    arrive(house, 50)
    for _ in range(300):
        house.clock.advance(1.0)
        house.dispatch.check()
        assert len(house.preparation.open) <= 1
        assert len(house.sender.open) <= 1
        if house.preparation.open:
            house.preparation.answer()
        if house.sender.open:
            house.sender.answer(TransportError("reset", "gone"))
    assert max(house.sent()) > 0
    probed = {json.loads(request.body or b"{}")["n"] for request in house.sender.sent[20:]}
    assert probed


@pytest.mark.parametrize("seed", range(examples(12)))
def test_all_is_counted_where_it_is_whatever_is_late_held_given_up_or_refused(seed: int) -> None:
    random = Random(seed)
    house = House(max_in_flight=4, most_unprepared=random.choice((1, 3, 100)), chance=random.random)
    house.preparation.is_late = lambda _: random.random() < 0.6
    partitions = (FIRST, SECOND)
    house.source.assign(*partitions)
    statuses = (200, 200, 200, 400, 503, 429)
    acts: list[Callable[[], object]] = [
        lambda: house.produce(random.randrange(4), random.choice(partitions), keys=random.randrange(3)),
        lambda: house.source.fetch(20),
        lambda: house.preparation.answer(random.randrange(len(house.preparation.open))),
        house.preparation.answer,
        lambda: house.sender.answer(
            response(random.choice(statuses)), random.randrange(len(house.sender.open))
        ),
        lambda: house.sender.answer(200),
        lambda: house.clock.advance(random.choice((0.0, 0.3, 5.0))),
        lambda: setattr(house.preparation, "fault", random.choice(("", "", FAULT))),
        lambda: setattr(house.letters, "error", random.choice((None, WriteError("broker", "down")))),
    ]
    for _ in range(400):
        with suppress(ValueError, IndexError):  # there is none to be answered
            random.choice(acts)()
        if random.random() < 0.02:
            partition = random.choice(partitions)
            random.choice((house.source.revoke, house.source.lose))(partition)
            house.clock.advance(30.0)
            house.dispatch.check()
            house.source.assign(partition)
        house.dispatch.check()
        house.flow.check()
        house.admission.check()
    house.letters.error, house.preparation.fault = None, ""
    house.stop()
    house.clock.advance(60.0)
    assert (house.stops, house.dispatch.stages(), house.admission.in_flight()) == (1, {}, 0)
    assert house.preparation.open == []


def test_what_is_asked_for_again_leaves_half_of_the_places_to_others() -> None:
    house = late(most_unprepared=4)
    house.preparation.fault, house.preparation.is_late = FAULT, lambda _: False
    arrive(house, 6)
    assert house.stages() == {Stage.UNPREPARED: 6}
    house.preparation.is_late = lambda _: True
    house.clock.advance(AGAIN_MAX_SECONDS)
    assert house.preparation.offsets() == [0, 1]
    house.source.assign(SECOND)
    house.produce(6, SECOND)
    house.source.fetch()
    assert house.preparation.offsets() == [0, 1, 0, 1]
    house.dispatch.check()
    house.preparation.fault = ""
    house.preparation.answer()
    assert house.preparation.offsets() == [1, 0, 1, 2]

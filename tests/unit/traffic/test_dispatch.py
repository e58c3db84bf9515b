"""Who leaves next, how it is given up, and that all of it is counted where it is."""

from random import Random
from time import process_time
from types import ModuleType

import pytest

from processor.core.progress.flow import FlowPolicy
from processor.errors import WriteError
from processor.traffic.attempt import FOLLOWS, WAITING, Run, Stage
from tests.support.builders import FIRST, SECOND, record, records, response
from tests.support.examples import examples
from tests.support.stacks import Stacks
from tests.unit.traffic.test_delivery import House as Alone
from tests.unit.traffic.test_pipeline import House

pytestmark = pytest.mark.usefixtures("nothing_is_reentered")


def due(count: int) -> Alone:
    """So many retries that are due, in an order that chance made, and no lease to send them."""
    house = Alone(max_in_flight=count, chance=Random(1).random)
    house.deliver(*(record(n, value=b'{"n":%d}' % n) for n in range(count)))
    house.leased(house.clock.time())
    for _ in range(count):
        house.sender.answer(503)
    house.clock.advance(60.0)
    assert house.dispatch.stages() == {Stage.DUE: count}
    return house


def seconds_to_give_up(count: int) -> float:
    """CPU time, without what it takes to bring it about."""
    house = due(count)
    began = process_time()
    house.abandon()
    took = process_time() - began
    assert not house.dispatch.stages()
    return took


@pytest.mark.slow
def test_retries_that_are_due_are_given_up_in_linear_time_whatever_their_order() -> None:
    few, many = (min(seconds_to_give_up(count) for _ in range(2)) for count in (200, 1_600))
    assert many < 32 * few


def test_what_becomes_due_first_leaves_first() -> None:
    house = due(3)
    first = [run.record.value for run in house.dispatch._due]
    house.leased(house.clock.time() + 60.0)
    assert [sent.request.body for sent in house.sender.open] == first


def test_what_may_leave_leaves_at_the_end_of_the_turn_and_not_before() -> None:
    house = Alone()
    house.flow.received(records(range(3)))
    house.dispatch.pump_soon()
    house.dispatch.pump_soon()
    assert house.sender.sent == []
    house.clock.run()
    assert len(house.sender.sent) == 3


def test_a_run_goes_only_where_it_may_go() -> None:
    for stage, follows in FOLLOWS.items():
        for wanted in Stage:
            run = Run(record(), stage=stage)
            if wanted in follows:
                run.enter(wanted)
                assert run.stage is wanted
            else:
                with pytest.raises(AssertionError):
                    run.enter(wanted)


def test_from_every_stage_a_run_can_be_given_up_and_over_is_the_end() -> None:
    assert all(Stage.OVER in follows for stage, follows in FOLLOWS.items() if stage is not Stage.OVER)
    assert FOLLOWS[Stage.OVER] == frozenset()
    assert {*Stage} - WAITING == {Stage.ANSWER, Stage.LETTER, Stage.REPORT, Stage.OVER}


def test_a_count_that_is_wrong_is_noticed() -> None:
    house = Alone()
    house.deliver(record())
    house.dispatch.check()
    (run,) = house.dispatch._runs.values()
    run.stage = Stage.RETRY
    with pytest.raises(AssertionError):
        house.dispatch.check()


@pytest.mark.parametrize("seed", range(examples(8)))
def test_whatever_happens_all_is_counted_where_it_is_and_no_room_is_called_again_before_it_returned(
    seed: int,
) -> None:
    random = Random(seed)
    house = House(flow=FlowPolicy(max_waiting_records=60), max_in_flight=7, chance=random.random)
    house.source.assign(FIRST, SECOND)
    for _ in range(300):
        match random.randrange(9):
            case 0 | 1 | 2:
                house.produce(random.randrange(4), random.choice((FIRST, SECOND)), keys=random.randrange(3))
                house.source.fetch(20)
            case 3 | 4 | 5 if house.sender.open:
                status = random.choice((200, 200, 200, 400, 503, 429))
                house.sender.answer(response(status), random.randrange(len(house.sender.open)))
            case 6:
                house.clock.advance(random.choice((0.0, 0.3, 5.0)))
            case 7:
                house.letters.error = random.choice((None, WriteError("broker", "down")))
            case 8 if random.random() < 0.3:
                partition = random.choice((FIRST, SECOND))
                random.choice((house.source.revoke, house.source.lose))(partition)
                house.clock.advance(30.0)
                house.dispatch.check()
                house.source.assign(partition)
        house.dispatch.check()
    house.letters.error = None
    house.stop()
    house.clock.advance(60.0)
    assert (house.stops, house.dispatch.stages(), house.admission.in_flight()) == (1, {}, 0)


def room(name: str, text: str) -> ModuleType:
    """A module of that text."""
    module = ModuleType(name)
    module.__file__ = f"{name}.py"
    exec(compile(text, module.__file__, "exec"), vars(module))
    return module


def test_a_room_that_is_called_again_before_it_returned_is_seen() -> None:
    upper = room("upper", "def first(call): call()\ndef second(): pass\n")
    lower = room("lower", "def between(call): call()\n")
    with Stacks(upper, lower).watched() as stacks:
        upper.first(upper.second)
        lower.between(upper.second)
        assert not stacks.reentered
        upper.first(lambda: lower.between(upper.second))
    assert stacks.reentered == {"upper.first > lower.between > upper.second"}

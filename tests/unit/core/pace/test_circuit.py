"""An outage opens it, single events do not; while it is open only probes leave; it closes by itself."""

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.pace.circuit import Circuit, CircuitPolicy, State
from processor.model import Signal

POLICY = CircuitPolicy(window=10.0, minimum=10, first_probe=1.0, max_probe_interval=30.0)
NOW = 5000.0
OUTAGE = [Signal.UNREACHABLE, Signal.NO_ANSWER, Signal.SERVER_ERROR]
PUSHED_BACK = [Signal.THROTTLED, Signal.UNAVAILABLE]
SILENCE = 2.0


def tell(circuit: Circuit, *signs: Signal, at: float = NOW, records: Iterator[object] | None = None) -> None:
    """Answers to as many records, unless said otherwise."""
    for sign, record in zip(signs, records or count(), strict=False):
        circuit.told(sign, record, at, at, 1.0)


def opened(reason: Signal = Signal.SERVER_ERROR, policy: CircuitPolicy = POLICY) -> Circuit:
    """A circuit that opened at NOW."""
    circuit = Circuit(policy)
    tell(circuit, *[reason] * 10)
    assert circuit.state() is State.OPEN
    return circuit


def probe(circuit: Circuit, sign: Signal | None) -> float:
    """Send the next probe as soon as it may leave, and answer it at once; when that was."""
    at = circuit.wakes_at()
    assert at is not None
    assert circuit.room(at, 0) == 1
    assert circuit.started()
    circuit.probed(sign, at, 1.0)
    return at


def test_while_it_is_closed_it_limits_nothing() -> None:
    circuit = Circuit(POLICY)
    assert circuit.state() is State.CLOSED
    assert (circuit.room(NOW, 1000), circuit.wakes_at(), circuit.started()) == (None, None, False)


@pytest.mark.parametrize("sign", OUTAGE)
def test_a_share_of_failures_opens_it_once_there_are_enough_answers(sign: Signal) -> None:
    circuit = Circuit(POLICY)
    tell(circuit, *[Signal.DELIVERED] * 5, *[sign] * 4)
    assert circuit.state() is State.CLOSED
    tell(circuit, sign, records=iter("x"))
    assert (circuit.state(), circuit.reason()) == (State.OPEN, sign)


def test_failures_of_all_kinds_count_together_and_the_most_frequent_is_the_reason() -> None:
    circuit = Circuit(POLICY)
    tell(circuit, *[Signal.NO_ANSWER] * 4, *[Signal.SERVER_ERROR] * 6)
    assert (circuit.state(), circuit.reason()) == (State.OPEN, Signal.SERVER_ERROR)


def test_twice_the_minimum_of_failures_in_a_row_opens_it_however_much_went_well_before() -> None:
    circuit = Circuit(POLICY)
    tell(circuit, *[Signal.DELIVERED] * 10_000, *[Signal.NO_ANSWER] * 19)
    assert circuit.state() is State.CLOSED
    tell(circuit, Signal.NO_ANSWER, records=iter("x"))
    assert (circuit.state(), circuit.reason()) == (State.OPEN, Signal.NO_ANSWER)


@pytest.mark.parametrize("between", [Signal.DELIVERED, Signal.REFUSED])
def test_one_answer_that_works_ends_the_row(between: Signal) -> None:
    circuit = Circuit(POLICY)
    tell(circuit, *[Signal.DELIVERED] * 10_000)
    for _ in range(5):
        tell(circuit, *[Signal.NO_ANSWER] * 19, between)
    assert circuit.state() is State.CLOSED


def test_being_throttled_in_a_row_opens_nothing_while_the_window_holds_enough_else() -> None:
    circuit = Circuit(POLICY)
    tell(circuit, *[Signal.DELIVERED] * 10_000, *[Signal.THROTTLED] * 500)
    assert circuit.state() is State.CLOSED


def test_several_records_that_fail_with_none_that_does_not_between_them_cast_doubt_on_it() -> None:
    circuit = Circuit(POLICY)
    tell(circuit, Signal.THROTTLED, Signal.SERVER_ERROR, records=iter([7, 7]))
    assert not circuit.is_doubted()
    tell(circuit, Signal.SERVER_ERROR, records=iter([8]))
    assert circuit.is_doubted()
    tell(circuit, Signal.DELIVERED)
    assert not circuit.is_doubted()


def test_one_record_that_alone_goes_on_to_fail_casts_no_doubt_on_it_any_more() -> None:
    circuit = Circuit(POLICY)
    tell(circuit, Signal.SERVER_ERROR, Signal.SERVER_ERROR, records=iter([7, 8]))
    assert circuit.is_doubted()
    for at in range(1, 2 * POLICY.minimum + 1):
        circuit.told(Signal.THROTTLED, 7, NOW + at * 100.0, NOW + at * 100.0, 1.0)
    assert (circuit.state(), circuit.is_doubted()) == (State.CLOSED, False)


def test_fewer_failures_than_the_share_leave_it_closed() -> None:
    circuit = Circuit(POLICY)
    for _ in range(100):
        tell(circuit, *[Signal.DELIVERED] * 6, *[Signal.SERVER_ERROR] * 4)
    assert circuit.state() is State.CLOSED


def test_an_endpoint_that_throttles_is_no_outage_until_nearly_all_is_throttled() -> None:
    circuit = Circuit(POLICY)
    tell(circuit, *[Signal.DELIVERED] * 2, *[Signal.THROTTLED] * 9)
    tell(circuit, *[Signal.THROTTLED] * 8, at=NOW + SILENCE)
    assert circuit.state() is State.CLOSED
    tell(circuit, Signal.THROTTLED, at=NOW + SILENCE)
    assert (circuit.state(), circuit.reason()) == (State.OPEN, Signal.THROTTLED)


@pytest.mark.parametrize("sign", PUSHED_BACK)
def test_what_is_pushed_back_is_no_outage_while_now_and_then_something_is_delivered(sign: Signal) -> None:
    circuit = Circuit(POLICY)
    for at in range(100):
        tell(circuit, *[sign] * 50, Signal.DELIVERED, at=NOW + at * 0.95 * SILENCE)
    assert circuit.state() is State.CLOSED


@pytest.mark.parametrize("sign", PUSHED_BACK)
@pytest.mark.parametrize("before", [0, 10_000])
def test_once_nothing_is_delivered_any_more_it_opens_within_its_window(sign: Signal, before: int) -> None:
    circuit = Circuit(POLICY)
    tell(circuit, *[Signal.DELIVERED] * before)
    for tick in range(1, 200):
        tell(circuit, sign, sign, at=NOW + tick / 10)
        if circuit.state() is State.OPEN:
            break
    assert SILENCE <= tick / 10 <= POLICY.window
    assert circuit.reason() is sign


def test_while_it_is_left_alone_as_it_asked_it_is_not_silent() -> None:
    circuit = Circuit(POLICY)
    for tick in range(30):
        circuit.asked_to_pause(10.0)
        tell(circuit, Signal.THROTTLED, at=NOW + tick, records=iter([tick]))
    assert circuit.state() is State.CLOSED
    tell(circuit, Signal.THROTTLED, at=NOW + 5 * 10.0)
    assert circuit.state() is State.OPEN


def test_refusals_are_no_outage() -> None:
    circuit = Circuit(POLICY)
    tell(circuit, *[Signal.REFUSED] * 1000)
    assert circuit.state() is State.CLOSED


@pytest.mark.parametrize("sign", [Signal.NO_ANSWER, Signal.SERVER_ERROR, *PUSHED_BACK])
def test_one_record_alone_is_no_outage_however_often_it_fails(sign: Signal) -> None:
    circuit = Circuit(POLICY)
    tell(circuit, *[sign] * 1000, records=iter([7] * 1000))
    tell(circuit, *[sign] * 1000, at=NOW + SILENCE, records=iter([7] * 1000))
    assert circuit.state() is State.CLOSED
    tell(circuit, sign, at=NOW + SILENCE, records=iter([8]))
    assert circuit.state() is State.OPEN


def test_one_record_that_never_reaches_the_endpoint_is_enough() -> None:
    circuit = Circuit(POLICY)
    tell(circuit, *[Signal.UNREACHABLE] * 10, records=iter([7] * 10))
    assert circuit.state() is State.OPEN


def test_what_is_older_than_the_window_does_not_count() -> None:
    circuit = Circuit(POLICY)
    tell(circuit, *[Signal.SERVER_ERROR] * 9)
    tell(circuit, *[Signal.DELIVERED] * 10, at=NOW + 9.0)
    tell(circuit, *[Signal.SERVER_ERROR] * 9, at=NOW + 10.0)
    assert circuit.state() is State.CLOSED


def test_the_last_answers_count_however_old_they_are() -> None:
    circuit = Circuit(POLICY)
    for n in range(10):
        tell(circuit, Signal.SERVER_ERROR, at=NOW + 600.0 * n, records=iter([n]))
    assert circuit.state() is State.OPEN


def test_while_it_is_open_only_one_probe_at_a_time_leaves_and_not_before_its_time() -> None:
    circuit = opened()
    assert circuit.wakes_at() == NOW + 1.0
    assert [circuit.room(NOW, 0), circuit.room(NOW + 0.99, 0), circuit.room(NOW + 1.0, 0)] == [0, 0, 1]
    assert circuit.started()
    assert (circuit.room(NOW + 100.0, 1), circuit.wakes_at()) == (0, None)


def test_probes_that_fail_come_later_each_time_up_to_the_longest_wait() -> None:
    circuit, at, waits = opened(), NOW, []
    for _ in range(8):
        now = probe(circuit, Signal.NO_ANSWER)
        waits.append(now - at)
        at = now
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    assert circuit.failed_probes() == 8


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 0.5), (1.0, 1.0)])
def test_up_to_half_of_a_wait_is_left_to_chance(chance: float, wait: float) -> None:
    circuit = Circuit(POLICY)
    for n in range(10):
        circuit.told(Signal.SERVER_ERROR, n, NOW, NOW, chance)
    assert circuit.wakes_at() == NOW + wait


def test_a_probe_given_up_is_sent_again_soon_and_tells_nothing() -> None:
    circuit = opened()
    at = probe(circuit, None)
    assert (circuit.state(), circuit.wakes_at(), circuit.failed_probes()) == (State.OPEN, at + 1.0, 0)


@pytest.mark.parametrize("sign", [Signal.DELIVERED, Signal.REFUSED])
def test_a_probe_that_is_answered_half_opens_it(sign: Signal) -> None:
    circuit = opened()
    probe(circuit, sign)
    assert circuit.state() is State.HALF_OPEN
    assert [circuit.room(NOW, in_flight) for in_flight in (0, 1, 2)] == [2, 1, 0]


def test_half_open_each_success_lets_two_more_leave_until_it_is_closed() -> None:
    circuit = opened()
    at = probe(circuit, Signal.DELIVERED)
    for successes in range(1, 10):
        assert (circuit.state(), circuit.room(at, 0)) == (State.HALF_OPEN, 2 * successes)
        tell(circuit, Signal.DELIVERED, at=at)
    assert circuit.state() is State.CLOSED


def test_half_open_a_failure_among_successes_does_not_open_it() -> None:
    circuit = opened()
    at = probe(circuit, Signal.DELIVERED)
    tell(circuit, Signal.DELIVERED, Signal.DELIVERED, Signal.SERVER_ERROR, at=at)
    assert circuit.state() is State.HALF_OPEN


def test_half_open_failures_open_it_again_and_the_next_probe_waits_longer() -> None:
    circuit = opened()
    at = probe(circuit, Signal.DELIVERED)
    tell(circuit, Signal.SERVER_ERROR, Signal.SERVER_ERROR, at=at)
    assert (circuit.state(), circuit.wakes_at()) == (State.OPEN, at + 2.0)


def test_half_open_answers_to_what_left_before_do_not_count() -> None:
    circuit = opened()
    at = probe(circuit, Signal.DELIVERED)
    for n in range(50):
        circuit.told(Signal.NO_ANSWER, n, at - 0.1, at + 5.0, 1.0)
    assert circuit.state() is State.HALF_OPEN


def test_once_closed_the_next_outage_is_probed_as_soon_as_the_first() -> None:
    circuit = opened()
    at = probe(circuit, Signal.DELIVERED)
    tell(circuit, *[Signal.DELIVERED] * 20, at=at)
    tell(circuit, *[Signal.NO_ANSWER] * 20, at=at + 60.0)
    assert (circuit.state(), circuit.wakes_at(), circuit.failed_probes()) == (State.OPEN, at + 61.0, 0)


def test_while_it_is_open_answers_to_what_left_before_change_nothing() -> None:
    circuit = opened()
    tell(circuit, *[Signal.DELIVERED] * 100, *[Signal.NO_ANSWER] * 100)
    assert (circuit.state(), circuit.wakes_at()) == (State.OPEN, NOW + 1.0)


def test_refusals_that_cannot_be_paid_open_it_and_only_a_delivery_closes_it() -> None:
    circuit = Circuit(POLICY)
    circuit.refused(Signal.REFUSED, NOW, 1.0)
    assert (circuit.state(), circuit.reason()) == (State.OPEN, Signal.REFUSED)
    probe(circuit, Signal.REFUSED)
    assert circuit.state() is State.OPEN
    at = probe(circuit, Signal.DELIVERED)
    assert circuit.state() is State.HALF_OPEN
    tell(circuit, *[Signal.REFUSED] * 20, at=at)
    assert circuit.state() is State.HALF_OPEN
    tell(circuit, *[Signal.DELIVERED] * 9, at=at)
    assert circuit.state() is State.CLOSED


def test_refusals_while_it_is_open_change_neither_reason_nor_time() -> None:
    circuit = opened()
    circuit.refused(Signal.REFUSED, NOW + 0.9, 1.0)
    assert (circuit.reason(), circuit.wakes_at()) == (Signal.SERVER_ERROR, NOW + 1.0)


def test_once_it_knows_us_again_whatever_else_it_says_of_an_event_it_works() -> None:
    circuit = Circuit(POLICY)
    circuit.refused(Signal.CREDENTIALS, NOW, 1.0)
    probe(circuit, Signal.CREDENTIALS)
    assert (circuit.state(), circuit.reason()) == (State.OPEN, Signal.CREDENTIALS)
    probe(circuit, Signal.REFUSED)
    assert circuit.state() is State.HALF_OPEN


def test_a_probe_answered_after_it_was_opened_for_another_reason_changes_nothing() -> None:
    circuit = opened()
    probe(circuit, Signal.DELIVERED)
    circuit.probed(Signal.DELIVERED, NOW, 1.0)
    assert circuit.state() is State.HALF_OPEN


def test_switched_off_it_opens_for_refusals_only() -> None:
    circuit = Circuit(CircuitPolicy(enabled=False))
    tell(circuit, *[Signal.UNREACHABLE] * 1000)
    assert circuit.state() is State.CLOSED
    circuit.refused(Signal.REFUSED, NOW, 1.0)
    at = probe(circuit, Signal.DELIVERED)
    tell(circuit, *[Signal.DELIVERED] * 9, at=at)
    assert circuit.state() is State.CLOSED


def test_the_time_in_which_it_was_not_closed_is_added_up() -> None:
    circuit = opened()
    assert circuit.downtime(NOW + 5.0) == 5.0
    at = probe(circuit, Signal.DELIVERED)
    tell(circuit, *[Signal.DELIVERED] * 9, at=at)
    assert circuit.downtime(NOW + 500.0) == 1.0
    tell(circuit, *[Signal.NO_ANSWER] * 20, at=NOW + 600.0)
    assert circuit.downtime(NOW + 610.0) == 11.0


facts = st.tuples(
    st.sampled_from(Signal), st.integers(0, 3), st.floats(0.0, 20.0), st.booleans(), st.floats(0.0, 1.0)
)


@given(st.lists(facts, max_size=200))
def test_whatever_happens_at_most_one_probe_is_under_way_and_room_is_what_it_says(
    history: list[tuple[Signal, int, float, bool, float]],
) -> None:
    circuit, now, probing, down = Circuit(CircuitPolicy(minimum=3)), NOW, False, 0.0
    for sign, record, later, answers, chance in history:
        now += later
        wakes_at = circuit.wakes_at()
        if circuit.state() is State.OPEN:
            room = circuit.room(now, int(probing))
            assert room == int(not probing and wakes_at is not None and now >= wakes_at)
            if room:
                assert circuit.started()
                probing = True
            elif probing and answers:
                circuit.probed(sign, now, chance)
                probing = False
        else:
            assert wakes_at is None
            circuit.told(sign, record, now, now, chance)
        assert circuit.downtime(now) >= down
        down = circuit.downtime(now)

"""Nothing leaves that the limit, the rate, the endpoint, the circuit or the lease does not let leave."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.pace.admission import Admission, AdmissionPolicy, Earlier, Outcome, Permit
from processor.core.pace.budget import BudgetPolicy, Fault
from processor.core.pace.circuit import CircuitPolicy, State
from processor.core.pace.concurrency import ConcurrencyPolicy
from processor.core.pace.rate import RatePolicy
from processor.model import Quota, Signal

NOW = 5000.0


def static(limit: int) -> ConcurrencyPolicy:
    return ConcurrencyPolicy(limit, adaptive=False)


LONG_AGO = Earlier(NOW - 1.0, -1)
"""Something has been delivered since then."""


def outcome(sign: Signal, record: object = 1, before: Earlier | None = None, pause: float = 0.0) -> Outcome:
    return Outcome(record, sign, before, pause)


def answer(admission: Admission, *signs: Signal, at: float = NOW, pause: float = 0.0) -> None:
    """So many requests of different records left, and were answered at once."""
    for record, sign in enumerate(signs):
        admission.ended(admission.started(at), outcome(sign, record, pause=pause), at, 1.0)


def standing(admission: Admission, now: float) -> tuple[object, ...]:
    """All that it can be asked."""
    counts = admission.in_flight(), admission.limit(), admission.delivered(), admission.budget_left()
    return *counts, admission.room(now), admission.wakes_at(now), admission.circuit().state()


def test_at_first_nothing_is_under_way_and_all_the_room_is_there() -> None:
    admission = Admission(AdmissionPolicy(static(3)))
    assert (admission.in_flight(), admission.room(NOW), admission.limit()) == (0, 3, 3)
    assert admission.wakes_at(NOW) is None


def test_a_request_takes_its_room_until_it_is_answered() -> None:
    admission = Admission(AdmissionPolicy(static(2)))
    first = admission.started(NOW)
    admission.started(NOW)
    assert (admission.in_flight(), admission.room(NOW)) == (2, 0)
    admission.ended(first, outcome(Signal.DELIVERED), NOW + 1, 1.0)
    assert (admission.in_flight(), admission.room(NOW + 1), admission.delivered()) == (1, 1, 1)


@given(st.integers(1, 5), st.lists(st.booleans()))
def test_who_asks_before_never_exceeds_the_limit(limit: int, wishes: list[bool]) -> None:
    admission, under_way = Admission(AdmissionPolicy(static(limit))), list[Permit]()
    for wants_to_start in wishes:
        if wants_to_start and admission.room(NOW) > 0:
            under_way.append(admission.started(NOW))
        elif not wants_to_start and under_way:
            admission.ended(under_way.pop(), outcome(Signal.DELIVERED), NOW, 1.0)
        assert admission.in_flight() == len(under_way) <= limit
        assert admission.room(NOW) == limit - len(under_way)


def test_the_rate_takes_room_away_and_says_when_there_is_some() -> None:
    admission = Admission(AdmissionPolicy(static(10), rate=RatePolicy(4.0, 2)))
    assert admission.room(NOW) == 2
    admission.started(NOW)
    admission.started(NOW)
    assert admission.room(NOW) == 0
    wakes_at = admission.wakes_at(NOW)
    assert wakes_at is not None
    assert abs(wakes_at - NOW - 0.25) < 1e-6
    assert admission.room(wakes_at) == 1


def test_what_is_said_to_be_left_is_spread_over_the_time_that_it_has_to_last() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    none_left = Outcome(1, Signal.THROTTLED, None, 0.0, Quota(0, 1.0))
    admission.ended(admission.started(NOW), none_left, NOW, 1.0)
    admission.accepted(admission.started(NOW + 1.0), NOW + 1.0, Quota(5, 60.0))
    admission.started(NOW + 1.0)
    assert admission.room(NOW + 1.0) == 0
    assert admission.wakes_at(NOW + 1.0) == pytest.approx(NOW + 16.0)


def test_a_pause_that_the_endpoint_asks_for_holds_all_requests() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    answer(admission, Signal.THROTTLED, pause=7.0)
    assert (admission.room(NOW + 6.9), admission.room(NOW + 7.0)) == (0, 10)
    assert (admission.wakes_at(NOW), admission.pause(NOW), admission.pause(NOW + 8)) == (NOW + 7, 7.0, 0.0)


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    answer(admission, Signal.THROTTLED, pause=7.0)
    answer(admission, Signal.THROTTLED, pause=1.0)
    assert admission.pause(NOW) == 7.0


def test_once_the_lease_is_over_nothing_leaves_and_no_time_brings_room() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    admission.leased(NOW + 3.0)
    assert (admission.room(NOW + 2.9), admission.lease(NOW)) == (10, 3.0)
    assert (admission.room(NOW + 3.0), admission.lease(NOW + 4.0)) == (0, 0.0)
    answer(admission, Signal.THROTTLED, pause=7.0)
    assert admission.wakes_at(NOW + 3.0) is None
    admission.leased(NOW + 30.0)
    assert admission.room(NOW + 8.0) == 10


def test_while_the_circuit_is_open_only_probes_leave() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    answer(admission, *[Signal.NO_ANSWER] * 10)
    assert admission.circuit().state() is State.OPEN
    assert (admission.room(NOW), admission.wakes_at(NOW), admission.room(NOW + 1.0)) == (0, NOW + 1.0, 1)
    assert admission.started(NOW + 1.0) == Permit(NOW + 1.0, True)
    assert admission.room(NOW + 1.0) == 0


@pytest.mark.parametrize("is_short", [False, True])
def test_a_probe_that_succeeds_lets_more_leave(is_short: bool) -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    answer(admission, *[Signal.NO_ANSWER] * 10)
    if is_short:
        admission.accepted(admission.started(NOW + 1.0), NOW + 1.0)
    else:
        answer(admission, Signal.DELIVERED, at=NOW + 1.0)
    assert (admission.circuit().state(), admission.room(NOW + 1.0)) == (State.HALF_OPEN, 2)


def test_a_probe_that_fails_or_is_given_up_is_followed_by_another() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    answer(admission, *[Signal.NO_ANSWER] * 10)
    admission.ended(admission.started(NOW + 1.0), None, NOW + 1.0, 1.0)
    assert admission.wakes_at(NOW + 1.0) == NOW + 2.0
    answer(admission, Signal.SERVER_ERROR, at=NOW + 2.0)
    assert admission.wakes_at(NOW + 2.0) == NOW + 4.0


def test_a_request_given_up_frees_its_room_and_tells_nothing() -> None:
    admission = Admission(AdmissionPolicy(static(1)))
    for _ in range(100):
        admission.ended(admission.started(NOW), None, NOW, 1.0)
    assert (admission.circuit().state(), admission.room(NOW)) == (State.CLOSED, 1)


def test_a_probe_that_fails_again_while_nothing_else_went_through_is_told_as_one() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    answer(admission, Signal.DELIVERED, *[Signal.NO_ANSWER] * 9)
    permit = admission.started(NOW + 1.0)
    admission.ended(permit, outcome(Signal.NO_ANSWER, 3, before=LONG_AGO), NOW + 1.0, 1.0)
    assert admission.circuit().failed_probes() == 1


def test_a_record_that_fails_again_while_others_are_delivered_tells_nothing_of_the_endpoint() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    for _ in range(50):
        answer(admission, Signal.DELIVERED)
        for record in range(10):
            failed = outcome(Signal.SERVER_ERROR, record, LONG_AGO, pause=60.0)
            admission.ended(admission.started(NOW), failed, NOW, 1.0)
    assert (admission.circuit().state(), admission.pause(NOW)) == (State.CLOSED, 0.0)


def test_a_record_that_fails_again_while_nothing_is_delivered_tells_of_the_endpoint() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    for record in range(10):
        failed = outcome(Signal.SERVER_ERROR, record % 2, before=Earlier(NOW, 0), pause=60.0)
        admission.ended(admission.started(NOW), failed, NOW, 1.0)
    assert (admission.circuit().state(), admission.pause(NOW)) == (State.OPEN, 60.0)


def test_refusals_are_paid_for_by_deliveries_and_open_the_circuit_when_many_cannot_be() -> None:
    admission = Admission(AdmissionPolicy(static(10), CircuitPolicy(minimum=3), budget=BudgetPolicy(2)))
    assert [admission.afford(NOW, 1.0), admission.afford(NOW, 1.0)] == [True, True]
    answer(admission, Signal.DELIVERED)
    assert admission.budget_left() == 1
    assert [admission.afford(NOW, 1.0) for _ in range(3)] == [True, False, False]
    assert admission.circuit().state() is State.CLOSED
    assert not admission.afford(NOW, 1.0)
    assert (admission.circuit().state(), admission.circuit().reason()) == (State.OPEN, Signal.REFUSED)


def test_refusals_that_are_not_paid_for_open_no_circuit_while_others_are_delivered_among_them() -> None:
    admission = Admission(AdmissionPolicy(static(10), CircuitPolicy(minimum=3), budget=BudgetPolicy(1)))
    for _ in range(20):
        answer(admission, Signal.DELIVERED)
        assert [admission.afford(NOW, 1.0) for _ in range(3)] == [True, False, False]
    assert admission.circuit().state() is State.CLOSED


def test_what_may_always_be_a_dead_letter_is_told_by_its_code_or_its_status() -> None:
    admission = Admission(AdmissionPolicy(unpaid=frozenset(("invalid_event", "422"))))
    told = [admission.is_unpaid(*each) for each in (("refused", 422), ("refused", 400), ("invalid_event",))]
    assert told == [True, False, True]


def test_what_is_sent_again_is_paid_for_beforehand_and_given_back_when_it_is_answered() -> None:
    admission = Admission(AdmissionPolicy(static(10), CircuitPolicy(minimum=1), budget=BudgetPolicy(1)))
    assert (admission.reserve(), admission.reserve()) == (True, False)
    admission.give_back(Fault.REFUSED)
    assert admission.reserve()
    assert not admission.afford(NOW, 1.0)
    admission.give_back(Fault.REFUSED)
    assert (admission.circuit().state(), admission.reserve()) == (State.OPEN, False)


def test_events_that_can_be_no_request_are_paid_for_apart_and_say_nothing_of_the_endpoint() -> None:
    admission = Admission(AdmissionPolicy(static(10), CircuitPolicy(minimum=1), budget=BudgetPolicy(1)))
    assert [admission.afford_unusable() for _ in range(3)] == [True, False, False]
    assert admission.circuit().state() is State.CLOSED
    assert admission.afford(NOW, 1.0)


def test_an_adaptive_limit_begins_low_after_an_outage() -> None:
    admission = Admission(AdmissionPolicy(ConcurrencyPolicy(64), CircuitPolicy(minimum=2)))
    before = admission.limit()
    answer(admission, Signal.NO_ANSWER, Signal.NO_ANSWER)
    answer(admission, Signal.DELIVERED, at=NOW + 1.0)
    assert admission.limit() < before


def test_a_failure_among_others_with_no_delivery_meanwhile_may_be_the_endpoints() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    first, second, third = (admission.started(NOW) for _ in range(3))
    admission.ended(first, outcome(Signal.SERVER_ERROR, 1), NOW, 1.0)
    assert not admission.is_down(first, Signal.SERVER_ERROR, None, NOW)
    admission.ended(second, outcome(Signal.SERVER_ERROR, 2), NOW, 1.0)
    assert admission.is_down(second, Signal.SERVER_ERROR, None, NOW)
    admission.ended(third, outcome(Signal.DELIVERED, 3), NOW, 1.0)
    assert not admission.is_down(second, Signal.SERVER_ERROR, None, NOW)


def test_a_delivery_of_what_left_before_says_nothing_of_what_fails_later() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    early = admission.started(NOW)
    for record in (1, 2):
        admission.ended(admission.started(NOW + 1.0), outcome(Signal.SERVER_ERROR, record), NOW + 1.0, 1.0)
    admission.accepted(early, NOW + 2.0)
    again = [admission.started(NOW + 3.0) for _ in range(2)]
    for record, permit in enumerate(again, 1):
        failed = outcome(Signal.SERVER_ERROR, record, Earlier(NOW + 1.0, 0))
        admission.ended(permit, failed, NOW + 3.0, 1.0)
    assert admission.is_down(again[1], Signal.SERVER_ERROR, None, NOW + 3.0)
    admission.accepted(admission.started(NOW + 3.1), NOW + 4.0)
    assert not admission.is_down(again[1], Signal.SERVER_ERROR, None, NOW + 4.0)


def test_while_the_circuit_is_open_every_failure_may_be_the_endpoints() -> None:
    admission = Admission(AdmissionPolicy(static(20)))
    early = admission.started(NOW)
    answer(admission, Signal.DELIVERED, *[Signal.NO_ANSWER] * 9)
    assert admission.circuit().state() is State.OPEN
    assert admission.is_down(early, Signal.SERVER_ERROR, None, NOW)
    assert not admission.afford(NOW, 1.0)


def test_an_endpoint_that_was_not_reached_is_never_the_records_fault() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    assert admission.is_down(admission.started(NOW), Signal.UNREACHABLE, None, NOW)


def test_where_it_does_not_know_us_no_record_is_to_blame_until_others_are_delivered() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    permit = admission.started(NOW)
    answer(admission, Signal.DELIVERED)
    assert admission.is_down(permit, Signal.CREDENTIALS, None, NOW)
    assert admission.is_down(permit, Signal.CREDENTIALS, Earlier(NOW, 0), NOW)
    assert not admission.is_down(permit, Signal.CREDENTIALS, Earlier(NOW - 0.1, 0), NOW)


@pytest.mark.parametrize("enabled", [True, False])
def test_one_that_does_not_know_us_is_left_alone_but_for_probes(enabled: bool) -> None:
    admission = Admission(AdmissionPolicy(static(10), CircuitPolicy(enabled=enabled)))
    answer(admission, *[Signal.DELIVERED] * 30)
    answer(admission, *[Signal.CREDENTIALS] * 9)
    assert not admission.is_unknown()
    answer(admission, Signal.CREDENTIALS)
    assert (admission.circuit().state(), admission.circuit().reason()) == (State.OPEN, Signal.CREDENTIALS)
    assert admission.is_unknown()
    assert admission.budget_left() == BudgetPolicy().credit
    answer(admission, Signal.DELIVERED, at=NOW + 1.0)
    assert admission.circuit().state() is State.HALF_OPEN


def test_before_anything_is_delivered_one_refusal_of_us_tells_that_it_does_not_know_us() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    assert not admission.is_unknown()
    answer(admission, Signal.CREDENTIALS)
    assert admission.is_unknown()
    answer(admission, Signal.REFUSED)
    assert not admission.is_unknown()
    answer(admission, Signal.CREDENTIALS, Signal.DELIVERED, Signal.CREDENTIALS)
    assert not admission.is_unknown()


def test_a_record_that_alone_is_refused_for_who_we_are_leaves_the_circuit_as_it_is() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    for _ in range(100):
        failed = admission.started(NOW)
        admission.ended(failed, outcome(Signal.CREDENTIALS, 1, LONG_AGO), NOW, 1.0)
        answer(admission, Signal.DELIVERED)
    assert admission.circuit().state() is State.CLOSED


def test_an_outage_beyond_its_longest_is_the_records_fault_again() -> None:
    admission = Admission(AdmissionPolicy(static(10), CircuitPolicy(max_outage=60.0)))
    answer(admission, *[Signal.NO_ANSWER] * 10)
    permit = admission.started(NOW + 60.0)
    assert admission.is_down(permit, Signal.NO_ANSWER, None, NOW + 60.0)
    assert not admission.afford(NOW + 60.0, 1.0)
    assert not admission.is_down(permit, Signal.NO_ANSWER, None, NOW + 60.1)
    assert not admission.is_down(permit, Signal.UNREACHABLE, None, NOW + 60.1)
    assert admission.afford(NOW + 60.1, 1.0)
    assert admission.circuit().downtime(NOW + 600.0) == 60.0


def test_a_slot_that_is_given_back_twice_is_noticed() -> None:
    admission = Admission(AdmissionPolicy(static(10)))
    permit = admission.started(NOW)
    admission.ended(permit, None, NOW, 1.0)
    admission.check()
    admission.ended(permit, None, NOW, 1.0)
    with pytest.raises(AssertionError):
        admission.check()


@given(
    signs=st.lists(
        st.tuples(st.just(Signal.DELIVERED) | st.sampled_from(Signal), st.floats(0.01, 1.0)),
        min_size=10,
        max_size=80,
    )
)
def test_a_delivery_told_the_short_way_counts_as_any_other_answer_that_delivers(
    signs: list[tuple[Signal, float]],
) -> None:
    policy = AdmissionPolicy(ConcurrencyPolicy(3), budget=BudgetPolicy(2, 1))
    long, short, now = Admission(policy), Admission(policy), NOW
    under_way: list[tuple[Permit, Permit]] = []
    for record, (sign, passed) in enumerate(signs):
        now = max(now + passed, short.wakes_at(now) or now)
        under_way += [(long.started(now), short.started(now)) for _ in range(short.room(now))]
        if not under_way:
            continue
        long_permit, short_permit = under_way.pop(0)
        long.ended(long_permit, outcome(sign, record), now, 0.5)
        if sign is Signal.DELIVERED:
            short.accepted(short_permit, now)
        else:
            short.ended(short_permit, outcome(sign, record), now, 0.5)
        if sign is Signal.REFUSED:
            assert short.afford(now, 0.5) == long.afford(now, 0.5)
        assert standing(short, now) == standing(long, now)
        short.check()

"""Never more requests are under way than the policy says."""

from hypothesis import given
from hypothesis import strategies as st

from processor.core.admission import Admission, AdmissionPolicy


def test_at_first_nothing_is_under_way_and_all_the_room_is_there() -> None:
    admission = Admission(AdmissionPolicy(max_in_flight=3))
    assert (admission.in_flight(), admission.room()) == (0, 3)


def test_a_request_takes_its_room_until_it_is_answered() -> None:
    admission = Admission(AdmissionPolicy(max_in_flight=2))
    admission.started()
    admission.started()
    assert (admission.in_flight(), admission.room()) == (2, 0)
    admission.ended()
    assert (admission.in_flight(), admission.room()) == (1, 1)


@given(st.integers(1, 5), st.lists(st.booleans()))
def test_who_asks_before_never_exceeds_the_limit(limit: int, wishes: list[bool]) -> None:
    admission, under_way = Admission(AdmissionPolicy(limit)), 0
    for wants_to_start in wishes:
        if wants_to_start and admission.room() > 0:
            admission.started()
            under_way += 1
        elif not wants_to_start and under_way:
            admission.ended()
            under_way -= 1
        assert admission.in_flight() == under_way <= limit
        assert admission.room() == limit - under_way

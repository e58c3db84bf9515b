"""Dead letters have to be paid for by deliveries, the refused and the unusable each apart."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.pace.budget import Budget, BudgetPolicy, Fault

both = pytest.mark.parametrize("fault", list(Fault))


@both
def test_without_a_delivery_the_credit_is_all_there_is(fault: Fault) -> None:
    budget = Budget(BudgetPolicy(credit=3, per_delivery=2))
    assert [budget.pay(fault) for _ in range(5)] == [True, True, True, False, False]


@both
def test_each_delivery_pays_for_some_more_up_to_the_credit(fault: Fault) -> None:
    budget = Budget(BudgetPolicy(credit=3, per_delivery=2))
    for _ in range(3):
        budget.pay(fault)
    budget.delivered()
    assert budget.left() == 2
    budget.delivered()
    budget.delivered()
    assert budget.left() == 3


def test_one_fault_does_not_pay_for_the_other() -> None:
    budget = Budget(BudgetPolicy(credit=2))
    assert [budget.pay(Fault.UNUSABLE) for _ in range(3)] == [True, True, False]
    assert (budget.pay(Fault.REFUSED), budget.left()) == (True, 0)
    budget.delivered()
    assert [budget.pay(fault) for fault in Fault for _ in range(3)] == [True, True, False, True, False, False]


@both
def test_what_became_no_dead_letter_is_given_back(fault: Fault) -> None:
    budget = Budget(BudgetPolicy(credit=1))
    for _ in range(3):
        assert budget.pay(fault)
        budget.give_back(fault)
    budget.give_back(fault)
    assert budget.left() == 1


def test_less_than_one_a_delivery_adds_up() -> None:
    budget = Budget(BudgetPolicy(credit=1, per_delivery=0.5))
    assert budget.pay(Fault.REFUSED)
    budget.delivered()
    assert not budget.pay(Fault.REFUSED)
    budget.delivered()
    assert budget.pay(Fault.REFUSED)


def test_without_a_policy_there_is_no_limit() -> None:
    budget = Budget(None)
    for fault in Fault:
        budget.delivered()
        budget.give_back(fault)
        assert all(budget.pay(fault) for _ in range(1_000))
    assert budget.left() is None


@pytest.mark.parametrize(
    ("failing", "is_held"), [(0.3, False), (0.45, False), (0.6, True), (0.8, True), (1.0, True)]
)
@both
def test_by_default_nearly_everything_is_more_than_every_second_event(
    fault: Fault, failing: float, is_held: bool
) -> None:
    budget, letters, held, owed = Budget(BudgetPolicy()), 0, 0, Fraction(0)
    for _ in range(2_000):
        owed += Fraction(str(failing))
        if owed < 1:
            budget.delivered()
            continue
        owed -= 1
        paid = budget.pay(fault)
        letters, held = letters + paid, held + (not paid)
    assert (held > 0) is is_held
    assert letters <= 100 + round(2_000 * (1 - failing))


@given(
    st.integers(1, 5),
    st.sampled_from((0.25, 1.0, 3.0)),
    st.lists(st.tuples(st.sampled_from(Fault), st.booleans()), max_size=200),
)
def test_no_more_is_paid_than_was_earned(
    credit: int, per_delivery: float, facts: list[tuple[Fault, bool]]
) -> None:
    budget, in_a_row = Budget(BudgetPolicy(credit, per_delivery)), dict.fromkeys(Fault, 0)
    earned, paid = float(credit), dict.fromkeys(Fault, 0)
    for fault, delivered in facts:
        if delivered:
            budget.delivered()
            earned, in_a_row = earned + per_delivery, dict.fromkeys(Fault, 0)
        elif budget.pay(fault):
            paid[fault] += 1
            in_a_row[fault] += 1
        assert max(paid.values()) <= earned
        assert max(in_a_row.values()) <= credit
        assert (budget.left() or 0) <= credit

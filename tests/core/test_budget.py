"""Dead letters are paid for by deliveries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.budget import Budget, BudgetPolicy


def test_without_a_delivery_only_the_credit_is_spent() -> None:
    budget = Budget(BudgetPolicy(credit=3, per_delivery=2))
    assert [budget.pay() for _ in range(5)] == [True, True, True, False, False]


def test_a_delivery_pays_for_more_up_to_the_credit() -> None:
    budget = Budget(BudgetPolicy(credit=3, per_delivery=2))
    for _ in range(3):
        budget.pay()
    budget.delivered()
    assert budget.left() == 2
    budget.delivered()
    budget.delivered()
    assert budget.left() == 3


@pytest.mark.parametrize("deliveries", [0, 5])
def test_without_a_policy_there_is_no_limit(deliveries: int) -> None:
    budget = Budget(None)
    for _ in range(deliveries):
        budget.delivered()
    assert budget.left() is None
    assert all(budget.pay() for _ in range(10_000))


@given(st.integers(1, 20), st.integers(1, 20), st.lists(st.booleans()))
def test_never_more_is_paid_than_was_earned(credit: int, per_delivery: int, deliveries: list[bool]) -> None:
    budget, earned, paid, in_a_row = Budget(BudgetPolicy(credit, per_delivery)), credit, 0, 0
    for is_delivery in deliveries:
        if is_delivery:
            budget.delivered()
            earned, in_a_row = earned + per_delivery, 0
        elif budget.pay():
            paid, in_a_row = paid + 1, in_a_row + 1
        assert paid <= earned
        assert in_a_row <= credit

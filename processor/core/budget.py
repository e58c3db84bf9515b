"""Whether another refusal may become a dead letter: they have to be paid for by deliveries.

When the endpoint refuses nearly everything (a wrong token, a wrong path) the fault is not the
events': the topic must not be emptied into the dead-letter topic.

Promise: never more than `credit + per_delivery * deliveries` dead letters are paid, and without a
delivery at most `credit` of them one after the other.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """`credit`: dead letters that need no delivery. `per_delivery`: how many each delivery pays for."""

    credit: int = 100
    per_delivery: int = 10


class Budget:
    """What is left to be spent."""

    def __init__(self, policy: BudgetPolicy | None) -> None:
        """None: there is no limit."""
        self._policy = policy
        self._left = policy.credit if policy else 0

    def delivered(self) -> None:
        """The endpoint accepted something."""
        if self._policy and self._left < self._policy.credit:
            self._left = min(self._policy.credit, self._left + self._policy.per_delivery)

    def pay(self) -> bool:
        """Whether a dead letter may be written; if so, it is paid for."""
        if self._policy is None:
            return True
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def left(self) -> int | None:
        """How many more may be written now; None: no limit."""
        return self._left if self._policy else None

"""Whether another failure may become a dead letter: they have to be paid for by deliveries.

When the endpoint refuses nearly everything (a wrong token, a wrong path), or nearly nothing on the topic
can be used (another format, another topic), the fault is not the events': the topic must not be emptied
into the dead-letter topic.

Promise: of each fault never more than `credit + per_delivery * deliveries` dead letters are paid, and
without a delivery at most `credit` of them one after the other. So in the long run a share of
`per_delivery / (1 + per_delivery)` of the events passes, one half by default, and what is more is held.

Nothing is known of the lives before: a process that is started again and again has its credit each time.
"""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What failed; each is paid for apart."""

    REFUSED = "refused"
    """The endpoint did not take the event."""
    UNUSABLE = "unusable"
    """It could not become a request."""


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """`credit`: dead letters that need no delivery. `per_delivery`: how many each delivery pays for."""

    credit: int = 100
    per_delivery: float = 1.0


class Budget:
    """What is left to be spent."""

    def __init__(self, policy: BudgetPolicy | None) -> None:
        """None: there is no limit."""
        self._policy = policy
        self._left = dict.fromkeys(Fault, float(policy.credit if policy else 0))
        self._is_whole = True

    def delivered(self) -> None:
        if self._is_whole or self._policy is None:
            return
        for fault in self._left:
            self._earn(self._policy, fault, self._policy.per_delivery)
        self._is_whole = min(self._left.values()) >= self._policy.credit

    def pay(self, fault: Fault) -> bool:
        """Whether a dead letter may be written; if so, it is paid for."""
        if self._policy is None:
            return True
        if self._left[fault] < 1:
            return False
        self._left[fault] -= 1
        self._is_whole = False
        return True

    def give_back(self, fault: Fault) -> None:
        """What was paid for became no dead letter."""
        if self._policy is not None:
            self._earn(self._policy, fault, 1)

    def left(self) -> int | None:
        """How many more of one fault may be written now, at least; None: no limit."""
        return int(min(self._left.values())) if self._policy else None

    def _earn(self, policy: BudgetPolicy, fault: Fault, many: float) -> None:
        self._left[fault] = min(policy.credit, self._left[fault] + many)

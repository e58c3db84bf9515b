"""Whether a request may leave to a host that an event names: each has an admission of its own.

Promises:
- what such a host does, or leaves undone, takes no slot of the destination and moves neither its limit,
  rate, circuit nor budget;
- no more than `most` requests are under way to all of them together, and to one of them no more than half
  of these (at least one): while one hangs, the others go on;
- of those to which nothing is under way no more than `remembered` are known.

Times are monotonic seconds.
"""

from dataclasses import dataclass, field

from processor.core.pace.admission import Admission, AdmissionPolicy
from processor.core.pace.circuit import CircuitPolicy, State
from processor.core.pace.concurrency import ConcurrencyPolicy
from processor.model import Answer


@dataclass(frozen=True, slots=True)
class HostsPolicy:
    """How many requests to them at once, when one of them counts as down, and how many are remembered."""

    most: int = 16
    circuit: CircuitPolicy = field(default_factory=CircuitPolicy)
    adaptive: bool = True
    remembered: int = 64


class Hosts:
    """The doors of this process to the hosts that events name, by their origins."""

    def __init__(self, policy: HostsPolicy) -> None:
        self._most = policy.most
        self._remembered = policy.remembered
        # Dead letters are not paid for here: an event that chooses its receiver answers for it.
        self._policy = AdmissionPolicy(
            ConcurrencyPolicy((policy.most + 1) // 2, adaptive=policy.adaptive), policy.circuit, budget=None
        )
        self._known: dict[str, Admission] = {}
        """The one asked for last is the last."""
        self._failed: dict[str, Answer] = {}
        self._stood: dict[str, State] = {}

    # Facts

    def failed(self, host: str, answer: Answer) -> None:
        """It answered so, or not at all."""
        self._failed[host] = answer

    # Questions

    def of(self, host: str) -> Admission:
        """The door to one of them."""
        admission = self._known.pop(host, None)
        if admission is None:
            admission = Admission(self._policy)
            self._forget()
        self._known[host] = admission
        return admission

    def turned(self, host: str) -> State | None:
        """How one stands that stood otherwise when it was last asked about."""
        state = self.of(host).circuit().state()
        if self._stood.get(host, State.CLOSED) is state:
            return None
        self._stood[host] = state
        return state

    def in_flight(self) -> int:
        """How many requests to all of them have left and are not answered."""
        return sum(admission.in_flight() for admission in self._known.values())

    def has_room(self) -> bool:
        """Whether another may leave, where its host has room for it."""
        return self.in_flight() < self._most

    def why_down(self, host: str) -> Answer | None:
        """The failure of one that counts as down; None: it does not."""
        admission = self._known.get(host)
        if admission is None or admission.circuit().state() is State.CLOSED:
            return None
        return self._failed.get(host)

    def down(self) -> int:
        """How many of them count as down."""
        return sum(each.circuit().state() is not State.CLOSED for each in self._known.values())

    def check(self) -> None:
        """None has more under way than it may, nor have all."""
        assert self.in_flight() <= self._most
        assert len(self._known) <= self._remembered + self._most
        for admission in self._known.values():
            admission.check()

    def _forget(self) -> None:
        """One more comes: of those to which nothing is under way the one that was asked for first goes."""
        if len(self._known) < self._remembered:
            return
        host = next((each for each, door in self._known.items() if not door.in_flight()), None)
        if host is not None:
            del self._known[host]
            self._failed.pop(host, None)
            self._stood.pop(host, None)

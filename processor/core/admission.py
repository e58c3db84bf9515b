"""Whether another request may leave now.

Promise: never more than `max_in_flight` requests have left and are not answered. A record that
waits for a retry or for its dead letter holds no slot.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AdmissionPolicy:
    """How many requests may be under way at once."""

    max_in_flight: int = 64


class Admission:
    """The slots of this process."""

    def __init__(self, policy: AdmissionPolicy) -> None:
        self._policy = policy
        self._in_flight = 0

    def started(self) -> None:
        """A request left; ask `room()` before."""
        self._in_flight += 1

    def ended(self) -> None:
        """A request was answered, or given up."""
        self._in_flight -= 1

    def in_flight(self) -> int:
        """How many requests have left and are not answered."""
        return self._in_flight

    def room(self) -> int:
        """How many more may leave now."""
        return self._policy.max_in_flight - self._in_flight

"""Attempt headers: what a request says that is made anew when it leaves: a time, a signature, a token.

Promises: they are made for one attempt and kept with no record, so that no dead letter and no page has
them; a host that an event names gets none of them unless they are said to be for all; and an event sets
none of them itself (`RequestPolicy.reserved_headers`).

They stand behind the head that is the same for all requests, which is not written anew for them.
"""

from typing import Protocol

from processor.model import Headers, Record, Request


class AttemptHeaders(Protocol):
    """Who makes them."""

    @property
    def names(self) -> frozenset[str]:
        """What they are called, all that there may be: no event sets one of these."""
        ...

    @property
    def is_for_all_hosts(self) -> bool:
        """Whether the hosts that events name get them too."""
        ...

    def make(self, request: Request, record: Record, at: float) -> Headers:
        """Those of an attempt that leaves at that time, a timestamp. Raises nothing."""
        ...

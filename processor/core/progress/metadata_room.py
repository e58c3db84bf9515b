"""How much commit metadata the broker takes: it says so only by refusing.

Promises: after a refusal less is sent than what was refused, and never again as much; not less than
what the broker took before. After a dozen refusals none is left, which every broker takes; after a few
more the limit is known to CLOSE.
"""

CLOSE = 64
"""So near to what was refused no more is tried."""
FULL = 16
"""With less room than that left, there may have been more to say."""


class MetadataRoom:
    """The limit of one cluster as far as it is known, in characters (they are ASCII)."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.accepted_bytes = 0
        """The longest that was acknowledged."""
        self._refused: int | None = None
        """The shortest that was refused."""

    def accepted(self, length: int) -> None:
        """The broker took metadata of that length."""
        self.accepted_bytes = max(self.accepted_bytes, length)
        is_full = self.limit - length < FULL
        if self._refused is not None and is_full and self._refused - self.limit > CLOSE:
            self.limit = (self.limit + self._refused) // 2

    def refused(self, length: int) -> int:
        """The broker did not take metadata of that length; returns the limit from now on."""
        if self.accepted_bytes >= length:  # it was made stricter
            self.accepted_bytes = 0
        self._refused = length if self._refused is None else min(self._refused, length)
        self.limit = min(self.limit, max(self.accepted_bytes, length // 2))
        return self.limit

"""How much commit metadata the broker takes: it says so only by refusing.

Promise: after a refusal less is sent than what was refused, and never again as much; not less than
what the broker took before. After a dozen refusals none is left, which every broker takes.
"""


class MetadataRoom:
    """The limit of one cluster as far as it is known, in characters (they are ASCII)."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.accepted_bytes = 0
        """The longest that was acknowledged."""

    def accepted(self, length: int) -> None:
        """The broker took metadata of that length."""
        self.accepted_bytes = max(self.accepted_bytes, length)

    def refused(self, length: int) -> int:
        """The broker did not take metadata of that length; returns the limit from now on."""
        if self.accepted_bytes >= length:  # it was made stricter
            self.accepted_bytes = 0
        self.limit = min(self.limit, max(self.accepted_bytes, length // 2))
        return self.limit

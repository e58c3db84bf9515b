"""So many lines a second: a flood of failures is no flood of lines. The metrics count all."""


class Quota:
    """What was written of one second."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._second = 0
        self._used = 0

    def allows(self, now: float) -> bool:
        """Whether one more line may be written at `now`, in seconds."""
        if int(now) != self._second:
            self._second, self._used = int(now), 0
        self._used += 1
        return self._used <= self._per_second

"""Topics that are to be read and cannot be: they are not there, or may not be read.

Promise: a topic of which something was read or committed, or that is there and none of whose partitions
is ours to read, is not among them.
"""

from collections.abc import Collection

from processor.model import Acknowledged, Received, SourceEvent, Troubled

DENIED = "TOPIC_AUTHORIZATION_FAILED"
REASONS = {
    DENIED: "may not be read: grant Read on it",
    "UNKNOWN_TOPIC_OR_PART": "is not there, or may not be seen: create it, or grant Read on it",
    "_UNKNOWN_TOPIC": "is not there, or may not be seen: create it, or grant Read on it",
}
"""Errors of topics by their names, in words."""


class Denied:
    """What is held against which topic."""

    def __init__(self) -> None:
        self._errors: dict[str, str] = {}

    @property
    def topics(self) -> Collection[str]:
        return self._errors.keys()

    def heard(self, event: SourceEvent) -> None:
        """Something came from the source."""
        match event:
            case Troubled(error, _, topic) if topic and error in REASONS:
                self._errors[topic] = error
            case Received(records, ends) if self._errors:
                self._clear({record.partition.topic for record in records} | {each.topic for each in ends})
            case Acknowledged(partitions) if self._errors:
                self._clear({partition.topic for partition in partitions})
            case _:
                pass

    def seen(self, topics: Collection[str], ours: Collection[str]) -> None:
        """These topics are there; of the ones in `ours` there are partitions that we read."""
        self._clear({t for t in topics if t not in ours or self._errors.get(t) != DENIED})

    def fault(self) -> str | None:
        """Each topic with what is wrong; None: nothing."""
        return "; ".join(f"{topic} {REASONS[error]}" for topic, error in sorted(self._errors.items())) or None

    def _clear(self, topics: Collection[str]) -> None:
        for topic in topics:
            self._errors.pop(topic, None)

"""The topic: partitions with records of every kind, and offsets at which there is none."""

import json
from bisect import bisect_left
from enum import Enum
from typing import Any

from processor.model import Partition

NAME = "events"


class Topic(str):
    """A topic's name whose hash is the same in every interpreter, so that sets of partitions replay."""

    __slots__ = ()
    __hash__ = str.__len__


TOPIC = Topic(NAME)
OTHER = Topic("others")


class Kind(Enum):
    """What a record is, and what has to become of it when the endpoint is well."""

    GOOD = None
    CURSED = "retries_exhausted"
    """Answered with 503 whenever it is sent."""
    REFUSED = "refused"
    REDIRECTED = "refused_by_redirect"
    BROKEN = "invalid_event"
    FOREIGN = "endpoint_not_allowed"
    TOMBSTONE = "tombstone"
    ELSEWHERE = "retries_exhausted elsewhere"
    """For a host that it names and that may be named; two of three hang until the end."""


ELSEWHERE = tuple(f"https://tenant{n}.example" for n in range(3))
HANGING = ELSEWHERE[:2]
"""Those of them that answer nothing while faults go on."""

UNUSABLE = (Kind.BROKEN.value, Kind.FOREIGN.value)
"""The codes of what becomes no request."""
REFUSALS = {Kind.REFUSED: "refused", Kind.REDIRECTED: "refused", Kind.ELSEWHERE: "retries_exhausted"}


class Item:
    """One record, and what has become of it."""

    __slots__ = (
        "arrivals",
        "fair_failures",
        "forbidden",
        "is_gone",
        "is_terminal",
        "key",
        "kind",
        "letters",
        "name",
        "offset",
        "partition",
        "produced_at",
        "reports",
        "value",
    )

    def __init__(
        self, partition: Partition, offset: int, key: bytes | None, kind: Kind, now: float, name: str
    ) -> None:
        self.partition = partition
        self.offset = offset
        self.key = key
        self.kind = kind
        self.name = name
        self.value = _value(self.name, kind)
        self.produced_at = now
        self.is_terminal = kind is Kind.TOMBSTONE
        self.is_gone = False
        """Whether its topic was deleted."""
        self.arrivals = 0
        self.letters = 0
        self.reports = 0
        self.forbidden = 0
        self.fair_failures = 0
        """While nothing was wrong with the endpoint as a whole."""


def _value(name: str, kind: Kind) -> bytes | None:
    if kind is Kind.TOMBSTONE:
        return None
    if kind is Kind.BROKEN:
        return b'{"n": "' + name.encode() + b'"'
    more: dict[str, Any] = {"n": name, "event": kind.name}
    if kind is Kind.FOREIGN:
        more["fullPath"] = "https://elsewhere.example/"
    if kind is Kind.ELSEWHERE:
        more["fullPath"] = f"{ELSEWHERE[sum(name.encode()) % len(ELSEWHERE)]}/"
    return json.dumps(more).encode()


class Log:
    """One partition."""

    def __init__(self, partition: Partition, start: int) -> None:
        self.partition = partition
        self.start = self.end = start
        self.items: list[Item] = []
        self.by_offset: dict[int, Item] = {}
        self.number = 0
        """How often it was made anew."""
        self._offsets: list[int] = []
        self._settled = 0

    @property
    def topic_id(self) -> bytes:
        """As Kafka has it."""
        return f"{self.partition.topic:8}{self.number:8}".encode()

    def make_anew(self) -> None:
        """Delete it; a new one of the same name begins."""
        for item in self.items:
            item.is_gone = item.is_terminal = True
        self.number += 1
        self.start = self.end = 0
        self.items = []
        self.by_offset = {}
        self._offsets = []
        self._settled = 0

    def append(self, key: bytes | None, kind: Kind, now: float) -> Item:
        """Write a record."""
        name = f"{self.partition.number}:{self.end}" + f"#{self.number}" * (self.number > 0)
        item = Item(self.partition, self.end, key, kind, now, name)
        self.items.append(item)
        self.by_offset[item.offset] = item
        self._offsets.append(item.offset)
        self.end += 1
        return item

    def skip(self, count: int) -> None:
        """Offsets that no reader sees: transaction markers, aborted or compacted records."""
        self.end += count

    def index(self, offset: int) -> int:
        """How many records lie below `offset`."""
        return bisect_left(self._offsets, offset)

    def first_open(self) -> Item | None:
        """The first record that is not terminal."""
        while self._settled < len(self.items) and self.items[self._settled].is_terminal:
            self._settled += 1
        return self.items[self._settled] if self._settled < len(self.items) else None

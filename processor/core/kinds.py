"""Which kinds of events are refused while others are delivered: topic, and `type` and `event` of the event.

Promise: a kind is kept back only after as many refusals in a row as it takes to judge and a delivery of
another kind among them or since, and no longer than until one of its own is delivered, or `FORGOTTEN_AFTER`
of others without another refusal. Where all that comes is of one kind, nothing is kept back: which of them
are good cannot be told. Cost: linear in the event, and nothing while no kind is known.
"""

from collections.abc import Hashable
from dataclasses import dataclass

import msgspec

from processor.core.dead_letter import Failure
from processor.model import Record

MOST = 1_000
"""So many kinds are known at once; of more, those that were refused first are forgotten."""
FORGOTTEN_AFTER = 1_000
"""Deliveries."""
LONGEST_NAME = 200
"""Bytes of a name that tell it from others."""

Kind = Hashable


class _Named(msgspec.Struct):
    type: msgspec.Raw = msgspec.Raw(b"")
    event: msgspec.Raw = msgspec.Raw(b"")


_NAMES = msgspec.json.Decoder(_Named)


@dataclass(slots=True)
class _Row:
    """Refusals in a row; how many others had been delivered by the first of them, and by the last."""

    failure: Failure
    delivered_before: int
    delivered_by_last: int
    count: int = 0


class Kinds:
    """Those of one process."""

    def __init__(self, minimum: int) -> None:
        self._minimum = minimum
        self.known: dict[Kind, _Row] = {}
        """Those that were refused, the latest last: looked at for every event, hence no question."""
        self._delivered = 0

    def refused(self, record: Record, failure: Failure) -> None:
        """The endpoint did not take it."""
        kind = _kind(record)
        row = self.known.pop(kind, None) or _Row(failure, self._delivered, self._delivered)
        if len(self.known) >= MOST:
            del self.known[next(iter(self.known))]
        row.failure, row.delivered_by_last = failure, self._delivered
        row.count += 1
        self.known[kind] = row

    def delivered(self, record: Record) -> None:
        """The endpoint took it; need not be told while none is known."""
        self._delivered += 1
        self.known.pop(_kind(record), None)
        while self.known and self._is_old(next(iter(self.known.values()))):
            del self.known[next(iter(self.known))]

    def keeps_back(self, record: Record) -> Failure | None:
        """How the last of its kind failed, if it is kept back."""
        row = self.known.get(_kind(record))
        if row is None or row.count < self._minimum or row.delivered_before == self._delivered:
            return None
        return row.failure

    def _is_old(self, row: _Row) -> bool:
        return self._delivered - row.delivered_by_last >= FORGOTTEN_AFTER


def _kind(record: Record) -> Kind:
    try:
        named = _NAMES.decode(record.value or b"")
    except (msgspec.DecodeError, RecursionError):
        return record.partition.topic, b"", b""
    return record.partition.topic, bytes(named.type)[:LONGEST_NAME], bytes(named.event)[:LONGEST_NAME]

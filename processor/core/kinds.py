"""Which kinds of events are refused while others are delivered: topic, and `type` and `event` of the event.

Promise: a kind is kept back only after as many refusals in a row as it takes to judge and a delivery of
another kind among them or since, and no longer than until one of its own is delivered. Where all that comes
is of one kind, nothing is kept back: which of them are good cannot be told. Cost: linear in the event.
"""

from collections.abc import Hashable
from dataclasses import dataclass

import msgspec

from processor.core.dead_letter import Failure
from processor.model import Record

MOST = 1_000
"""So many kinds are known at once; of more, those that were refused first are forgotten."""
LONGEST_NAME = 200
"""Bytes of a name that tell it from others."""

Kind = Hashable


class _Named(msgspec.Struct):
    type: msgspec.Raw = msgspec.Raw(b"")
    event: msgspec.Raw = msgspec.Raw(b"")


_NAMES = msgspec.json.Decoder(_Named)


@dataclass(slots=True)
class _Row:
    """Refusals in a row; `delivered_before`: how many others had been delivered by the first of them."""

    failure: Failure
    delivered_before: int
    count: int = 0


class Kinds:
    """Those of one process."""

    def __init__(self, minimum: int) -> None:
        self._minimum = minimum
        self._rows: dict[Kind, _Row] = {}
        self._delivered = 0

    def forget(self) -> None:
        """Nothing waits any more."""
        self._rows.clear()

    def refused(self, record: Record, failure: Failure) -> None:
        """The endpoint did not take it."""
        kind = _kind(record)
        row = self._rows.get(kind)
        if row is None:
            if len(self._rows) >= MOST:
                del self._rows[next(iter(self._rows))]
            row = self._rows[kind] = _Row(failure, self._delivered)
        row.failure = failure
        row.count += 1

    def delivered(self, record: Record) -> None:
        """The endpoint took it."""
        self._delivered += 1
        self._rows.pop(_kind(record), None)

    def keeps_back(self, record: Record) -> Failure | None:
        """How the last of its kind failed, if it is kept back."""
        row = self._rows.get(_kind(record))
        if row is None or row.count < self._minimum or row.delivered_before == self._delivered:
            return None
        return row.failure


def _kind(record: Record) -> Kind:
    try:
        named = _NAMES.decode(record.value or b"")
    except (msgspec.DecodeError, RecursionError):
        return record.partition.topic, b"", b""
    return record.partition.topic, bytes(named.type)[:LONGEST_NAME], bytes(named.event)[:LONGEST_NAME]

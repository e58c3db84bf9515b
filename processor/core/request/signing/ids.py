"""Ids: what a receiver knows an event by, however often it is sent.

Promises: a record has the same id at every attempt, in every process, and when its dead letter is sent again;
two records have never the same by where they stand, a topic that was made anew included; an id has at most
255 letters, digits, `-`, `_` and `~`: no full stop in it moves where what is signed is cut.
"""

import re
from hashlib import sha256
from typing import Final

from processor.model import Partition, Record, RecordHeaders

CARRIED: Final = "__webhook_processor.id"
"""The header by which a record brings the id that it was sent with before."""
MESSAGE_ID: Final = "messageId"
"""The member by which RudderStack knows an event."""

_CARRIED = re.compile(rb"[A-Za-z0-9_~-]{1,255}")
_CHOSEN = re.compile("[A-Za-z0-9_-]{1,128}")
_LONGEST_TOPIC = 200
"""Characters of a topic that leave room for the rest of an id; of a longer one its SHA-256 stands for all."""
_SHOWN = 100
_CLOUDEVENT, _SOURCE = "ce_id", "ce_source"
"""A CloudEvent's id is its own within its source alone."""


def is_usable(said: str) -> bool:
    """Whether what an event says can be its id; a `~` is ours alone."""
    return _CHOSEN.fullmatch(said) is not None


def carried(record: Record) -> str | None:
    """The id that a record brings, if it is one; of several the last."""
    found = None
    for name, value in record.headers or ():
        if name == CARRIED and value is not None and _CARRIED.fullmatch(value):
            found = value.decode()
    return found


class Ids:
    """Those of records: what they bring, what is said, else their coordinates."""

    def __init__(self, header: str | None = None, *, are_said: bool = False) -> None:
        """`header`: which header of a record says it; `are_said`: whether its event may."""
        self._header = header and header.lower()
        self._are_said = are_said
        self._prefixes: dict[Partition, str] = {}

    def of(self, record: Record, said: str | None = None) -> str | None:
        """The id of a record whose event says `said`; None: it stands nowhere, and none is said."""
        if record.headers and (found := self._in_headers(record)) is not None:
            return found
        if said is not None:
            return said
        try:
            prefix = self._prefixes[record.partition]
        except KeyError:
            prefix = self._prefixes[record.partition] = _prefix(record.partition)
        if not prefix:
            return None
        if record.timestamp is None:
            return f"{prefix}{record.offset}"
        return f"{prefix}{record.offset}-{int(record.timestamp * 1000 + 0.5)}"

    def of_letter(self, record: Record, said: str | None, *, is_request: bool) -> str | None:
        """The id that a dead letter carries; None: nobody knows yet what its event says."""
        if self._are_said and not is_request:
            return carried(record)
        return self.of(record, said)

    def _in_headers(self, record: Record) -> str | None:
        if (found := carried(record)) is not None or self._header is None:
            return found
        assert record.headers is not None
        value = _last(record.headers, self._header)
        if value is not None and self._header == _CLOUDEVENT:
            source = _last(record.headers, _SOURCE)
            if source is not None:
                return sha256(b"%d:%b%b" % (len(source), source, value)).hexdigest()
        text = "" if value is None else value.decode("latin-1")
        return text if is_usable(text) else None


def _last(headers: RecordHeaders, wanted: str) -> bytes | None:
    return next((value for name, value in reversed(headers) if name.lower() == wanted), None)


def _prefix(partition: Partition) -> str:
    """What the ids of a partition begin with; nothing, where it is none.

    A topic cannot hold `~`: with one in place of each full stop `a.b` and `a_b` stay apart.
    """
    topic = partition.topic
    if not topic:
        return ""
    if len(topic) > _LONGEST_TOPIC:
        topic = f"{topic[:_SHOWN]}~~{sha256(topic.encode()).hexdigest()}"
    return f"{topic.replace('.', '~')}-{partition.number}-"

"""A dead letter as it stands in its topic: what its headers tell of the failure.

Promises: whoever wrote it, this version, an older one or Kafka Connect (KIP-298), it can be read; what is no
letter, or says of itself what cannot be, is one without that. Nothing is read but headers, and of those no
more than `MOST_BYTES` each.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from processor.core.dead_letter import CONNECT, OURS
from processor.model import Partition, Record

MOST_BYTES = 1024
"""Of a header."""
UNKNOWN = "unknown"
"""The code of what nobody says how it failed."""
FROM_CONNECT = "connect"
"""The code of letters that Kafka Connect wrote."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[0-9]{1,19}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_STATUS = re.compile(r"[1-9][0-9]{2}")
_READ = frozenset(
    (
        *(CONNECT + name for name in ("topic", "partition", "offset", "connector.name", "exception.message")),
        *(
            OURS + name
            for name in (
                *("error.code", "error.message", "status", "destination", "attempts"),
                *("last_attempt", "redeliveries", "timestamp", "value.size"),
            )
        ),
    )
)


class Place(NamedTuple):
    """Where a record stands, written `topic/partition/offset`."""

    partition: Partition
    offset: int

    def __str__(self) -> str:
        """As people write it, and as `letters show` takes it."""
        return f"{self.partition}/{self.offset}"


class Letter(NamedTuple):
    """What one tells; None: it does not say.

    `at`: when it failed last, as a timestamp in seconds, or the record's own time; `origin`: where its record
    stood first; `redeliveries`: how often it was sent again and failed; `timestamp`: the record's own time;
    not `is_whole`: it was written without the record's value; `addressee`: the destination that it names,
    where `destination` may be a connector of Kafka Connect too.
    """

    place: Place
    at: float | None
    code: str
    status: int | None
    destination: str | None
    origin: Place | None
    message: str | None
    attempts: int | None
    redeliveries: int
    key: bytes | None
    timestamp: float | None = None
    is_whole: bool = True
    addressee: str | None = None


def place_of(text: str) -> Place | None:
    """`topic/partition/offset`, as a letter is named; None: it is none."""
    topic, _, rest = text.partition("/")
    number, _, offset = rest.partition("/")
    if not _TOPIC.fullmatch(topic) or not _NUMBER.fullmatch(number) or not _NUMBER.fullmatch(offset):
        return None
    return Place(Partition(topic, int(number)), int(offset))


def read(record: Record) -> Letter:
    """The letter in a record of a dead-letter topic."""
    said = {
        name: value[:MOST_BYTES].decode(errors="replace")
        for name, value in record.headers or ()
        if value is not None and name in _READ
    }
    return Letter(
        Place(record.partition, record.offset),
        _time(said.get(OURS + "last_attempt")) or record.timestamp,
        _code(said),
        _number(said.get(OURS + "status"), _STATUS),
        said.get(OURS + "destination") or said.get(CONNECT + "connector.name"),
        _origin(said),
        said.get(OURS + "error.message") or said.get(CONNECT + "exception.message"),
        _number(said.get(OURS + "attempts")),
        _number(said.get(OURS + "redeliveries")) or 0,
        record.key,
        _time(said.get(OURS + "timestamp")),
        OURS + "value.size" not in said,
        said.get(OURS + "destination"),
    )


def _code(said: Mapping[str, str]) -> str:
    code = said.get(OURS + "error.code")
    if code is not None and _CODE.fullmatch(code):
        return code
    return FROM_CONNECT if CONNECT + "topic" in said else UNKNOWN


def _origin(said: Mapping[str, str]) -> Place | None:
    names = ("topic", "partition", "offset")
    return place_of("/".join(said.get(CONNECT + name, "") for name in names))


def _number(text: str | None, form: re.Pattern[str] = _NUMBER) -> int | None:
    return int(text) if text is not None and form.fullmatch(text) else None


def _time(text: str | None) -> float | None:
    """A timestamp that is written as `datetime.isoformat` writes it."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    at = (moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH).total_seconds()
    return at if at > 0 else None

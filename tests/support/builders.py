"""Values with defaults everywhere, so that a test says only what it is about."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from processor.core.group.stability import Stability
from processor.core.pace.circuit import State
from processor.core.record.metadata import MEMBERS
from processor.core.request.events import Event, parse
from processor.core.request.templates.scope import Scope, Vocabulary
from processor.core.request.transform import Prepared
from processor.errors import EventError
from processor.model import Assigned, Partition, Position, Record, RecordHeaders, Request, Response
from processor.telemetry.snapshot import Snapshot
from processor.traffic.preparation import Held, Later, Preparing, Result, Skipped

VOCABULARY = Vocabulary(MEMBERS)

FIRST = Partition("events", 0)
SECOND = Partition("events", 1)
THIRD = Partition("events", 2)


def record(
    offset: int = 0,
    key: bytes | None = b"k",
    value: bytes | None = b"{}",
    *,
    partition: Partition = FIRST,
    epoch: int = 1,
    headers: RecordHeaders | None = (),
    timestamp: float | None = 0.0,
) -> Record:
    """One record."""
    return Record(partition, offset, key, value, headers, timestamp, epoch)


def scope(event: Event | Callable[[], Event | None], record: Record) -> Scope:
    """What templates see of these."""
    return Scope(event, record, VOCABULARY)


def records(
    offsets: Iterable[int], key: bytes | None = None, *, partition: Partition = FIRST, epoch: int = 1
) -> list[Record]:
    """Records at these offsets, without keys unless said otherwise."""
    return [record(offset, key, partition=partition, epoch=epoch) for offset in offsets]


def assigned(*partitions: Partition, epoch: int = 1, committed: Position | None = None) -> Assigned:
    """These partitions, or the first one, all with the same committed position."""
    return Assigned(epoch, dict.fromkeys(partitions or (FIRST,), committed))


def prepared(preparation: Preparing, value: bytes | None) -> Request | Prepared | Skipped | EventError:
    """What becomes of a record with that value, at once and for good."""
    made = preparation.prepare(record(value=value), _never)
    assert not isinstance(made, Later | Held)
    return made


def event(members: Mapping[str, Any] | None = None, /, **more: Any) -> Event:
    """An event with these members."""
    return parse(json.dumps({**(members or {}), **more}).encode())


def request(url: str = "https://h.example/base", method: str = "POST", body: bytes | None = b"{}") -> Request:
    """One request, without headers."""
    return Request(method, url, (), body)


def response(status: int = 200, retry_after: str | None = None, body: bytes = b"") -> Response:
    """One answer."""
    return Response(status, retry_after, body)


def snapshot(**more: Any) -> Snapshot:
    """How a process stands that has nothing to do."""
    idle = Snapshot(
        *(0, 0, 0, 0, 0, 0, None, 0, 0, 0, 0, 0),
        withheld={},
        held={},
        ends={},
        high={},
        stability=Stability(),
        unreadable=(),
        standings=(),
        lost={},
        is_member=False,
        ready=False,
        circuit=State.CLOSED,
        is_unknown=False,
        dead_letter_budget=None,
        letters_open=None,
        letters_oldest_at=None,
        endpoint_pause=0.0,
        lease=0.0,
        at=0.0,
    )
    return idle._replace(**more)


def _never(made: Record, result: Result) -> None:
    raise AssertionError(made, result)

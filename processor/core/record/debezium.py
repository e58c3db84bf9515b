"""Debezium's change event: a row as it became, with what was done to it.

Promises: of a row every value keeps its bytes; a change that is left out is so by a stated rule, and one of
which the row is missing is refused, never sent as an empty one.

https://debezium.io/documentation/reference/stable/transformations/event-flattening.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from processor.core.record import connect
from processor.core.record.content import LeftOut
from processor.core.request.events import decode, is_object, parse, split, written
from processor.errors import EventError

_ROWS = {"c": "after", "u": "after", "r": "after", "d": "before"}
"""Where the row of a create, an update, a read of a snapshot and a delete stands."""
_WITHOUT_ROW = {"t": "truncate", "m": "message"}
_LONGEST_OPERATION = 16
_NULL = msgspec.Raw(b"null")
_DELETED = "__deleted"
_YES, _NO = msgspec.Raw(b'"true"'), msgspec.Raw(b'"false"')
"""Text, as ExtractNewRecordState writes it."""


class Deletes(StrEnum):
    """What becomes of the delete of a row."""

    REWRITE = "rewrite"
    """The row as it was, with `__deleted`, which every row then has."""
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class DebeziumPolicy:
    """What is made of changes; `fields` are paths in the change event, such as `op` or `source.ts_ms`."""

    deletes: Deletes = Deletes.REWRITE
    fields: tuple[str, ...] = ()


def row(policy: DebeziumPolicy, value: bytes) -> bytes | LeftOut:
    """The row in a value, with what the policy adds.

    Found inside of Kafka Connect's envelope by itself. Raises EventError: `invalid_event`, `tombstone`.
    """
    change: Mapping[str, msgspec.Raw] = parse(value).members
    if change.keys() == connect.MEMBERS:
        change = split(connect.present(change["payload"]))
    operation = _operation(change)
    if operation in _WITHOUT_ROW:
        return LeftOut(_WITHOUT_ROW[operation])
    if operation == "d" and policy.deletes is Deletes.SKIP:
        return LeftOut("delete")
    members = _row(change, operation)
    if policy.deletes is Deletes.REWRITE:
        members[_DELETED] = _YES if operation == "d" else _NO
    for path in policy.fields:
        members["__" + path.replace(".", "_")] = _at(change, path)
    return written(members)


def _operation(change: Mapping[str, msgspec.Raw]) -> str:
    raw = change.get("op", _NULL)
    operation = decode(raw) if len(raw) <= _LONGEST_OPERATION else None
    if not isinstance(operation, str) or operation not in _ROWS.keys() | _WITHOUT_ROW.keys():
        raise EventError(
            "invalid_event",
            f"no change event of Debezium: its `op` is none of {', '.join((*_ROWS, *_WITHOUT_ROW))}; rows "
            "that ExtractNewRecordState took out already are read with record.unwrap: none",
        )
    return operation


def _row(change: Mapping[str, msgspec.Raw], operation: str) -> dict[str, msgspec.Raw]:
    name = _ROWS[operation]
    raw = change.get(name)
    if not is_object(raw):
        cause = "; the table's REPLICA IDENTITY may be NOTHING" if operation == "d" else ""
        raise EventError("invalid_event", f"`{name}` holds no row, and `op` is {operation}{cause}")
    return split(raw)


def _at(change: Mapping[str, msgspec.Raw], path: str) -> msgspec.Raw:
    """What stands at a path; one name alone is looked for in `source` too. Null, where nothing does."""
    first, *rest = path.split(".")
    source = change.get("source")
    if first not in change and not rest and is_object(source):
        change = split(source)
    raw = change.get(first)
    for name in rest:
        raw = split(raw).get(name) if is_object(raw) else None
    return _NULL if raw is None else raw

"""Reading: what a record says, by what the operator said of the topic.

Promises: any record is content, left out by a stated rule, or an EventError; records of which nothing has
to be read, as most topics have them, cost nothing here (`reading` is then None). A record's value may
come decoded (`value`), where it is written in a format that has to be decoded first.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from processor.core.record import cloudevents, connect, debezium
from processor.core.record.cloudevents import CloudEventsPolicy, Mode
from processor.core.record.content import Content, LeftOut
from processor.core.record.debezium import DebeziumPolicy
from processor.core.record.metadata import content_type, forwarded
from processor.core.request.events import Event, parse
from processor.errors import EventError
from processor.model import Record

OPAQUE = "application/octet-stream"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Value(StrEnum):
    """What the value of a record is."""

    JSON = "json"
    AVRO = "avro"
    PROTOBUF = "protobuf"
    REGISTRY = "registry"
    """Framed by a schema registry, which has the schema."""
    CLOUDEVENT = "cloudevent"
    RAW = "raw"
    """Bytes, which are sent as they are."""

    @property
    def is_event(self) -> bool:
        """Whether a value is an event, as JSON or by being decoded to it."""
        return self not in (Value.CLOUDEVENT, Value.RAW)


class Unwrap(StrEnum):
    """What an event is taken out of."""

    NONE = "none"
    CONNECT = "connect"
    DEBEZIUM = "debezium"


@dataclass(frozen=True, slots=True)
class RecordPolicy:
    """What the records of the topics are.

    `content_type`: of raw values whose records tell none. `forward_headers`: patterns of `forwarded`.
    """

    value: Value = Value.JSON
    unwrap: Unwrap = Unwrap.NONE
    debezium: DebeziumPolicy = field(default_factory=DebeziumPolicy)
    cloudevents: CloudEventsPolicy = field(default_factory=CloudEventsPolicy)
    content_type: str = OPAQUE
    forward_headers: tuple[str, ...] = ()
    not_forwarded: frozenset[str] = frozenset()
    """Names of headers, in lower case, that requests get by another way."""

    @property
    def is_plain(self) -> bool:
        """Whether values are JSON events as they stand."""
        return self.value is Value.JSON and self.unwrap is Unwrap.NONE

    @property
    def has_events(self) -> bool:
        """Whether there is an event in them, which may be looked into."""
        return self.value is not Value.RAW

    @property
    def makes_cloudevents(self) -> bool:
        """Whether records that are none are sent as such."""
        return bool(self.cloudevents.type)


def reading(policy: RecordPolicy) -> "Reading | None":
    """Who reads by this policy; None: nobody has to, the value is the event."""
    if policy.is_plain and not policy.makes_cloudevents and not policy.forward_headers:
        return None
    return Reading(policy)


class Reading:
    """Reads records by one policy."""

    def __init__(self, policy: RecordPolicy) -> None:
        self._policy = policy
        self._as_document = replace(policy.cloudevents, mode=Mode.STRUCTURED)

    def read(self, record: Record, value: bytes | None) -> Content | LeftOut:
        """What the record says whose value, decoded where it has to be, is `value`.

        Raises EventError: `invalid_event`, and `tombstone` where there is no value to read.
        """
        policy = self._policy
        if policy.value is Value.CLOUDEVENT:
            content: Content | LeftOut = cloudevents.received(policy.cloudevents, record)
        elif value is None:
            raise EventError("tombstone", "the record has no value")
        elif policy.value is Value.RAW:
            content = self._raw(record, value)
        else:
            content = self._event(record, value)
        if isinstance(content, LeftOut) or not policy.forward_headers:
            return content
        headers, dropped = forwarded(policy.forward_headers, record, policy.not_forwarded)
        return content._replace(headers=(*headers, *content.headers), dropped=dropped)

    def document(self, record: Record) -> Event | None:
        """The CloudEvent in a record as one document, whichever way it came; None: it is none, but bytes.

        Raises EventError as `read` does.
        """
        return (
            parse(cloudevents.received(self._as_document, record).body) if self._policy.has_events else None
        )

    def _raw(self, record: Record, value: bytes) -> Content:
        said = content_type(record) or self._policy.content_type
        if self._policy.makes_cloudevents:
            return cloudevents.wrapped(self._policy.cloudevents, record, value, said)
        return Content(None, value, said)

    def _event(self, record: Record, value: bytes) -> Content | LeftOut:
        event: bytes | LeftOut = value
        if self._policy.unwrap is Unwrap.CONNECT:
            event = connect.payload(value)
        elif self._policy.unwrap is Unwrap.DEBEZIUM:
            event = debezium.row(self._policy.debezium, value)
        if isinstance(event, LeftOut):
            return event
        if not self._policy.makes_cloudevents:
            return Content(event)
        headers, before = cloudevents.enclosing(self._policy.cloudevents, record)
        return Content(event.removeprefix(BYTE_ORDER_MARK), headers=headers, before=before)

"""What the records of the topics are, section by section, and what of it cannot be said together."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from processor.config.destination.endpoint import DestinationSettings
from processor.config.values.filters import FilterSettings
from processor.config.values.templates import texts_of
from processor.config.values.types import File, Section, each_judged, items
from processor.core.record.cloudevents import CloudEventsPolicy, Mode, Otherwise
from processor.core.record.debezium import DebeziumPolicy, Deletes
from processor.core.record.format import AvroPolicy, FormatPolicy, ProtobufPolicy, SchemaFilePolicy
from processor.core.record.reading import OPAQUE, RecordPolicy, Unwrap, Value
from processor.core.request.templates.policy import Encoding

VALUE = "value"
"""What `destination.body` says for the bytes of a value."""
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,7}")


def _path(text: str) -> None:
    if not _PATH.fullmatch(text):
        raise ValueError(f"{text[:64]!r} is no field of a change event: write op or source.ts_ms, say")


def _paths(paths: list[str]) -> list[str]:
    return each_judged(_path, paths)


Paths = Annotated[list[str], BeforeValidator(items), AfterValidator(_paths)]
FILED = (Value.AVRO, Value.PROTOBUF)
"""What is decoded by a schema file."""
_OF_FORMATS = {
    "schema_file": FILED,
    "message": (Value.PROTOBUF,),
    "decimals": (Value.AVRO, Value.REGISTRY),
    "times": (Value.AVRO, Value.REGISTRY),
    "unions": (Value.AVRO, Value.REGISTRY),
    "protobuf_names": (Value.PROTOBUF, Value.REGISTRY),
    "protobuf_defaults": (Value.PROTOBUF, Value.REGISTRY),
}
"""Settings, and the values that they say something of."""


class RecordSettings(Section):
    """What the records of the topics are."""

    value: Value = Field(
        Value.JSON,
        description="What a value is: `json`, an event as it stands; `registry`, Avro, Protobuf or JSON "
        "behind the id of its schema, as serializers with a `schema_registry` write it, made JSON; `avro` or "
        "`protobuf` without such an id, by `schema_file`, made JSON; `cloudevent`, a CloudEvent in either "
        "content mode, whose members and attributes say nothing about how it is sent; `raw`, bytes that are "
        "sent as they are.",
    )
    unwrap: Unwrap = Field(
        Unwrap.NONE,
        description="What the event is taken out of: `connect`, the payload of Kafka Connect's envelope; "
        "`debezium`, the row of a change event.",
    )
    schema_file: File | None = Field(
        None,
        description="The schema of all values: an Avro schema (.avsc); a .proto, which imports from its own "
        "folder, or a descriptor set.",
    )
    message: str | None = Field(
        None,
        min_length=1,
        description="The full name of the Protobuf message that a value is, such as `shop.Order`; needed "
        "where the schema has several.",
    )
    decimals: Literal["text", "number"] = Field(
        "text", description="Avro's decimals: `text` with all their digits, or `number` with the same."
    )
    times: Literal["text", "number"] = Field(
        "text",
        description="Avro's dates and times: `text`, as in ISO 8601, or `number`, as they are stored.",
    )
    unions: Literal["plain", "tagged"] = Field(
        "plain",
        description="Avro's unions: `plain`, the value; `tagged`, `{\"string\": …}`, as Avro's own JSON.",
    )
    protobuf_names: Literal["json", "proto"] = Field(
        "json", description="Protobuf's fields: `orderId`, or `order_id` as in the .proto."
    )
    protobuf_defaults: bool = Field(
        False,
        description="Whether Protobuf's fields are written that are at their default, where that cannot be "
        "told from absence.",
    )


class DebeziumSettings(Section):
    """What is made of change events, with `record.unwrap: debezium`."""

    deletes: Deletes = Field(
        Deletes.REWRITE,
        description="`rewrite`: a delete is an event too, the row as it was; every row has `__deleted`, "
        '`"true"` or `"false"`. `skip`: deletes are skipped.',
    )
    fields: Paths = Field(
        default_factory=list,
        description="What of the change is added to the row: `op` as `__op`, `source.ts_ms` as "
        "`__source_ts_ms`; null where there is none.",
    )


class CloudEventsSettings(Section):
    """How CloudEvents are sent, and what is made into such."""

    mode: Mode = Field(
        Mode.AS_RECEIVED,
        description="`as_received`; `binary`: attributes as headers, data as the body; `structured`: both in "
        "one JSON object.",
    )
    otherwise: Otherwise = Field(
        Otherwise.DEAD_LETTER,
        description="What becomes of records that are none, with `record.value: cloudevent`: `dead_letter`, "
        "or `wrap`: they are made such by `type` and `source`.",
    )
    type: str | None = Field(
        None,
        min_length=1,
        max_length=1024,
        description="With `source`, all records are sent as CloudEvents of this type (with `record.value: "
        "cloudevent` those that `otherwise: wrap` is about): id `topic/partition/offset`, time the record's.",
    )
    source: str | None = Field(
        None, min_length=1, max_length=1024, description="The source of these, such as `/kafka/orders`."
    )


def policy(
    record: RecordSettings,
    debezium: DebeziumSettings,
    cloudevents: CloudEventsSettings,
    destination: DestinationSettings,
) -> RecordPolicy:
    """What is made of records."""
    headers = {name.lower(): text for name, text in texts_of(destination.headers, templates=False)}
    return RecordPolicy(
        record.value,
        record.unwrap,
        DebeziumPolicy(debezium.deletes, tuple(debezium.fields)),
        CloudEventsPolicy(
            cloudevents.mode, cloudevents.otherwise, cloudevents.type or "", cloudevents.source or ""
        ),
        destination.content_type or headers.get("content-type", OPAQUE),
        tuple(name.lower() for name in destination.forward_headers),
    )


def schema_file_policy(record: RecordSettings) -> SchemaFilePolicy | None:
    """By which schema values are decoded; None: they are not, or a schema of their own tells."""
    if record.value not in FILED or record.schema_file is None:
        return None
    form: Literal["avro", "protobuf"] = "avro" if record.value is Value.AVRO else "protobuf"
    return SchemaFilePolicy(form, str(record.schema_file), record.message, format_policy(record))


def format_policy(record: RecordSettings) -> FormatPolicy:
    """How what is decoded is written."""
    return FormatPolicy(
        AvroPolicy(record.decimals == "number", record.times == "number", record.unions == "tagged"),
        ProtobufPolicy(record.protobuf_names == "proto", record.protobuf_defaults),
    )


def faults(
    record: RecordSettings,
    cloudevents: CloudEventsSettings,
    destination: DestinationSettings,
    filters: FilterSettings,
) -> list[str]:
    """What is said of records that cannot be together."""
    found = [
        *_faults_of_formats(record),
        *_faults_of_body(record, cloudevents, destination),
        *_faults_of_filter(record, filters),
    ]
    is_raw, is_made = record.value is Value.RAW, cloudevents.type is not None
    if not record.value.is_event and record.unwrap is not Unwrap.NONE:
        found.append(f"record.unwrap is for JSON, and record.value is {record.value}: leave one of them out")
    if is_made is (cloudevents.source is None):
        found.append("cloudevents.type and cloudevents.source need each other: give both")
    if cloudevents.otherwise is Otherwise.WRAP and not is_made:
        found.append("cloudevents.otherwise: wrap needs cloudevents.type and cloudevents.source: give both")
    if not destination.method.has_body and (not record.value.is_event or is_made):
        what = "record.value: raw" if is_raw else "a CloudEvent"
        found.append(f"destination.method: {destination.method} has no body, which {what} needs: write POST")
    return found


def _faults_of_body(
    record: RecordSettings, cloudevents: CloudEventsSettings, destination: DestinationSettings
) -> Iterator[str]:
    """A CloudEvent brings its body with it; bytes are looked into by nobody."""
    kind = destination.content_type or ""
    if destination.body == VALUE and record.value is not Value.RAW:
        yield "destination.body: value is for record.value: raw; JSON is sent as it is: leave it out"
    written = [name for name in ("body", "body_template") if getattr(destination, name) is not None]
    is_form = destination.encoding is Encoding.FORM
    if record.value is Value.CLOUDEVENT:
        for name in [*written, *(["encoding: form"] if is_form else [])]:
            yield f"destination.{name} changes the body, and that of a CloudEvent is its data: leave it out"
        if any(name.lower() == "content-type" for name, _ in texts_of(destination.headers, templates=True)):
            yield "destination.headers: Content-Type is for a CloudEvent to say: leave it out"
    if record.value is Value.RAW and is_form and (not written or destination.body == VALUE):
        yield "destination.encoding: form needs destination.body with record.value: raw: give its members"
    is_structured = cloudevents.type is not None and cloudevents.mode is Mode.STRUCTURED
    if is_structured and (is_form or (destination.body_template is not None and "json" not in kind.lower())):
        yield (
            "cloudevents.mode: structured has JSON in it: write binary, or destination.body instead of "
            "body_template and encoding"
        )


def _faults_of_filter(record: RecordSettings, filters: FilterSettings) -> Iterator[str]:
    if record.value.is_event:
        return
    for name in ("types", "events", "consent"):
        is_meant = name == "types" and record.value is Value.CLOUDEVENT
        if getattr(filters, name) is not None and not is_meant:
            yield f"filter.{name} is for JSON events, and record.value is {record.value}: write filter.when"


def _faults_of_formats(record: RecordSettings) -> Iterator[str]:
    """What is said of formats that the values do not have."""
    if record.value in (*FILED, Value.REGISTRY) and record.unwrap is Unwrap.CONNECT:
        yield f"record.unwrap: connect is for JSON, {record.value} has no such envelope: leave it out"
    if record.unions == "tagged" and record.unwrap is Unwrap.DEBEZIUM:
        yield "record.unions: tagged hides the row from record.unwrap: debezium: leave it out"
    if record.value in FILED and record.schema_file is None:
        remedy = "give the path of its schema, or write record.value: registry where values name their schema"
        yield f"record.value: {record.value} needs record.schema_file: {remedy}"
    for name, of in _OF_FORMATS.items():
        is_said = name in record.model_fields_set and getattr(record, name) is not None
        if is_said and record.value not in of:
            also = " and ".join(of)
            yield f"record.{name} says something of record.value: {also} alone: leave it out, or set that"


def meaningless(
    record: RecordSettings,
    debezium: DebeziumSettings,
    cloudevents: CloudEventsSettings,
    destination: DestinationSettings,
) -> list[str]:
    """What is said of records and changes nothing."""
    found = []
    is_made = cloudevents.type is not None
    if debezium.model_fields_set and record.unwrap is not Unwrap.DEBEZIUM:
        found.append("debezium: changes nothing without record.unwrap: debezium")
    if destination.content_type is not None and record.value is Value.CLOUDEVENT:
        found.append("destination.content_type: changes nothing without record.value: json or raw")
    if cloudevents.model_fields_set and record.value is not Value.CLOUDEVENT and not is_made:
        found.append("cloudevents: changes nothing without record.value: cloudevent or cloudevents.type")
    if record.value is Value.CLOUDEVENT and is_made and cloudevents.otherwise is not Otherwise.WRAP:
        found.append("cloudevents.type: changes nothing without cloudevents.otherwise: wrap")
    return found

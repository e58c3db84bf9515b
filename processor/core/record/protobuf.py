"""Protobuf values as JSON: the bytes of a message, by the descriptors of its file, without generated classes.

Promise: any bytes give the message's JSON as Protobuf maps it, or EventError `invalid_event`; never another
exception. Work is linear in the value, and levels are bounded by the parser, which takes no more than 100.
A field is named as JSON has it (`orderId`), 64-bit integers are text, what the descriptors do not know is
left out, and a message of no bytes is `{}`. A text that is not UTF-8 is refused, in proto2 too.

https://protobuf.dev/programming-guides/json/
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    json_format,
    message,
    message_factory,
)
from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    FieldDescriptor,
)

from processor.core.record.avro.logical import shortest_float
from processor.core.record.format import ProtobufPolicy
from processor.errors import EventError

__all__ = ["ProtobufDecoder", "as_set", "descriptor_in", "files_in"]

_LONGS = {
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_SINT64,
    FieldDescriptor.TYPE_FIXED64,
    FieldDescriptor.TYPE_SFIXED64,
}
_WELL_KNOWN = frozenset(
    f"google.protobuf.{name}"
    for name in (
        *("Any", "Duration", "FieldMask", "ListValue", "Struct", "Timestamp", "Value"),
        *("BoolValue", "BytesValue", "DoubleValue", "FloatValue", "Int32Value", "Int64Value"),
        *("StringValue", "UInt32Value", "UInt64Value"),
    )
)
"""What has a JSON of its own."""
_INFINITIES = {float("inf"): "Infinity", float("-inf"): "-Infinity"}
_encode = msgspec.json.encode

Make = Callable[[Any], Any]
"""From a value as it is parsed to what JSON writes."""


PLAIN = ProtobufPolicy()


def descriptor_in(text: str) -> bytes | None:
    """The FileDescriptorProto that a registry may answer in base64, or None where it is a .proto's text."""
    try:
        stored = b64decode(text, validate=True)
        found = descriptor_pb2.FileDescriptorProto.FromString(stored)
    except (binascii.Error, ValueError, message.DecodeError):
        return None
    return stored if found.message_type or found.enum_type or found.dependency else None


def as_set(described: Mapping[str, bytes]) -> bytes:
    """A FileDescriptorSet of FileDescriptorProtos, by the names that they are imported by."""
    found = descriptor_pb2.FileDescriptorSet()
    for name, stored in described.items():
        found.file.add().MergeFromString(stored)
        found.file[-1].name = name
    return bytes(found.SerializeToString())


def files_in(stored: bytes) -> list[bytes]:
    """The FileDescriptorProtos of a FileDescriptorSet. Raises ValueError."""
    try:
        found = descriptor_pb2.FileDescriptorSet.FromString(stored)
    except message.DecodeError:
        raise ValueError("is no FileDescriptorSet") from None
    return [each.SerializeToString() for each in found.file]


class ProtobufDecoder:
    """Makes JSON of the messages of one file."""

    def __init__(
        self, files: Sequence[bytes], *, policy: ProtobufPolicy = PLAIN, name: str = "the schema"
    ) -> None:
        """Of FileDescriptorProtos, each behind what it imports. Raises EventError `invalid_schema`."""
        self._pool = descriptor_pool.DescriptorPool()
        self._policy = policy
        self._read: dict[tuple[int, ...], tuple[Any, Make]] = {}
        self._makers: dict[str, Make] = {}
        try:
            protos = [descriptor_pb2.FileDescriptorProto.FromString(each) for each in files]
            for proto in protos:
                self._pool.Add(proto)
            self._file = self._pool.FindFileByName(protos[-1].name)
        except (IndexError, KeyError, TypeError, ValueError, message.DecodeError):
            raise EventError(
                "invalid_schema", f"{name} is no file of messages, or not with its imports"
            ) from None
        self._order = [each.name for each in protos[-1].message_type]
        if not self._order:
            raise EventError("invalid_schema", f"{name} has no messages")

    def decode(self, value: bytes, indexes: tuple[int, ...]) -> bytes:
        """The message at `indexes` in the file, as JSON. Raises EventError `invalid_event`."""
        known = self._read.get(indexes)
        if known is None:
            descriptor = self._descriptor(indexes)
            known = message_factory.GetMessageClass(descriptor), self._message(descriptor)
            self._read[indexes] = known
        kind, make = known
        try:
            return _encode(make(kind.FromString(value)))
        except message.DecodeError:
            raise EventError("invalid_event", f"the value is no {kind.DESCRIPTOR.full_name}") from None
        except (json_format.Error, ValueError, TypeError, RecursionError, OverflowError):
            raise EventError(
                "invalid_event", f"the {kind.DESCRIPTOR.full_name} has something that JSON has no text for"
            ) from None

    def only_message(self) -> tuple[int, ...]:
        """The indexes of the one message that there is. Raises EventError `invalid_event`: there are more."""
        if len(self._order) != 1:
            raise EventError("invalid_event", "the value does not say which message of its schema it is")
        return (0,)

    def _descriptor(self, indexes: tuple[int, ...]) -> Descriptor:
        """The message that the indexes name; the messages that maps are made of are not counted."""
        inner = [self._file.message_types_by_name[name] for name in self._order]
        found: Descriptor | None = None
        for index in indexes:
            if index >= len(inner):
                raise EventError("invalid_event", f"the schema has no message at the indexes {list(indexes)}")
            found = inner[index]
            inner = [each for each in found.nested_types if not each.GetOptions().map_entry]
        if found is None:
            raise EventError("invalid_event", "the value names no message of its schema")
        return found

    def _message(self, descriptor: Descriptor) -> Make:
        name = descriptor.full_name
        if name in _WELL_KNOWN:
            return self._well_known
        if name not in self._makers:
            self._makers[name] = self._walker(descriptor)
        return self._makers[name]

    def _walker(self, descriptor: Descriptor) -> Make:
        """What makes a dict of a message. Fields are prepared when they are seen: they may be of its type."""
        members: dict[int, tuple[str, Make | None]] = {}
        defaults = self._defaults(descriptor)

        def walk(parsed: Any) -> dict[str, Any]:
            made = {}
            for field, value in parsed.ListFields():
                member = members.get(field.number)
                if member is None:
                    member = members[field.number] = self._name(field), self._field(field)
                name, make = member
                made[name] = value if make is None else make(value)
            return {**defaults, **made} if defaults else made

        return walk

    def _defaults(self, descriptor: Descriptor) -> dict[str, Any]:
        if not self._policy.with_defaults:
            return {}
        made: dict[str, Any] = {}
        for field in descriptor.fields:
            if field.is_repeated:
                made[self._name(field)] = {} if _is_map(field) else []
            elif not field.has_presence:
                make = self._single(field)
                made[self._name(field)] = make(field.default_value) if make else field.default_value
        return made

    def _name(self, field: FieldDescriptor) -> str:
        if field.is_extension:
            return f"[{field.full_name}]"
        return str(field.name if self._policy.names_as_declared else field.json_name)

    def _field(self, field: FieldDescriptor) -> Make | None:
        if _is_map(field):
            return self._map(field)
        make = self._single(field)
        if not field.is_repeated:
            return make
        return list if make is None else lambda values: [make(value) for value in values]

    def _map(self, field: FieldDescriptor) -> Make:
        key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        text = _word if key.type == FieldDescriptor.TYPE_BOOL else self._single(key) or _same
        make = self._single(value) or _same
        return lambda parsed: {str(text(name)): make(parsed[name]) for name in parsed}

    def _single(self, field: FieldDescriptor) -> Make | None:
        match field.type:
            case FieldDescriptor.TYPE_MESSAGE | FieldDescriptor.TYPE_GROUP:
                return self._message(field.message_type)
            case FieldDescriptor.TYPE_ENUM:
                return _enum(field.enum_type)
            case FieldDescriptor.TYPE_STRING:
                return _text
            case FieldDescriptor.TYPE_BYTES:
                return _base64
            case FieldDescriptor.TYPE_FLOAT:
                return _float
            case FieldDescriptor.TYPE_DOUBLE:
                return _double
        return str if field.type in _LONGS else None

    def _well_known(self, parsed: Any) -> Any:
        return json_format.MessageToDict(parsed, descriptor_pool=self._pool)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _same(value: Any) -> Any:
    return value


def _word(value: bool) -> str:
    return "true" if value else "false"


def _text(value: str | bytes) -> str:
    if isinstance(value, bytes):  # proto2, and not UTF-8
        raise TypeError
    return value


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _double(value: float) -> float | str:
    return value if value - value == 0 else _INFINITIES.get(value, "NaN")


def _float(value: float) -> float | str | None:
    return shortest_float(value) if value - value == 0 else _INFINITIES.get(value, "NaN")


def _enum(kind: EnumDescriptor) -> Make:
    if kind.full_name == "google.protobuf.NullValue":
        return lambda _: None
    names = {number: each.name for number, each in kind.values_by_number.items()}
    return lambda number: names.get(number, number)

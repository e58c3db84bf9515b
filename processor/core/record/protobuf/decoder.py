"""Protobuf values as JSON: the bytes of a message, by the descriptors of its file, without generated classes.

Promise: any bytes give the message's JSON as Protobuf maps it, or EventError `invalid_event`; never another
exception. Work is linear in the value, and levels are bounded by the parser, which takes no more than 100.
What is made of it is bounded too (`MOST`, `PER_BYTE`), since a byte can stand for a long name or for a
message's many defaults. A field is named as JSON has it (`orderId`), 64-bit integers are text, what the
descriptors do not know is left out, and a message of no bytes is `{}`. A text that is not UTF-8 is refused,
in proto2 too.

https://protobuf.dev/programming-guides/json/
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from processor.core.record.avro.room import CONTAINER, MOST, PER_BYTE, SCALAR
from processor.core.record.format import ProtobufPolicy
from processor.core.record.protobuf import scalars
from processor.errors import EventError

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
        *("Duration", "FieldMask", "ListValue", "Struct", "Timestamp", "Value"),
        *("BoolValue", "BytesValue", "DoubleValue", "FloatValue", "Int32Value", "Int64Value"),
        *("StringValue", "UInt32Value", "UInt64Value"),
    )
)
"""What has a JSON of its own."""
_ANY = "google.protobuf.Any"
MOST_ANYS = 50
"""Messages of any type within each other: each is parsed by itself."""
_encode = msgspec.json.encode

Make = Callable[[Any], Any]
"""From a value as it is parsed to what JSON writes."""


PLAIN = ProtobufPolicy()


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
        self._room = self._anys = 0
        try:
            protos = [descriptor_pb2.FileDescriptorProto.FromString(each) for each in files]
            for proto in protos:
                self._pool.Add(proto)
            for proto in protos:
                _refuse_unreadable(self._pool.FindFileByName(proto.name))
            self._file = self._pool.FindFileByName(protos[-1].name)
        except (IndexError, KeyError, TypeError, ValueError, message.DecodeError):
            raise EventError(
                "invalid_schema", f"{name} is no file of messages, or not with its imports"
            ) from None
        self._with_checked_texts = {each.name for each in protos if each.syntax == "proto3"}
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
        self._room, self._anys = MOST + PER_BYTE * len(value), 0
        try:
            return _encode(make(kind.FromString(value)))
        except message.DecodeError:
            raise EventError("invalid_event", f"the value is no {kind.DESCRIPTOR.full_name}") from None
        except _TooMuchError:
            raise EventError(
                "invalid_event", f"the {kind.DESCRIPTOR.full_name} comes to more than its length has room for"
            ) from None
        except _NO_JSON:
            raise EventError(
                "invalid_event", f"the {kind.DESCRIPTOR.full_name} has something that JSON has no text for"
            ) from None

    def messages(self) -> dict[str, tuple[int, ...]]:
        """The full names of the messages of the file, and the indexes of each."""
        found: dict[str, tuple[int, ...]] = {}
        waiting: list[tuple[tuple[int, ...], Descriptor]] = [
            ((n,), self._file.message_types_by_name[name]) for n, name in enumerate(self._order)
        ]
        while waiting:
            indexes, descriptor = waiting.pop(0)
            found[descriptor.full_name] = indexes
            waiting += [((*indexes, n), each) for n, each in enumerate(_inner(descriptor))]
        return found

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
            inner = _inner(found)
        if found is None:
            raise EventError("invalid_event", "the value names no message of its schema")
        return found

    def _message(self, descriptor: Descriptor) -> Make:
        name = descriptor.full_name
        if name in _WELL_KNOWN:
            return scalars.moment if name == "google.protobuf.Timestamp" else self._well_known
        if name not in self._makers:
            self._makers[name] = self._anything if name == _ANY else self._walker(descriptor)
        return self._makers[name]

    def _walker(self, descriptor: Descriptor) -> Make:
        """What makes a dict of a message. Fields are prepared when they are seen: they may be of its type."""
        members: dict[FieldDescriptor, tuple[str, Make | None, int]] = {}
        defaults, charge = self._defaults(descriptor)

        def walk(parsed: Any) -> dict[str, Any]:
            made, cost = {}, charge
            for field, value in parsed.ListFields():
                member = members.get(field)
                if member is None:
                    name = self._name(field)
                    member = members[field] = name, self._field(field), len(name) + _charge(field)
                name, make, more = member
                made[name] = value if make is None else make(value)
                cost += more
            self._pay(cost)
            return {**defaults, **made} if defaults else made

        return walk

    def _defaults(self, descriptor: Descriptor) -> tuple[dict[str, Any], int]:
        """What stands there at least, and what a message is charged for it."""
        made: dict[str, Any] = {}
        charge = CONTAINER
        for field in descriptor.fields if self._policy.with_defaults else ():
            if field.is_repeated:
                made[self._name(field)] = {} if _is_map(field) else []
            elif not field.has_presence:
                make = self._single(field)
                made[self._name(field)] = make(field.default_value) if make else field.default_value
            charge += len(self._name(field)) + _charge(field)
        return made, charge

    def _name(self, field: FieldDescriptor) -> str:
        if field.is_extension:
            return f"[{field.full_name}]"
        return str(field.name if self._policy.names_as_declared else field.json_name)

    def _field(self, field: FieldDescriptor) -> Make | None:
        if _is_map(field):
            return self._map(field)
        make = self._single(field)
        return self._many(make, _charge(field)) if field.is_repeated else make

    def _many(self, make: Make | None, charge: int) -> Make:
        """Items are paid for before the first of them is made."""

        def items(values: Any) -> list[Any]:
            self._pay(len(values) * charge)
            return list(values) if make is None else [make(value) for value in values]

        return items

    def _map(self, field: FieldDescriptor) -> Make:
        key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        text = scalars.word if key.type == FieldDescriptor.TYPE_BOOL else self._single(key)
        if text is None and key.type != FieldDescriptor.TYPE_STRING:
            text = str
        make, charge = self._single(value), SCALAR + _charge(value)

        def members(parsed: Any) -> dict[str, Any]:
            self._pay(len(parsed) * charge)
            if text is None:
                return {name: parsed[name] if make is None else make(parsed[name]) for name in parsed}
            return {text(name): parsed[name] if make is None else make(parsed[name]) for name in parsed}

        return members

    def _pay(self, charge: int) -> None:
        self._room -= charge
        if self._room < 0:
            raise _TooMuchError

    def _single(self, field: FieldDescriptor) -> Make | None:
        match field.type:
            case FieldDescriptor.TYPE_MESSAGE | FieldDescriptor.TYPE_GROUP:
                return self._message(field.message_type)
            case FieldDescriptor.TYPE_ENUM:
                return scalars.as_enum(field.enum_type)
            case FieldDescriptor.TYPE_STRING:
                return None if field.file.name in self._with_checked_texts else scalars.text
            case FieldDescriptor.TYPE_BYTES:
                return scalars.base64
            case FieldDescriptor.TYPE_FLOAT:
                return scalars.as_float
            case FieldDescriptor.TYPE_DOUBLE:
                return scalars.double
        return str if field.type in _LONGS else None

    def _well_known(self, parsed: Any) -> Any:
        return json_format.MessageToDict(parsed, descriptor_pool=self._pool)

    def _anything(self, parsed: Any) -> dict[str, Any]:
        """A message of any type that the schema knows, which its URL names."""
        if not parsed.ListFields():
            return {}
        if self._anys == MOST_ANYS:
            raise RecursionError
        kind = self._pool.FindMessageTypeByName(parsed.type_url.rpartition("/")[2])
        self._anys += 1
        inner = self._message(kind)(message_factory.GetMessageClass(kind).FromString(parsed.value))
        self._anys -= 1
        has_own_json = kind.full_name in _WELL_KNOWN or kind.full_name == _ANY
        return {"@type": parsed.type_url, **({"value": inner} if has_own_json else inner)}


class _TooMuchError(Exception):
    """More would be made of a value than it has room for."""


_NO_JSON = (
    *(json_format.Error, ValueError, TypeError, RecursionError, OverflowError),
    AttributeError,  # what is called like a well-known type, and is another
    KeyError,  # anything of a type that the schema does not have
)


def _refuse_unreadable(file: Any) -> None:
    """Raise ValueError where a name is no UTF-8, as it may be in descriptors that no compiler has made."""
    waiting: list[Descriptor] = [*file.message_types_by_name.values()]
    enums = [*file.enum_types_by_name.values()]
    fields = [*file.extensions_by_name.values()]
    while waiting:
        found = waiting.pop()
        waiting += found.nested_types
        enums += found.enum_types
        fields += (*found.fields, *found.extensions)
    for field in fields:
        str(field.name), str(field.json_name)
    for enum in enums:
        [str(each.name) for each in enum.values]


def _inner(descriptor: Descriptor) -> list[Descriptor]:
    """The messages within one; those that maps are made of are not counted."""
    return [each for each in descriptor.nested_types if not each.GetOptions().map_entry]


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _charge(field: FieldDescriptor) -> int:
    """What one value of a field is charged."""
    longest = max((len(each.name) for each in field.enum_type.values), default=0) if field.enum_type else 0
    return SCALAR + longest

"""Descriptors: what files of Protobuf declare, as bytes, as registries and compilers hand it on."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, message

MOST_PAIRS = 50_000_000
"""Fields that are compared with ranges of numbers: some half a second."""
_UNREAD, _UNREAD_TAG = "uninterpreted_option", b"\xba\x3e"


def descriptor_in(text: str) -> bytes | None:
    """The FileDescriptorProto that a registry may answer in base64, or None where it is a .proto's text."""
    try:
        stored = b64decode(text, validate=True)
        found = descriptor_pb2.FileDescriptorProto.FromString(stored)
    except (binascii.Error, ValueError, message.DecodeError):
        return None
    return stored if found.message_type or found.enum_type or found.dependency else None


def fault_of(stored: bytes) -> str | None:
    """Why a FileDescriptorProto cannot be used, to be read behind its name.

    Options are text in none that a compiler has made, and what is nested in them is not known.
    """
    found = descriptor_pb2.FileDescriptorProto.FromString(stored)
    if _UNREAD_TAG in found.SerializeToString() and _holds_unread(found):
        return "is a descriptor whose options are not compiled"
    pairs, waiting = 0, [*found.message_type]
    while waiting:
        each = waiting.pop()
        waiting += each.nested_type
        pairs += _pairs(len(each.field), len(each.reserved_range) + len(each.extension_range))
        pairs += sum(_pairs(len(kind.value), len(kind.reserved_range)) for kind in each.enum_type)
    pairs += sum(_pairs(len(kind.value), len(kind.reserved_range)) for kind in found.enum_type)
    return "has too many reserved or extension ranges for its fields" if pairs > MOST_PAIRS else None


def as_set(described: Mapping[str, bytes]) -> bytes:
    """A FileDescriptorSet of FileDescriptorProtos, by the names that they are imported by."""
    found = descriptor_pb2.FileDescriptorSet()
    for name, stored in described.items():
        found.file.add().MergeFromString(stored)
        found.file[-1].name = name
    return bytes(found.SerializeToString())


def of_message(stored: bytes, name: str | None) -> str:
    """The file of a FileDescriptorSet that has the message, its last one where none is named, or has it.

    Raises ValueError.
    """
    try:
        files = descriptor_pb2.FileDescriptorSet.FromString(stored).file
    except message.DecodeError:
        files = ()
    if not files:
        raise ValueError("is neither a text nor a FileDescriptorSet")
    wanted = f".{name}"
    for file in files:
        package = f".{file.package}" if file.package else ""
        if any(f"{wanted}.".startswith(f"{package}.{each.name}.") for each in file.message_type):
            return str(file.name)
    return str(files[-1].name)


def files_in(stored: bytes) -> list[bytes]:
    """The FileDescriptorProtos of a FileDescriptorSet. Raises ValueError."""
    try:
        found = descriptor_pb2.FileDescriptorSet.FromString(stored)
    except message.DecodeError:
        raise ValueError("is no FileDescriptorSet") from None
    return [each.SerializeToString() for each in found.file]


def _holds_unread(described: Any) -> bool:
    for field, value in described.ListFields():
        if field.name == _UNREAD:
            return True
        inner = () if field.message_type is None else value if field.is_repeated else (value,)
        if any(map(_holds_unread, inner)):
            return True
    return False


def _pairs(fields: int, ranges: int) -> int:
    return ranges * (ranges + fields)

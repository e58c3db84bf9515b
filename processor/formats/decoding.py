"""Schemas made decoders: what a registry or a file says of a schema, as what makes JSON of its values.

Promise: any schema becomes a decoder, or EventError `invalid_schema` that names it; any payload becomes JSON
in UTF-8, or EventError `invalid_event`. How much a schema may be is bounded before it is looked into: a MiB
of text with all that it refers to, 10,000 Avro types, 1,000 imports.

`decoder` computes and waits: it is called in a thread, never on the event loop. An Avro schema of 30 fields
takes some 5 ms, the largest that is taken a second or two; a .proto some 5 ms, most of it in the compiler.
What it returns is for the event loop: it computes, keeps nothing of a value, and may be kept for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from processor.core.record.avro.decoder import Decoder
from processor.core.record.format import FormatPolicy
from processor.core.record.frame import message_indexes
from processor.core.record.protobuf.decoder import ProtobufDecoder
from processor.core.record.protobuf.descriptors import as_set, descriptor_in, files_in
from processor.errors import EventError
from processor.formats.protoc import FILE, compiled

__all__ = ["PayloadDecoder", "Reference", "Schema", "SchemaType", "decoder"]


class SchemaType(StrEnum):
    """What a schema is written in, in the words of registries, where the first is what is not said."""

    AVRO = "AVRO"
    PROTOBUF = "PROTOBUF"
    JSON = "JSON"


class Reference(NamedTuple):
    """What a schema refers to; `name` is what a .proto imports it by."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema as a registry answers it; `references` stand each behind what it refers to itself.

    A .proto may come as a FileDescriptorProto in Base64, and so may each of its references.
    """

    text: str
    type: SchemaType = SchemaType.AVRO
    references: Sequence[Reference] = ()


MOST_CHARACTERS = 2 * 1024 * 1024
"""Of the texts, Base64 among them."""
PLAIN = FormatPolicy()


class PayloadDecoder(Protocol):
    """What makes JSON of the values of one schema."""

    def decode(self, payload: bytes, rest: bytes | None = None, /) -> bytes:
        """A payload as JSON; both are a `Frame`'s. Raises EventError `invalid_event`."""
        ...


def decoder(schema: Schema, policy: FormatPolicy = PLAIN, *, name: str) -> PayloadDecoder:
    """What decodes the payloads of frames; `name` names the schema in errors: `schema 7`, say.

    Raises EventError `invalid_schema`.
    """
    if len(schema.text) + sum(len(each.text) for each in schema.references) > MOST_CHARACTERS:
        raise EventError("invalid_schema", f"{name} has more than {MOST_CHARACTERS} characters")
    match schema.type:
        case SchemaType.AVRO:
            references = [each.text for each in schema.references]
            return _Avro(Decoder(schema.text, references, policy=policy.avro, name=name))
        case SchemaType.PROTOBUF:
            return _Protobuf(ProtobufDecoder(_files(schema, name), policy=policy.protobuf, name=name))
    return _Json()


class _Avro:
    def __init__(self, decoder: Decoder) -> None:
        self._decode = decoder.decode

    def decode(self, payload: bytes, _: bytes | None = None, /) -> bytes:
        return self._decode(payload)


class _Json:
    """JSON Schema says what JSON may be; the value is JSON already."""

    def decode(self, payload: bytes, _: bytes | None = None, /) -> bytes:
        return payload


class _Protobuf:
    def __init__(self, decoder: ProtobufDecoder) -> None:
        self._decoder = decoder

    def decode(self, payload: bytes, rest: bytes | None = None, /) -> bytes:
        if rest is None:
            indexes, at = message_indexes(payload)
            return self._decoder.decode(payload[at:], indexes)
        if rest:
            indexes, at = message_indexes(rest)
            if at != len(rest):
                raise EventError(
                    "invalid_event", "the header of the schema has bytes behind its message indexes"
                )
            return self._decoder.decode(payload, indexes)
        return self._decoder.decode(payload, self._decoder.only_message())


def _files(schema: Schema, name: str) -> list[bytes]:
    """The files of a .proto, each behind what it imports, whatever of them came as text."""
    file, texts, described = FILE, dict[str, str](), dict[str, bytes]()
    while any(each.name == file for each in schema.references):
        file = f"_{file}"
    for each in (*schema.references, Reference(file, schema.text)):
        if (stored := descriptor_in(each.text)) is not None:
            described[each.name] = stored
        else:
            texts[each.name] = each.text
    main = texts.pop(file, None)
    return files_in(compiled(main, texts, name=name, described=as_set(described), file=file))

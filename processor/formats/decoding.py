"""Schemas made decoders: what a registry or a file says of a schema, as what makes JSON of its values.

Promise: any schema becomes a decoder, or EventError `invalid_schema` that names it; any payload becomes JSON
in UTF-8, or EventError `invalid_event`. How much a schema may be is bounded before it is looked into: a MiB
of text with all that it refers to, 10,000 Avro types, 100 files of Protobuf.

`decoder` computes and waits: it is called in a thread, never on the event loop. An Avro schema of 30 fields
takes some 5 ms, the largest that is taken half a second, during which the interpreter is not given up while
it compiles what it wrote; a .proto some 5 ms, most of it in the compiler, which keeps the interpreter too.
What it returns is for the event loop: it computes, keeps nothing of a value, and may be kept for ever. The
libraries of Protobuf are loaded with its first schema; who lacks them is told by `lacking` before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import NamedTuple, Protocol

from processor.core.record.avro.decoder import Decoder
from processor.core.record.format import FormatPolicy
from processor.errors import EventError

__all__ = ["PayloadDecoder", "Reference", "Schema", "SchemaType", "decoder", "lacking"]


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


def lacking() -> str:
    """What Protobuf needs and this installation has not, with the remedy; nothing, where it has all."""
    if (
        find_spec("google")
        and find_spec("google.protobuf")
        and find_spec("google.type")
        and find_spec("grpc_tools")
    ):
        return ""
    return "needs libraries that are not there: install kafka-webhook-processor[formats]"


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
            from processor.formats.protobuf import FramedDecoder

            return FramedDecoder(schema.text, dict(schema.references), policy.protobuf, name)
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

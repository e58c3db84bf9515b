"""Blocks: a schema by chance, and many values for it, each of which becomes JSON or is refused."""

import json
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import TypeVar

from processor.core.record.format import AvroPolicy, FormatPolicy, ProtobufPolicy
from processor.core.record.frame import read
from processor.core.record.protobuf.descriptors import files_in
from processor.errors import EventError
from processor.formats.decoding import PayloadDecoder, Schema, SchemaType, decoder
from processor.formats.protoc import compiled
from tests.fuzzing import avro, protobuf
from tests.fuzzing.mutation import mutated, mutated_text

VALUES = 100
"""For each schema of Avro; four times as many for a file of Protobuf, which takes longer to compile."""
DESCRIPTORS = 10
"""Changed ones, for each file of Protobuf."""
SCHEMA = -1
"""What stands for a schema, where a value has its number."""
_HEADERS = ("__value_schema_id", "apicurio.value.globalId", "other")

Found = TypeVar("Found")
Say = Callable[[int], None]
"""Hears of each value by its number before it is decoded."""


def block(seed: int, number: int, say: Say) -> None:
    """Everything of one block, of which each fourth is one of Protobuf. Raises AssertionError."""
    chance = Random(f"{seed}/{number}")
    if number % 4 == 3:
        _protobuf(chance, say)
    else:
        _avro(chance, say)


def _avro(chance: Random, say: Say) -> None:
    schemas = avro.Schemas(chance)
    kind = schemas.kind()
    text = json.dumps(kind)
    policy = FormatPolicy(AvroPolicy(chance.random() < 0.3, chance.random() < 0.3, chance.random() < 0.3))
    made = _made(Schema(text), policy, say)
    _made(Schema(mutated_text(chance, text)), policy, say)
    for at in range(VALUES if made else 0):
        value = b""
        with suppress(avro.EndlessError):
            value = avro.value(chance, schemas, kind)
            _decode(made, value, at, say, must=True)
        _decode(made, mutated(chance, value) if at % 8 else chance.randbytes(chance.randrange(99)), at, say)


def _protobuf(chance: Random, say: Say) -> None:
    text = protobuf.file(chance)
    policy = FormatPolicy(protobuf=ProtobufPolicy(chance.random() < 0.3, chance.random() < 0.5))
    made = _made(Schema(text, SchemaType.PROTOBUF), policy, say)
    assert made, text
    _made(Schema(mutated_text(chance, text), SchemaType.PROTOBUF), policy, say)
    stored = files_in(compiled(text, {}))[-1]
    for _ in range(DESCRIPTORS):
        described = b64encode(mutated(chance, stored)).decode()
        if (found := _made(Schema(described, SchemaType.PROTOBUF), policy, say)) is not None:
            _decode(found, b"\0" + protobuf.message(chance), 0, say)
    for at in range(VALUES * 4):
        value = protobuf.message(chance)
        if at % 50 == 0:
            value = protobuf.deep(chance, chance.choice((50, 99, 101, 5_000)))
        value = mutated(chance, value) if at % 3 == 0 else value
        indexes = b"\0" if at % 2 else b"\2" + bytes((2 * chance.randrange(5),))
        _decode(made, indexes + value, at, say)


def _made(schema: Schema, policy: FormatPolicy, say: Say) -> PayloadDecoder | None:
    say(SCHEMA)
    made, refusal = _tried(lambda: decoder(schema, policy, name="the schema"))
    assert refusal is None or refusal.code == "invalid_schema", refusal
    return made


def _decode(made: PayloadDecoder | None, value: bytes, at: int, say: Say, *, must: bool = False) -> None:
    say(at)
    headers = ((_HEADERS[at % 3], value[:20]),) if at % 7 == 0 else ()
    _judge(*_tried(lambda: read(value, headers).payload), is_json=False)
    if made:
        _judge(*_tried(lambda: made.decode(value)), must=must)


def _judge(
    found: bytes | None, refusal: EventError | None, *, must: bool = False, is_json: bool = True
) -> None:
    if refusal is not None:
        assert refusal.code == "invalid_event", refusal
        assert "/proc/" not in refusal.message
        assert not must, refusal.message
    elif is_json and found is not None:
        json.loads(found.decode())


def _tried(work: Callable[[], Found]) -> tuple[Found | None, EventError | None]:
    try:
        return work(), None
    except EventError as error:
        return None, error

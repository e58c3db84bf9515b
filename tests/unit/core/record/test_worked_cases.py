"""Records as pipelines carry them, and the event that each is: worked cases of other encoders."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from processor.core.record.avro.decoder import Decoder
from processor.core.record.format import AvroPolicy, ProtobufPolicy
from processor.core.record.frame import message_indexes, read
from processor.core.record.protobuf import ProtobufDecoder, descriptor_in
from processor.errors import EventError
from processor.formats.protoc import compiled

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "records.json").read_text(encoding="utf-8")
)["vectors"]
"""Settings, what a registry answers, a record, and what becomes of it."""
JUDGED_ELSEWHERE = {"refused: schema id unknown", "refused: json schema, array"}
"""The first by who asks the registry, the second by who reads the event."""


def is_ours(case: dict[str, Any]) -> bool:
    """Whether a registry's schema and a frame make an event of it."""
    is_framed = case["settings"].get("record", {}).get("value") == "registry"
    return is_framed and case["name"] not in JUDGED_ELSEWHERE


def decode(case: dict[str, Any]) -> bytes:
    """The event of a record, by its frame and its schema."""
    record, registry = case["settings"]["record"], case["settings"].get("schema_registry", {})
    headers = tuple((name, b64decode(value)) for name, value in case["record"]["headers"])
    frame = read(b64decode(case["record"]["value_base64"]), headers, registry.get("framing", "confluent"))
    key = f"{'guid:' if frame.schema.kind == 'guid' else ''}{frame.schema.value}"
    answer = case["registry"][key]
    match answer.get("schemaType"):
        case "JSON":
            return frame.payload
        case "PROTOBUF":
            imports = {name.rpartition("/")[0]: found["schema"] for name, found in case["subjects"].items()}
            is_declared = record.get("protobuf_names") == "proto"
            indexes, at = message_indexes(frame.payload)
            decoder = ProtobufDecoder(
                files_of(answer["schema"], imports), policy=ProtobufPolicy(names_as_declared=is_declared)
            )
            return decoder.decode(frame.payload[at:], indexes)
    policy = AvroPolicy(
        decimals_as_numbers=record.get("decimals") == "number",
        times_as_numbers=record.get("times") == "number",
        unions_tagged=record.get("unions") == "tagged",
    )
    return Decoder(answer["schema"], policy=policy, name=f"schema {key}").decode(frame.payload)


def files_of(text: str, imports: dict[str, str]) -> list[bytes]:
    """The files of a schema, each behind what it imports."""
    if stored := descriptor_in(text):
        return [stored]
    files = descriptor_pb2.FileDescriptorSet.FromString(compiled(text, imports)).file
    return [each.SerializeToString() for each in files]


@pytest.mark.parametrize("case", [each for each in CASES if is_ours(each)], ids=lambda each: each["name"])
def test_a_framed_value_is_the_event_that_its_schema_says(case: dict[str, Any]) -> None:
    if wanted := case["expect"].get("error"):
        with pytest.raises(EventError) as error:
            decode(case)
        assert error.value.code == wanted["code"]
        assert wanted["message_has"] in error.value.message
    else:
        assert decode(case).decode() == case["expect"]["event_json"]

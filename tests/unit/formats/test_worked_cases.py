"""Records as pipelines carry them, and the event that each is: worked cases of other encoders."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from processor.core.record.format import AvroPolicy, FormatPolicy, ProtobufPolicy
from processor.core.record.frame import read
from processor.errors import EventError
from processor.formats.decoding import Reference, Schema, SchemaType, decoder

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "records.json").read_text(encoding="utf-8")
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
    schema = Schema(
        answer["schema"],
        SchemaType(answer.get("schemaType", "AVRO")),
        [
            Reference(each["name"], case["subjects"][f"{each['subject']}/{each['version']}"]["schema"])
            for each in answer.get("references", [])
        ],
    )
    policy = FormatPolicy(
        AvroPolicy(
            decimals_as_numbers=record.get("decimals") == "number",
            times_as_numbers=record.get("times") == "number",
            unions_tagged=record.get("unions") == "tagged",
        ),
        ProtobufPolicy(
            names_as_declared=record.get("protobuf_names") == "proto",
            with_defaults=record.get("protobuf_defaults", False),
        ),
    )
    return decoder(schema, policy, name=f"schema {key}").decode(frame.payload, frame.rest)


@pytest.mark.parametrize("case", [each for each in CASES if is_ours(each)], ids=lambda each: each["name"])
def test_a_framed_value_is_the_event_that_its_schema_says(case: dict[str, Any]) -> None:
    if wanted := case["expect"].get("error"):
        with pytest.raises(EventError) as error:
            decode(case)
        assert error.value.code == wanted["code"]
        assert wanted["message_has"] in error.value.message
    else:
        assert decode(case).decode() == case["expect"]["event_json"]

"""What a schema registry does that speaks Confluent's API: the fake one and Apicurio alike."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest

from processor.config.services.registry import SchemaRegistrySettings
from processor.core.record.format import FormatPolicy
from processor.core.record.frame import Frame, Schema
from processor.core.record.registry.answers import Away, Missing
from processor.errors import EventError
from processor.formats.registry import made
from processor.telemetry.facts import Facts
from processor.traffic.schemas.decoding import Decoder
from processor.web.registry.door import Registry
from tests.support.apicurio import Apicurio
from tests.support.registry import FakeRegistry

MONEY = 'syntax = "proto3"; package common; message Money { string currency = 1; int64 units = 2; }'
ORDER = """\
syntax = "proto3";
package shop;
import "common/%s.proto";
message Ping { string id = 1; }
message Order { string id = 1; common.Money price = 2; }
"""


class Rig:
    """A registry, and our door to it."""

    def __init__(self, url: str, door: Registry[Decoder]) -> None:
        self.url, self.door = url, door
        self.name = uuid4().hex[:8]

    async def register(self, subject: str, text: str, kind: str = "AVRO", *references: str) -> int:
        """The id of a schema; it refers to the first versions of subjects, by their names."""
        refers = [{"name": each, "subject": each, "version": 1} for each in references]
        said = {"schema": text, "schemaType": kind, "references": refers}
        url = f"{self.url}/subjects/{quote(subject, safe='')}/versions"
        return int((await asyncio.to_thread(_post, url, said))["id"])

    async def ask(self, schema: Schema | int) -> Decoder | EventError | Missing | Away:
        schema = Schema("id", schema) if isinstance(schema, int) else schema
        told: asyncio.Future[Decoder | EventError | Missing | Away] = asyncio.Future()
        self.door.fetch(schema, told.set_result)
        return await told

    async def event(self, number: int, payload: bytes) -> bytes:
        """What decodes by a schema."""
        decoder = await self.ask(number)
        assert callable(decoder), decoder
        return decoder(Frame(Schema("id", number), payload))


def _post(url: str, said: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
    with urlopen(Request(url, json.dumps(said).encode(), headers), timeout=30) as answer:
        return json.load(answer)


@asynccontextmanager
async def door(url: str) -> AsyncIterator[Registry[Decoder]]:
    settings = SchemaRegistrySettings.model_validate({"url": url, "timeout": 30})
    opened: Registry[Decoder] = Registry(settings, partial(made, FormatPolicy()), files={})
    await opened.open(Facts())
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture(params=["fake", "apicurio"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    if request.param == "apicurio":
        real: Apicurio = request.getfixturevalue("schema_registry")
        async with door(real.url) as opened:
            yield Rig(real.url, opened)
        return
    async with FakeRegistry() as fake, door(fake.url) as opened:
        yield Rig(fake.url, opened)


async def test_it_greets(rig: Rig) -> None:
    assert await rig.door.greet() == rig.url


async def test_what_is_registered_decodes_what_is_written_with_it(rig: Rig) -> None:
    named = f"a.E{rig.name}"
    await rig.register(named, json.dumps({"type": "enum", "name": named, "symbols": ["X", "Y"]}))
    record = {"type": "record", "name": f"R{rig.name}", "fields": [{"name": "e", "type": named}]}
    number = await rig.register(f"{rig.name}-value", json.dumps(record), "AVRO", named)
    assert await rig.event(number, b"\2") == b'{"e":"Y"}'


async def test_a_proto_is_compiled_with_what_it_imports(rig: Rig) -> None:
    await rig.register(f"common/{rig.name}.proto", MONEY, "PROTOBUF")
    text = ORDER % rig.name
    number = await rig.register(f"{rig.name}-value", text, "PROTOBUF", f"common/{rig.name}.proto")
    assert await rig.event(number, b"\2\2\n\1x\x12\5\n\3EUR") == b'{"id":"x","price":{"currency":"EUR"}}'


async def test_values_by_a_json_schema_are_passed_on(rig: Rig) -> None:
    text = '{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}'
    number = await rig.register(f"{rig.name}-value", text, "JSON")
    assert await rig.event(number, b'{"a": 1.10}') == b'{"a": 1.10}'


async def test_an_id_that_is_not_there_is_said_to_be_missing(rig: Rig) -> None:
    assert isinstance(await rig.ask(2_000_000_000), Missing)


async def test_a_guid_that_is_not_there_is_missing_whether_it_knows_guids_or_not(rig: Rig) -> None:
    assert isinstance(await rig.ask(Schema("guid", str(uuid4()))), Missing)
    assert isinstance(await rig.ask(Schema("global_id", 2**40)), Missing)


async def test_a_wrong_base_path_is_nobodys_missing_schema(rig: Rig) -> None:
    async with door(rig.url.removesuffix("/ccompat/v7")) as elsewhere:
        assert isinstance(await Rig(rig.url, elsewhere).ask(1), Away)

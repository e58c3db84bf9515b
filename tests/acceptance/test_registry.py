"""Values that a schema registry frames, from a real Kafka: what comes, and what waits while it is away."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.acceptance.conftest import Stage
from tests.acceptance.test_registry_contract import Rig, door
from tests.faults.proxy import Proxy, Wire
from tests.support.apicurio import Apicurio
from tests.support.endpoint import Endpoint
from tests.support.registry import FakeRegistry

pytestmark = pytest.mark.kafka

Build = Callable[..., Stage]
AVRO = '{"type":"record","name":"R%s","fields":[{"name":"n","type":"int"}]}'
PROTO = 'syntax = "proto3"; message M%s { int32 n = 1; }'
JSON = '{"$schema":"http://json-schema.org/draft-07/schema#","title":"%s","type":"object"}'
EACH = 20


def framed(number: int, payload: bytes) -> tuple[bytes, bytes, tuple[()]]:
    return uuid4().bytes, b"\0" + number.to_bytes(4) + payload, ()


async def registered(url: str) -> list[int]:
    """The ids of a schema of each kind."""
    async with door(url) as opened:
        rig = Rig(url, opened)
        kinds = (("AVRO", AVRO), ("PROTOBUF", PROTO), ("JSON", JSON))
        return [await rig.register(f"{rig.name}-{kind}", text % rig.name, kind) for kind, text in kinds]


async def test_a_registry_that_is_stopped_and_started_costs_no_event_and_holds_nobody_else(
    stage: Build, schema_registry: Apicurio
) -> None:
    here = stage(partitions=3)
    avro, protobuf, json_ = await registered(schema_registry.url)
    real = urlsplit(schema_registry.url)
    async with Endpoint() as endpoint, Proxy(real.port or 0) as proxy:
        registry = {"url": f"http://127.0.0.1:{proxy.port}{real.path}", "timeout": 5}
        sections: dict[str, Any] = {"record": {"value": "registry"}, "schema_registry": registry}
        async with here.processor(endpoint.url, **sections) as processor:
            here.produce([framed(avro, b"\2")] * EACH, 0)
            await endpoint.received(EACH)
            proxy.become(Wire.RESET)
            here.produce([framed(protobuf, b"\0\x08\1")] * EACH, 1)
            here.produce([framed(json_, b'{"n":1}')] * EACH, 2)
            await processor.tells("the schema registry fails: records wait for it")
            here.produce([framed(avro, b"\2")] * EACH, 0)
            await endpoint.received(2 * EACH)
            status, page = await processor.page("/readyz")
            assert (status, "cannot be asked" in json.loads(page)["checks"]["preparation"]) == (503, True)
            await processor.until("paused_partitions", "preparation", at_least=2)
            assert len(endpoint.requests) == 2 * EACH
            proxy.become(Wire.PASS)
            await processor.until("deliveries_total", "delivered", at_least=4 * EACH)
            assert (await processor.page("/readyz"))[0] == 200
            assert await processor.terminate() == 0
        assert {arrival.body for arrival in endpoint.requests} == {b'{"n":1}'}
        assert len(endpoint.requests) == 4 * EACH
    assert here.committed() == 4 * EACH
    assert here.broker.read_all(here.dead_letters) == []


async def test_an_id_that_stays_unknown_is_a_dead_letter_and_keeps_nobody_else(stage: Build) -> None:
    here = stage(partitions=2)
    async with Endpoint() as endpoint, FakeRegistry({"1": {"schema": AVRO % "x"}}) as registry:
        said = {"url": registry.url, "missing_after": 0}
        sections: dict[str, Any] = {"record": {"value": "registry"}, "schema_registry": said}
        async with here.processor(endpoint.url, **sections) as processor:
            here.produce([framed(404, b"\2")], 0)
            here.produce([framed(1, b"\2")] * EACH, 1)
            await processor.until("deliveries_total", "dead_lettered", at_least=1)
            here.produce([framed(1, b"\2")] * EACH, 0)
            await endpoint.received(2 * EACH)
            metrics = await processor.metrics()
            assert metrics["schema_registry_requests_total", "missing"] == 1
            await processor.until("deliveries_total", "delivered", at_least=2 * EACH)
            assert await processor.terminate() == 0
    (letter,) = await asyncio.to_thread(here.broker.read_all, here.dead_letters)
    assert dict(letter.headers() or ())["__webhook_processor.error.code"] == b"unknown_schema"
    assert here.committed() == 2 * EACH + 1

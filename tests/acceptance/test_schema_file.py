"""Values that a schema file decodes, from a real Kafka: what comes, and what is kept of those that do not."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.conftest import Stage
from tests.support.endpoint import Endpoint

pytestmark = pytest.mark.kafka

AVRO = """{"type": "record", "name": "Change", "fields": [
    {"name": "before", "type": ["null", {"type": "record", "name": "Row", "fields": [
        {"name": "price", "type": {
            "type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}}]}]},
    {"name": "after", "type": ["null", "Row"]},
    {"name": "op", "type": "string"}]}"""
GOOD, BAD = b"\0\2\6\x01\xe2\x40\2c", b"\0\2\6\x01\xe2\x40\2c\xff"
EACH = 20


async def test_changes_in_avro_become_rows_and_what_is_none_is_kept_byte_for_byte(
    stage: Callable[..., Stage], tmp_path: Path
) -> None:
    here = stage()
    file = tmp_path / "change.avsc"
    file.write_text(AVRO, encoding="utf-8")
    record = {"value": "avro", "schema_file": str(file), "unwrap": "debezium"}
    async with Endpoint() as endpoint, here.processor(endpoint.url, record=record) as processor:
        here.produce([(b"%d" % number, GOOD, ()) for number in range(EACH)])
        here.produce([(b"bad", BAD, ())])
        await endpoint.received(EACH)
        await processor.until("dead_letters_total", "invalid_event", at_least=1)
        await processor.until("deliveries_total", "delivered", at_least=EACH)
        assert await processor.terminate() == 0
        assert {arrival.body for arrival in endpoint.requests} == {b'{"price":"1234.56","__deleted":"false"}'}
    (letter,) = await asyncio.to_thread(here.broker.read_all, here.dead_letters)
    assert (letter.key(), letter.value()) == (b"bad", BAD)
    headers = dict(letter.headers() or ())
    assert "1 bytes are left over" in str(headers["__connect.errors.exception.message"])
    assert here.committed() == EACH + 1

"""Records that are no events, or attack: each is a dead letter with its reason, and takes nothing along."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.acceptance.conftest import Stage, stage
from tests.faults.scene import code_of
from tests.support.apache_kafka import Broker
from tests.support.endpoint import Arrival, Endpoint, Reply

__all__ = ["stage"]
pytestmark = pytest.mark.kafka

MEGABYTE = 1024 * 1024
LARGE = {"max.message.bytes": str(16 * MEGABYTE)}
GOOD = 200


def event(**members: Any) -> bytes:
    """An event."""
    return json.dumps({"type": "track", **members}).encode()


POISON: dict[str, tuple[bytes | None, str]] = {
    "not JSON": (b"not json", "invalid_event"),
    "empty": (b"", "invalid_event"),
    "cut off": (b'{"type":"track"', "invalid_event"),
    "not UTF-8": (b'{"name":"\xff\xfe"}', "invalid_event"),
    "UTF-16": ('{"type":"track"}'.encode("utf-16"), "invalid_event"),
    "byte order mark": (b"\xef\xbb\xbf{}", ""),
    "an endless host": (event(fullPath="https://" + "ü" * 330_000), "invalid_url"),
    "an endless header name": (event(header={"X" * 600_000: "\n"}), "invalid_header"),
    "NaN": (b'{"value":NaN}', "invalid_event"),
    "Infinity": (b'{"value":-Infinity}', "invalid_event"),
    "an array": (b"[1,2]", ""),
    "a string": (b'"event"', ""),
    "null": (b"null", ""),
    "deep nesting": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_event"),
    "deep nesting of a header": (b'{"header":{"X":' + b"[" * 900 + b"]" * 900 + b"}}", "invalid_event"),
    "tombstone": (None, "tombstone"),
    "10 MB of no JSON": (b"x" * (10 * MEGABYTE), "invalid_event"),
    "10 MB": (event(pad="x" * (10 * MEGABYTE)), ""),
    "header with a line break": (event(header={"X-A": "1\r\nX-Evil: 1"}), "invalid_header"),
    "header with a NUL": (event(header={"X-A": "1\x00"}), "invalid_header"),
    "header name with a line break": (event(header={"X-A: 1\r\nX-Evil": "1"}), "invalid_header"),
    "header name with a blank": (event(header={"X A": "1"}), "invalid_header"),
    "header without a name": (event(header={"": "1"}), "invalid_header"),
    "headers of the connection": (
        event(header={"Content-Length": "3", "Transfer-Encoding": "chunked", "Host": "evil.example"}),
        "",
    ),
    "path that climbs": (event(appendPath="/../../admin"), "endpoint_not_allowed"),
    "path that climbs, encoded": (event(appendPath="/%2e%2e/admin"), "endpoint_not_allowed"),
    "path that climbs, encoded twice": (event(appendPath="/%252e%252e/admin"), "endpoint_not_allowed"),
    "path that climbs with backslashes": (event(appendPath="\\..\\admin"), "endpoint_not_allowed"),
    "another host": (event(fullPath="http://evil.example/hook"), "endpoint_not_allowed"),
    "the metadata service": (event(fullPath="http://169.254.169.254/latest"), "endpoint_not_allowed"),
    "another scheme": (event(fullPath="file:///etc/passwd"), "invalid_url"),
    "user info": (event(fullPath="http://127.0.0.1@evil.example/"), "endpoint_not_allowed"),
    "path that is an object": (event(appendPath={"a": 1}), "invalid_url"),
    "path with a line break": (event(appendPath="/a\r\nX-Evil: 1"), ""),
    "long numbers": (b'{"value":' + b"9" * 5000 + b"}", ""),
    "duplicate names": (b'{"type":"track","type":"page"}', ""),
    "half a surrogate": (b'{"name":"\\ud800"}', ""),
}
"""Values and the code of their dead letter; no code: they are sent."""


async def test_every_poison_is_a_dead_letter_with_its_reason_and_everything_else_arrives(
    stage: Callable[..., Stage], apache_kafka: Broker
) -> None:
    here = stage(with_dead_letters=False)
    big = f"{here.topic}-big"
    await asyncio.to_thread(apache_kafka.create_topic, here.dead_letters, 1, LARGE)
    await asyncio.to_thread(apache_kafka.create_topic, big, 1, LARGE)
    await asyncio.to_thread(produce, apache_kafka, big)
    sent = [name for name, (_, code) in POISON.items() if not code]
    delivery = {"tombstones": "dead_letter"}
    letters = {"topic": here.dead_letters, "max_message_bytes": 16 * MEGABYTE}
    async with (
        Endpoint(seen) as endpoint,
        here.processor(
            f"{endpoint.url}/base", kafka={"topics": [big]}, delivery=delivery, dead_letter=letters
        ) as processor,
    ):
        await processor.until("deliveries_total", "delivered", at_least=GOOD + len(sent))
        await processor.until("deliveries_total", "dead_lettered", at_least=len(POISON) - len(sent))
        assert await processor.terminate() == 0
        assert len(endpoint.requests) == GOOD + len(sent)
        assert all(is_harmless(arrival) for arrival in endpoint.requests)
        good = [arrival.body for arrival in endpoint.requests if b'"good"' in arrival.body]
        assert sorted(good) == sorted(event(good=n) for n in range(GOOD))
    found = await asyncio.to_thread(apache_kafka.read_all, here.dead_letters)
    told = {(letter.key(), code_of(letter)) for letter in found}
    assert told == {(name.encode(), code) for name, (_, code) in POISON.items() if code}
    assert len(found) == len(told)
    assert {offset for offset, _ in apache_kafka.committed(here.group, big).values()} == {GOOD + len(POISON)}


def seen(_: Arrival) -> Reply:
    """Everything is welcome."""
    return Reply()


def is_harmless(arrival: Arrival) -> bool:
    """Whether a request went where it should, with nothing slipped in."""
    names = {name.lower() for name, _ in arrival.headers}
    hosts = [value for name, value in arrival.headers if name.lower() == "host"]
    return (
        arrival.target.startswith("/base")
        and "x-evil" not in names
        and "transfer-encoding" not in names
        and all(host.startswith("127.0.0.1:") for host in hosts)
    )


def produce(broker: Broker, topic: str) -> None:
    """The poison, and good events among it."""
    producer = Producer({**broker.settings, "message.max.bytes": 16 * MEGABYTE, "log_level": 0})
    kinds = list(POISON.items())
    for n in range(max(GOOD, len(kinds))):
        if n < GOOD:
            producer.produce(topic, event(good=n), f"good-{n % 10}".encode())
        if n < len(kinds):
            name, (value, _) = kinds[n]
            producer.produce(topic, value, name.encode())
    assert producer.flush(30) == 0

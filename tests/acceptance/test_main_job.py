"""The command against a real Apache Kafka: what it is for, in the ordinary course of things."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import confluent_kafka
import pytest

from tests.acceptance.conftest import Stage
from tests.support.endpoint import Arrival, Endpoint, Reply
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.kafka

TESTS = Path(__file__).parents[1]
CASES: list[dict[str, Any]] = json.loads((TESTS / "vectors" / "requests.json").read_text())
EVENTS = 10_000

Build = Callable[..., Stage]


def cases_of(method: str) -> list[dict[str, Any]]:
    """The conformance cases whose configuration is only `https://h.example/base` and the method."""
    return [case for case in CASES if case["config"] == {"url": "https://h.example/base", "method": method}]


def wire_form(arrival: Arrival) -> str:
    """A request as the conformance cases write it, without its id and what belongs to the connection."""
    target = urlsplit(arrival.target)
    return json.dumps(
        {
            "method": arrival.method,
            "path": target.path,
            "query": sorted(parse_qsl(target.query, keep_blank_values=True)),
            "headers": {
                name.lower(): value
                for name, value in arrival.headers
                if name.lower() not in ("host", "content-length", "accept-encoding", "accept", "webhook-id")
            },
            "body": json.loads(arrival.body) if arrival.body else None,
        },
        sort_keys=True,
    )


def expected_form(expect: dict[str, Any]) -> str:
    """The same of a case's expectation."""
    url = expect["url"].removeprefix("https://h.example")
    parts = {key: expect[key] for key in ("method", "headers", "body")}
    query = sorted((name, value) for name, value in expect["query"])
    return json.dumps({**parts, "path": url, "query": query}, sort_keys=True)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_ten_thousand_events_arrive_exactly_as_the_conformance_cases_say(
    stage: Build, method: str
) -> None:
    cases = cases_of(method)
    assert len(cases) > 10
    chosen = [cases[n % len(cases)] for n in range(EVENTS)]
    expected = [case["expect"] for case in chosen]
    requests = Counter(expected_form(expect) for expect in expected if "error" not in expect)
    refused = Counter(expect["error"] for expect in expected if "error" in expect)
    here = stage(partitions=8)
    here.produce(
        (str(n % 500).encode(), json.dumps(case["event"]).encode(), ()) for n, case in enumerate(chosen)
    )
    async with Endpoint() as endpoint:
        async with here.processor(f"{endpoint.url}/base", destination={"method": method}) as processor:
            await endpoint.received(requests.total())
            await processor.until("deliveries_total", "dead_lettered", at_least=refused.total())
            assert await processor.terminate() == 0
        assert Counter(map(wire_form, endpoint.requests)) == requests
        assert len({arrival.header("webhook-id") for arrival in endpoint.requests}) == requests.total()
    letters = here.broker.read_all(here.dead_letters)
    assert Counter(header(letter, "__webhook_processor.error.code") for letter in letters) == refused
    assert here.committed() == EVENTS


def header(letter: Any, name: str) -> str | None:
    """A header of a dead letter as text."""
    value = dict(headers_of(letter)).get(name)
    return None if value is None else value.decode()


def headers_of(letter: Any) -> list[tuple[str, bytes]]:
    """All headers of a dead letter."""
    return list(letter.headers() or ())


async def test_events_of_a_key_arrive_in_order_with_64_in_flight_on_one_partition(stage: Build) -> None:
    chance, tries = random.Random(1), Counter[str]()
    running: set[str] = set()
    accepted: dict[str, list[int]] = {}

    async def script(arrival: Arrival) -> Reply:
        event = json.loads(arrival.body)
        key, n = event["userId"], event["n"]
        assert key not in running
        running.add(key)
        tries[f"{key}/{n}"] += 1
        failing = n % 25 == 3 and tries[f"{key}/{n}"] == 1
        if not failing:
            accepted.setdefault(key, []).append(n)
        return await later(
            Reply(503 if failing else 200), chance.random() * 0.02, lambda: running.discard(key)
        )

    here = stage(partitions=1)
    here.produce(
        (str(n % 100).encode(), json.dumps({"userId": str(n % 100), "n": n}).encode(), ())
        for n in range(3000)
    )
    async with Endpoint(script) as endpoint, here.processor(endpoint.url) as processor:
        await processor.until("deliveries_total", "delivered", at_least=3000)
        assert await processor.terminate() == 0
        assert 32 < endpoint.most_in_flight <= 64
    assert all(numbers == sorted(numbers) for numbers in accepted.values())
    assert sorted(n for numbers in accepted.values() for n in numbers) == list(range(3000))
    assert here.committed() == 3000


async def later(reply: Reply, seconds: float, then: Callable[[], None]) -> Reply:
    """`reply` after a while, and `then` before it."""
    await asyncio.sleep(seconds)
    then()
    return reply


async def test_a_refused_event_becomes_a_dead_letter_with_everything_written_down(stage: Build) -> None:
    def script(_: Arrival) -> Reply:
        return Reply(400, body=b'{"error":"no such user, token abc-secret"}')

    here = stage()
    value = json.dumps({"type": "track", "appendPath": "?token=in-the-query"}).encode()
    here.produce([(b"k", value, [("trace", b"1"), ("trace", b"2")])])
    async with Endpoint(script) as endpoint:
        url = f"{endpoint.url}/hook"
        destination = {"name": "crm", "headers": {"X-Api-Key": "abc-secret"}}
        async with here.processor(url, destination=destination) as processor:
            await processor.until("dead_letters_total", "refused", at_least=1)
            log = processor.log()
            assert await processor.terminate() == 0
    (letter,) = here.broker.read_all(here.dead_letters)
    assert (letter.key(), letter.value()) == (b"k", value)
    headers = [(name, value.decode()) for name, value in headers_of(letter)]
    names = [name for name, _ in headers]
    assert names[:2] == ["trace", "trace"]
    assert len(names[2:]) == len(set(names[2:]))
    ours = dict(headers)
    first, last = ours.pop("__webhook_processor.first_attempt"), ours.pop("__webhook_processor.last_attempt")
    assert first == last
    assert ours.pop("__webhook_processor.timestamp") <= first
    (arrival,) = endpoint.requests
    assert ours.pop("__webhook_processor.id") == arrival.header("webhook-id")
    assert ours == {
        "trace": "2",
        "__connect.errors.topic": here.topic,
        "__connect.errors.partition": "0",
        "__connect.errors.offset": "0",
        "__connect.errors.connector.name": here.group,
        "__connect.errors.task.id": "0",
        "__connect.errors.stage": "TASK_PUT",
        "__connect.errors.class.name": "webhook_processor.Delivery",
        "__connect.errors.exception.class.name": "webhook_processor.Response",
        "__connect.errors.exception.message": "refused: the endpoint answered 400",
        "__connect.errors.exception.stacktrace": "",
        "__webhook_processor.error.code": "refused",
        "__webhook_processor.status": "400",
        "__webhook_processor.response.body": '{"error":"no such user, token ***"}',
        "__webhook_processor.attempts": "1",
        "__webhook_processor.method": "POST",
        "__webhook_processor.url": url,
        "__webhook_processor.destination": "crm",
        "__webhook_processor.version": "0.1.0",
    }
    assert "abc-secret" not in json.dumps(log)
    assert "in-the-query" not in json.dumps(log)
    assert here.committed() == 1


async def test_an_event_answered_503_and_then_200_is_delivered_once_and_is_no_dead_letter(
    stage: Build,
) -> None:
    answers = iter([503, 503, 200])
    here = stage()
    here.produce([(None, b'{"n":1}', ())])
    async with (
        Endpoint(lambda _: Reply(next(answers))) as endpoint,
        here.processor(endpoint.url) as processor,
    ):
        await processor.until("deliveries_total", "delivered", at_least=1)
        metrics = await processor.metrics()
        assert await processor.terminate() == 0
        assert len(endpoint.requests) == 3
    assert metrics["attempts_total", "5xx", "503"] == 2
    assert metrics["retries_total",] == 2
    assert here.broker.read_all(here.dead_letters) == []
    assert here.committed() == 1


async def test_poison_is_dead_lettered_or_skipped_and_stops_nobody(stage: Build) -> None:
    poison: list[bytes | None] = [
        None,
        b"",
        b"not json",
        b"\xff\xfe",
        b'{"a":NaN}',
        b'{"a":' + b"[" * 100_000,
        b'{"header":{"X":"a\\r\\nb: c"}}',
        b'{"appendPath":"/../admin"}',
    ]
    here = stage()
    good = [b'{"good":1}', b"[1]"]
    here.produce([(b"k", value, ()) for value in (*poison, *good)])
    async with Endpoint() as endpoint, here.processor(f"{endpoint.url}/base") as processor:
        await endpoint.received(2)
        await processor.until("deliveries_total", "delivered", at_least=2)
        assert await processor.terminate() == 0
        assert [arrival.body for arrival in endpoint.requests] == good
    codes = [
        header(letter, "__webhook_processor.error.code") for letter in here.broker.read_all(here.dead_letters)
    ]
    assert codes == ["invalid_event"] * 5 + ["invalid_header", "endpoint_not_allowed"]
    assert here.committed() == len(poison) + len(good)


async def test_a_dead_letter_topic_that_is_missing_holds_the_event_until_it_appears(stage: Build) -> None:
    here = stage(with_dead_letters=False)
    here.produce([(b"bad", b"not json", ()), (b"bad", b'{"n":1}', ()), (b"good", b'{"n":2}', ())])
    async with (
        Endpoint() as endpoint,
        here.processor(
            endpoint.url, dead_letter={"topic": here.dead_letters, "write_timeout": 1}
        ) as processor,
    ):
        await processor.until("dead_letter_write_failures_total", "unknown_topic", at_least=2)
        assert [arrival.body for arrival in endpoint.requests] == [b'{"n":2}']
        assert here.committed() == 0
        status, page = await processor.page("/readyz")
        assert (status, json.loads(page)["checks"]["dead_letters"]) == (503, "1 cannot be written")
        assert (await processor.metrics())["paused_partitions", "dead_letter"] == 1
        here.broker.create_topic(here.dead_letters)
        await endpoint.received(2)
        await processor.until("deliveries_total", "delivered", at_least=2)
        assert (await processor.page("/readyz"))[0] == 200
        assert await processor.terminate() == 0
    assert [letter.value() for letter in here.broker.read_all(here.dead_letters)] == [b"not json"]
    assert here.committed() == 3


async def test_the_pages_tell_an_operator_how_it_stands_while_the_endpoint_is_down(stage: Build) -> None:
    here = stage()
    here.produce([(None, b'{"n":1}', ())])
    async with Endpoint(lambda _: Reply(503)) as endpoint, here.processor(endpoint.url) as processor:
        await endpoint.received(2)
        assert (await processor.page("/livez"))[0] == 200
        assert (await processor.page("/readyz"))[0] == 200
        await processor.until("lag_records", "0", here.topic, at_least=1)
        endpoint.script = lambda _: Reply(200)
        await processor.until("deliveries_total", "delivered", at_least=1)
        assert await processor.terminate() == 0


def numbered(count: int, keys: int) -> Iterator[tuple[bytes, bytes, tuple[()]]]:
    """Events with their numbers, so many keys in turn."""
    return ((str(n % keys).encode(), json.dumps({"n": n}).encode(), ()) for n in range(count))


async def test_offsets_that_transactions_leave_empty_are_passed(stage: Build) -> None:
    here = stage()
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": here.broker.bootstrap_servers, "transactional.id": here.group}
    )
    producer.init_transactions(30)
    for n in range(6):
        producer.begin_transaction()
        producer.produce(here.topic, json.dumps({"n": n}))
        producer.flush(30)
        if n % 2:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    async with Endpoint() as endpoint, here.processor(endpoint.url) as processor:
        await processor.until("deliveries_total", "delivered", at_least=3)
        async with asyncio.timeout(PATIENCE):
            while here.committed() < 12:
                await asyncio.sleep(0.1)
        assert await processor.terminate() == 0
        assert [json.loads(arrival.body)["n"] for arrival in endpoint.requests] == [0, 2, 4]


@pytest.mark.parametrize(
    "kafka",
    [
        pytest.param({"group_protocol": "consumer", "session_timeout": 45}, marks=pytest.mark.since("4.0")),
        {"group_instance_id": "pod-0"},
        {"topics": ["^events-.*"]},
    ],
    ids=["KIP-848", "static membership", "regular expression"],
)
async def test_the_ways_to_join_a_group_all_deliver_and_commit(stage: Build, kafka: dict[str, Any]) -> None:
    here = stage(partitions=2)
    if "topics" in kafka:
        kafka = {"topics": [f"^{here.topic[:20]}.*[^q]$"]}
    here.produce(numbered(200, 20))
    async with Endpoint() as endpoint, here.processor(endpoint.url, kafka=kafka) as processor:
        await processor.until("deliveries_total", "delivered", at_least=200)
        assert await processor.terminate() == 0
        assert len(endpoint.requests) == 200
    assert here.committed() == 200


@pytest.mark.parametrize(
    "mechanism", ["PLAIN", pytest.param("SCRAM-SHA-512", marks=pytest.mark.since("3.5"))]
)
async def test_a_broker_that_wants_tls_and_a_login_is_served(
    request: pytest.FixtureRequest, tmp_path: Path, mechanism: str
) -> None:
    broker = request.getfixturevalue("secure_kafka")
    here = Stage(broker, tmp_path, 1)
    broker.create_topic(here.dead_letters)
    here.produce([(None, b'{"n":1}', ()), (None, b"poison", ())])
    (tmp_path / "password").write_text(broker.password)
    kafka = {
        "security_protocol": "sasl_ssl",
        "ssl_ca_file": str(broker.ca_file),
        "sasl_mechanism": mechanism,
        "sasl_username": broker.username,
        "sasl_password": broker.password,
    }
    async with Endpoint() as endpoint, here.processor(endpoint.url, kafka=kafka) as processor:
        await processor.until("deliveries_total", "delivered", at_least=1)
        await processor.until("dead_letters_total", "invalid_event", at_least=1)
        assert broker.password not in json.dumps(processor.log())
        assert await processor.terminate() == 0
    assert here.committed() == 2


async def test_reading_pauses_while_much_waits_and_then_goes_on_without_a_gap(stage: Build) -> None:
    opened = asyncio.Event()

    async def script(_: Arrival) -> Reply:
        await opened.wait()
        return Reply()

    here, limit, batch = stage(partitions=2), 200, 500
    here.produce(numbered(8000, 50))
    async with Endpoint(script) as endpoint:
        delivery = {"max_waiting_records": limit, "max_in_flight": 32}
        async with here.processor(endpoint.url, delivery=delivery) as processor:
            await processor.until("paused_partitions", "records", at_least=2)
            most = (await processor.metrics())["waiting_records",]
            await asyncio.sleep(3)
            assert (await processor.metrics())["waiting_records",] <= most < 2 * limit + 4 * batch
            opened.set()
            await processor.until("deliveries_total", "delivered", at_least=8000)
            assert await processor.terminate() == 0
        assert Counter(json.loads(arrival.body)["n"] for arrival in endpoint.requests) == Counter(range(8000))
    assert here.committed() == 8000

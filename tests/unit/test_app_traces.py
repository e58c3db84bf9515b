"""Traces of the whole process: spans at a collector, their ids at the endpoint, and collectors that hang."""

import asyncio
import json
from collections.abc import Iterator

import confluent_kafka
import pytest

from processor.app import App
from processor.kafka.embedded import EmbeddedBroker
from tests.support.collector import Collector, needs_opentelemetry
from tests.support.endpoint import Arrival, Endpoint, RawServer, Reply, silent
from tests.support.patience import PATIENCE
from tests.unit.telemetry.tracing.test_otel import CLIENT, CONSUMER, ERROR
from tests.unit.test_app import settings

pytestmark = pytest.mark.slow

SECRET = "hunter2-correct-horse"
TRACES = [f"{number:032x}" for number in range(1, 21)]


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    needs_opentelemetry()
    with EmbeddedBroker() as broker:
        for topic in ("events", "events.dlq"):
            broker.create_topic(topic)
        producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
        for number, trace in enumerate(TRACES):
            parent = f"00-{trace}-{1:016x}-01"
            producer.produce("events", json.dumps({"n": number}), headers=[("traceparent", parent)])
        assert producer.flush(PATIENCE) == 0
        yield broker


def picky(arrival: Arrival) -> Reply:
    """Refuses the event 3, and says what it was sent."""
    if json.loads(arrival.body)["n"] == 3:
        return Reply(400, body=str(arrival.header("Authorization")).encode())
    return Reply()


async def delivered(
    broker: EmbeddedBroker, collector: str, endpoint: Endpoint, patch: pytest.MonkeyPatch
) -> None:
    """Run until all are answered, and to the end."""
    patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
    more = {
        "TRACING__EXPORTER": "otlp_http",
        "DESTINATION__HEADERS": json.dumps({"Authorization": f"Bearer {SECRET}"}),
    }
    url = f"{endpoint.url}/hook?token={SECRET}"
    app, stop = App(settings(broker, url, **more)), asyncio.get_running_loop().create_future()
    running = asyncio.create_task(app.run(stop))
    await endpoint.received(len(TRACES))
    stop.set_result(None)
    await running


async def test_each_record_is_one_trace_from_its_producer_to_the_endpoint(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Collector() as collector, Endpoint(picky) as endpoint:
        await delivered(broker, collector.url, endpoint, monkeypatch)
        spans = collector.spans
        sent = b"".join(arrival.body for arrival in collector.requests)
    processes = {span["trace"]: span for span in spans if span["kind"] == CONSUMER}
    attempts = {span["span"]: span for span in spans if span["kind"] == CLIENT}
    assert sorted(processes) == TRACES
    assert {span["parent"] for span in processes.values()} == {f"{1:016x}"}
    for arrival in endpoint.requests:
        _, trace, span, flags = (arrival.header("traceparent") or "").split("-")
        assert flags == "01"
        assert attempts[span]["trace"] == trace
        assert attempts[span]["parent"] == processes[trace]["span"]
    failed = [span for span in spans if span["status"] == ERROR]
    assert sorted(span["attributes"]["error.type"] for span in failed) == ["400", "refused"]
    assert SECRET.encode() not in sent


async def test_a_collector_that_hangs_stops_no_delivery_and_not_the_end(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawServer(silent) as collector, Endpoint() as endpoint:
        await delivered(broker, collector.url, endpoint, monkeypatch)
    assert len(endpoint.requests) == len(TRACES)

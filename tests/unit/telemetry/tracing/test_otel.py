"""OpenTelemetry's spans as a collector gets them, and collectors that do not want them."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from processor.core.redaction import Secrets
from processor.core.request.tracing.sampling import SamplingPolicy
from processor.model import Request
from processor.telemetry.facts import Facts, Tried
from processor.telemetry.tracing.rooms import Tracing
from processor.telemetry.tracing.traces import TracesPolicy
from tests.support.builders import record, response
from tests.support.collector import Collector, needs_opentelemetry
from tests.support.endpoint import HOST, unused_port

pytestmark = pytest.mark.slow

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = (("traceparent", f"00-{TRACE}-{SPAN}-01".encode()), ("tracestate", b"a=b"))
REQUEST = Request("POST", "https://h.example/hook", (), b"{}")
CONSUMER, CLIENT, ERROR = 5, 3, 2


@pytest.fixture(autouse=True)
def installed() -> None:
    """Nothing here can be tested without it."""
    needs_opentelemetry()


class Heard(Facts):
    """What is told of spans."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, str]] = []

    def traced(self, result: str, count: int, why: str) -> None:
        self.told.append((result, count, why))


@asynccontextmanager
async def traced(
    url: str, monkeypatch: pytest.MonkeyPatch, heard: Facts, **more: Any
) -> AsyncIterator[Tracing]:
    """Tracing that sends to that URL; behind it is closed."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    policy = TracesPolicy(SamplingPolicy(), "group", Secrets(), **more)
    tracing = Tracing(policy, lambda: 1_700_000_000.5, lambda: 0.5)
    await tracing.open(heard, pytest.fail)
    try:
        yield tracing
    finally:
        await tracing.close()


async def test_a_collector_gets_the_spans_of_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    heard, one = Heard(), record(7, headers=HEADERS)
    async with Collector() as collector:
        async with traced(collector.url, monkeypatch, heard) as tracing:
            first = dict(tracing.traces.made(REQUEST, one, 1_700_000_000.0, 1))
            tracing.traces.failed(Tried(one, REQUEST, 1, 0.0), response(503))
            second = dict(tracing.traces.made(REQUEST, one, 1_700_000_000.25, 2))
            tracing.traces.delivered(one, REQUEST, 2, 0.0, response(200), 0.0)
        spans = {each["span"]: each for each in collector.spans}
    assert heard.told == [("exported", 3, "")]
    (process,) = (each for each in spans.values() if each["kind"] == CONSUMER)
    attempts = [spans[headers["traceparent"].split("-")[2]] for headers in (first, second)]
    assert {headers["tracestate"] for headers in (first, second)} == {"a=b"}
    assert {each["trace"] for each in spans.values()} == {TRACE}
    assert (process["name"], process["parent"], process["links"]) == ("process events", SPAN, [(TRACE, SPAN)])
    assert (process["begun"], process["ended"]) == (1_700_000_000_000_000_000, 1_700_000_000_500_000_000)
    assert process["attributes"]["messaging.kafka.offset"] == 7
    assert process["status"] == 0
    assert {each["parent"] for each in attempts} == {process["span"]}
    assert [each["name"] for each in attempts] == ["POST", "POST"]
    assert [each["kind"] for each in attempts] == [CLIENT, CLIENT]
    assert [each["status"] for each in attempts] == [ERROR, 0]
    assert [each["attributes"]["http.response.status_code"] for each in attempts] == [503, 200]
    assert attempts[0]["attributes"]["error.type"] == "503"
    assert process["resource"]["service.name"] == "kafka-webhook-processor"
    assert process["resource"]["deployment.environment.name"] == "test"


async def test_the_name_of_the_service_may_be_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "webhooks-crm")
    async with Collector() as collector:
        async with traced(collector.url, monkeypatch, Facts()) as tracing:
            tracing.traces.made(REQUEST, record(headers=HEADERS), 1.0, 1)
        assert {span["resource"]["service.name"] for span in collector.spans} == {"webhooks-crm"}


async def test_a_trace_of_our_own_links_to_that_of_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Collector() as collector:
        async with traced(collector.url, monkeypatch, Facts(), is_parent=False) as tracing:
            made = dict(tracing.traces.made(REQUEST, record(headers=HEADERS), 1.0, 1))
        process = next(span for span in collector.spans if span["kind"] == CONSUMER)
    assert process["parent"] == ""
    assert process["trace"] != TRACE
    assert process["links"] == [(TRACE, SPAN)]
    assert made["traceparent"].split("-")[1] == process["trace"]
    assert "tracestate" not in made


async def test_a_collector_that_refuses_is_counted_with_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    async with Collector(403) as collector, traced(collector.url, monkeypatch, heard) as tracing:
        tracing.traces.made(REQUEST, record(headers=HEADERS), 1.0, 1)
    assert [(result, count) for result, count, _ in heard.told] == [("failed", 2)]
    assert "403" in heard.told[0][2]


async def test_a_collector_that_is_not_there_is_counted_and_said_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    async with traced(f"http://{HOST}:{unused_port()}", monkeypatch, heard) as tracing:
        tracing.traces.made(REQUEST, record(headers=HEADERS), 1.0, 1)
    assert [result for result, _, _ in heard.told] == ["failed"]
    assert heard.told[0][2]
    assert caplog.records == []
    assert logging.getLogger("opentelemetry").propagate


async def test_of_the_url_that_an_error_quotes_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    async with traced("ftp://hunter2@h.example/hunter3", monkeypatch, heard) as tracing:
        tracing.traces.made(REQUEST, record(headers=HEADERS), 1.0, 1)
    ((_, _, why),) = heard.told
    assert why.endswith("No connection adapters were found for '…'")


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{HOST}:{unused_port()}")
    heard = Heard()
    async with Collector() as collector, traced(collector.url, monkeypatch, heard) as tracing:
        tracing.traces.made(REQUEST, record(headers=HEADERS), 1.0, 1)
    assert [result for result, _, _ in heard.told] == ["exported"]


async def test_the_sdk_may_be_switched_off_by_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    heard = Heard()
    async with Collector() as collector, traced(collector.url, monkeypatch, heard) as tracing:
        made = tracing.traces.made(REQUEST, record(headers=HEADERS), 1.0, 1)
    assert dict(made) == {name: value.decode() for name, value in HEADERS}
    assert heard.told == []


async def test_nothing_of_it_is_loaded_unless_somebody_asks() -> None:
    script = (
        "import sys\n"
        "import processor.app, processor.cli.commands, processor.cli.previewing\n"
        "assert not [name for name in sys.modules if name.startswith(('opentelemetry', 'requests'))]\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    assert await process.wait() == 0

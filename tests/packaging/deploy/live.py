"""Two destinations of the real command under a real Prometheus, with everything that can go wrong for them.

`crm` runs with two workers, `erp` as one process. Both get the same events and the same trouble, one
after the other, each until it is seen in the metrics or an alert fires; at the end `erp` is killed.
Values are framed by a schema registry, tokens fetched, a certificate shown and traces exported, so that the
metrics of these are there too.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
import trustme

from processor.kafka.embedded import EmbeddedBroker
from tests.acceptance.processor import Processor
from tests.packaging.deploy.prometheus import Prometheus, hastened
from tests.packaging.deploy.scene import ALERTS, need
from tests.support.endpoint import Arrival, Endpoint, Reply
from tests.support.oauth import TokenEndpoint
from tests.support.patience import PATIENCE
from tests.support.registry import FakeRegistry

TOPICS = {"crm": "events", "erp": "orders"}
DEAD_LETTERS = "refused"
PARTITIONS = 4
FRAME = b"\0\0\0\0\1"
"""Of the registry's first schema, before a value."""
PRODUCE, NOT_AUTHORIZED = 0, 29
"""Numbers of Kafka's protocol: a kind of request, and an error."""


class Trouble:
    """What the endpoint does to all events; None: what each of them asks for. It waits for `answers`."""

    def __init__(self) -> None:
        self.all: Reply | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def __call__(self, arrival: Arrival) -> Reply:
        """The endpoint's script."""
        if arrival.target.startswith("/traces"):
            return Reply(200)
        await self.answers.wait()
        if self.all is not None:
            return self.all
        wants = json.loads(arrival.body)
        return Reply(wants.get("status", 200), delay=wants.get("delay", 0))


class Live:
    """The whole of it; `since`: when it began, by the wall clock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.since = time.time()
        self._trouble = Trouble()

    @contextmanager
    def played(self) -> Iterator[Prometheus]:
        """Play it; what was seen can be asked for until the end."""
        need("prometheus")
        with EmbeddedBroker() as self._broker:
            for topic in TOPICS.values():
                self._broker.create_topic(topic, PARTITIONS)
            self._broker.create_topic(DEAD_LETTERS)
            self._producer = confluent_kafka.Producer(
                {"bootstrap.servers": self._broker.bootstrap_servers, "linger.ms": 0, "log_level": 0}
            )
            prometheus: list[Prometheus] = []
            try:
                asyncio.run(self._play(prometheus))
                yield prometheus[0]
            finally:
                for each in prometheus:
                    each.__exit__(None, None, None)

    async def _play(self, prometheus: list[Prometheus]) -> None:
        async with AsyncExitStack() as rooms:
            endpoint = await rooms.enter_async_context(Endpoint(self._trouble))
            schema = {"schemaType": "JSON", "schema": '{"type": "object"}'}
            registry = await rooms.enter_async_context(FakeRegistry({"1": schema}))
            tokens = await rooms.enter_async_context(TokenEndpoint())
            environment = rooms.enter_context(pytest.MonkeyPatch.context())
            environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.url + "/traces")
            destination = {"url": endpoint.url, "tls": self._pair(), "auth": self._client(tokens)}
            crm, erp = [
                await rooms.enter_async_context(self._processor(name, destination, registry.url, *arguments))
                for name, arguments in (("crm", ("--workers", "2")), ("erp", ()))
            ]
            self._feeds = asyncio.Event()
            self._feeds.set()
            feeding = asyncio.create_task(self._feed())
            rooms.callback(feeding.cancel)
            targets = [(each.admin.removeprefix("http://"), {"namespace": "shop"}) for each in (crm, erp)]
            seen = Prometheus(self._folder, targets, hastened(ALERTS.read_text(encoding="utf-8")))
            prometheus.append(await asyncio.to_thread(seen.__enter__))
            await self._go_wrong(seen, erp)

    def _pair(self) -> dict[str, str]:
        """Our certificate, which nobody asks for."""
        pair, certificate, key = (
            trustme.CA().issue_cert("us"),
            self._folder / "us.pem",
            self._folder / "us.key",
        )
        certificate.write_bytes(pair.cert_chain_pems[0].bytes())
        key.write_bytes(pair.private_key_pem.bytes())
        return {"certificate_file": str(certificate), "key_file": str(key)}

    def _client(self, tokens: TokenEndpoint) -> dict[str, str]:
        ((name, secret),) = tokens.clients.items()
        said = {"type": "oauth2", "token_url": tokens.url}
        return {**said, "client_id": name, "client_secret": secret}

    def _processor(self, name: str, destination: dict[str, Any], registry: str, *arguments: str) -> Processor:
        folder = self._folder / name
        folder.mkdir()
        settings: dict[str, Any] = {
            "kafka": {
                "bootstrap_servers": self._broker.bootstrap_servers,
                "group_id": name,
                "topics": [TOPICS[name]],
                "session_timeout": 6,
            },
            "dead_letter": {"topic": DEAD_LETTERS, "budget": 5, "write_timeout": 1},
            "record": {"value": "registry"},
            "schema_registry": {"url": registry},
            "destination": {**destination, "name": name, "request_timeout": 1},
            "tracing": {"exporter": "otlp_http", "sampling": 1.0, "max_per_second": 5},
            "retry": {"initial_backoff": 0.1, "max_backoff": 0.5, "max_attempts": 4},
            "circuit": {"first_probe": 0.2, "max_probe_interval": 0.5},
            "admin": {"host": "127.0.0.1", "port": 0},
        }
        return Processor(folder, settings, arguments)

    # What happens

    async def _feed(self) -> None:
        """Good events, all the time."""
        while True:
            await self._feeds.wait()
            for partition in range(PARTITIONS):
                self._produce(json.dumps({"type": "track"}), partition)
            await asyncio.sleep(0.05)

    def _produce(self, value: str | None, partition: int = 0) -> None:
        framed = None if value is None else FRAME + value.encode()
        for topic in TOPICS.values():
            self._producer.produce(topic, framed, partition=partition)
        self._producer.poll(0)

    async def _go_wrong(self, seen: Prometheus, erp: Processor) -> None:
        for value in (None, "no JSON", '{"status": 400}', '{"status": 503}', '{"delay": 3}'):
            self._produce(value)
        await self._until(seen, "webhook_processor_dead_letters_total", "retries_exhausted")
        self._trouble.all = Reply(503, headers=(("Retry-After", "1"),))
        await self._fires(seen, "EndpointDown")
        self._trouble.all = Reply(403)
        await self._until(seen, "webhook_processor_dead_letters_withheld_total", "refused")
        self._trouble.all = None
        await self._ends(seen, "EndpointDown")
        self._broker.broker_down()
        await self._until(seen, "webhook_processor_source_errors_total", "")
        await self._fires(seen, "NoMember")
        self._broker.broker_up()
        await self._ends(seen, "NoMember")
        await self._keep_letters_out(seen)
        await self._ends(seen, "Down")
        await erp.kill()
        await self._waits(lambda: ("WebhookProcessorDown", "erp") in seen.firing(), "erp is seen to be gone")

    async def _keep_letters_out(self, seen: Prometheus) -> None:
        """From here on the broker refuses what is written, and only dead letters are.

        No answer comes before it refuses: a letter that is written at once would never be missed.
        """
        self._feeds.clear()
        self._trouble.answers.clear()
        self._produce('{"status": 400}')
        assert self._producer.flush(10) == 0
        refusing = asyncio.create_task(self._refuse())
        await asyncio.sleep(0)
        self._trouble.answers.set()
        await self._fires(seen, "DeadLetterWriteFailing")
        refusing.cancel()

    async def _refuse(self) -> None:
        while True:
            self._broker.push_errors(PRODUCE, [NOT_AUTHORIZED] * 100)
            await asyncio.sleep(0.1)

    async def _until(self, seen: Prometheus, metric: str, label: str) -> None:
        query = f"count by (destination) ({metric}{{reason=~'{label}.*'}} > 0)"
        await self._waits(lambda: len(seen.ask("query", query=query)["result"]) == len(TOPICS), query)

    async def _fires(self, seen: Prometheus, name: str) -> None:
        both = {(f"WebhookProcessor{name}", destination) for destination in TOPICS}
        await self._waits(lambda: both <= seen.firing(), f"{name} fires")

    async def _ends(self, seen: Prometheus, name: str) -> None:
        await self._waits(
            lambda: f"WebhookProcessor{name}" not in {each for each, _ in seen.firing()}, f"{name} ends"
        )

    async def _waits(self, is_so: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not await asyncio.to_thread(is_so):
            assert time.monotonic() < deadline, f"not in time: {what}"
            await asyncio.sleep(0.2)

"""The whole process while what proves who we are changes: nothing is lost, and nothing is a dead letter."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import confluent_kafka
import pytest

from processor.app import App
from processor.kafka.embedded import EmbeddedBroker
from tests.support.endpoint import Arrival, Endpoint, Reply
from tests.support.oauth import TokenEndpoint, guarded
from tests.support.patience import PATIENCE
from tests.unit.test_app import settings

pytestmark = pytest.mark.slow
EVENTS = 300


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        for topic in ("events", "events.dlq"):
            broker.create_topic(topic)
        producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
        for n in range(EVENTS):
            producer.produce("events", json.dumps({"n": n}))
        assert producer.flush(PATIENCE) == 0
        yield broker


async def delivered(
    broker: EmbeddedBroker, endpoint: Endpoint, said: dict[str, str], turn: Callable[[int, App], None]
) -> App:
    """Run until all events were taken; `turn` is called again and again with how many were so far."""
    more = {"DELIVERY__RATE_LIMIT": "200", "CIRCUIT__FIRST_PROBE": "0.1", **said}
    app, stop = App(settings(broker, endpoint.url, **more)), asyncio.get_running_loop().create_future()
    running = asyncio.create_task(app.run(stop))
    async with asyncio.timeout(3 * PATIENCE):
        while not running.done() and (count := app._admission.delivered()) < EVENTS:
            turn(count, app)
            await asyncio.sleep(0.01)
    stop.set_result(None)
    await running
    return app


def count(app: App, name: str, **labels: str) -> float:
    """A metric of the process."""
    found = app._metrics.registry.get_sample_value(
        f"webhook_processor_{name}", {"destination": "webhook", **labels}
    )
    return found or 0.0


def taken(endpoint: Endpoint, accepted: list[Arrival]) -> None:
    """Each event was taken, and none is a dead letter."""
    assert {json.loads(each.body)["n"] for each in accepted} == set(range(EVENTS))
    assert len(endpoint.requests) >= EVENTS


async def test_a_token_in_a_file_that_changes_again_and_again_costs_no_event(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("token-0")
    current, accepted = 0, list[Arrival]()

    def take(arrival: Arrival) -> Reply:
        if arrival.header("Authorization") != f"Bearer token-{current}":
            return Reply(401)
        accepted.append(arrival)
        return Reply()

    def turn(delivered: int, _: App) -> None:
        nonlocal current
        if delivered // 50 > current:  # the old one is refused at once
            current = delivered // 50
            (tmp_path / "new").write_text(f"token-{current}")
            (tmp_path / "new").replace(file)

    async with Endpoint(take) as endpoint:
        said = {"DESTINATION__AUTH__TYPE": "bearer", "DESTINATION__AUTH__TOKEN_FILE": str(file)}
        app = await delivered(broker, endpoint, said, turn)
        taken(endpoint, accepted)
    assert count(app, "deliveries_total", outcome="dead_lettered") == 0
    assert count(app, "credential_refusals_total") > 0
    assert app._settings.secrets.strike("token-0 token-5") == "*** ***"


async def test_a_token_endpoint_that_is_away_and_a_token_that_is_revoked_cost_no_event(
    broker: EmbeddedBroker,
) -> None:
    accepted, step = list[Arrival](), 0
    async with TokenEndpoint() as issuer:
        issuer.oddities = {"expires_in": "3600.0"}
        issuer.fault = Reply(503)
        accepts = guarded(issuer.accepts)

        def take(arrival: Arrival) -> Reply:
            reply = accepts(arrival)
            assert isinstance(reply, Reply)
            if reply.status == 200:
                accepted.append(arrival)
            return reply

        def turn(delivered: int, app: App) -> None:
            nonlocal step
            if step == 0 and len(issuer.requests) >= 3:
                assert app.status.readiness().checks["credentials"] == "none is granted: status 503"
                step, issuer.fault = 1, None
            elif step == 1 and delivered >= EVENTS // 2:
                step = 2
                issuer.revoke()

        async with Endpoint(take) as endpoint:
            said = {
                "DESTINATION__AUTH__TYPE": "oauth2",
                "DESTINATION__AUTH__TOKEN_URL": issuer.url,
                "DESTINATION__AUTH__CLIENT_ID": "crm webhook:eu",
                "DESTINATION__AUTH__CLIENT_SECRET": issuer.clients["crm webhook:eu"],
                "DESTINATION__REQUEST_TIMEOUT": "1",
            }
            app = await delivered(broker, endpoint, said, turn)
            taken(endpoint, accepted)
        assert count(app, "deliveries_total", outcome="dead_lettered") == 0
        assert count(app, "credential_fetches_total", outcome="granted") == 2
        assert count(app, "credential_fetches_total", outcome="refused") >= 3

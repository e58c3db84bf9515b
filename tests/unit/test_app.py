"""The rooms together: opened in order, closed in reverse, whatever fails."""

import asyncio
import json
import socket
from collections.abc import Iterator
from operator import attrgetter
from urllib.request import urlopen

import confluent_kafka
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from processor.app import App
from processor.config import loading
from processor.config.settings import Settings
from processor.errors import ConfigError, FatalError
from processor.kafka.checks.sample import sample
from processor.kafka.embedded import EmbeddedBroker
from processor.traffic.attempt import Run
from processor.traffic.preparation import Held
from tests.support.apache_kafka import Broker
from tests.support.builders import SECOND, record
from tests.support.endpoint import Arrival, Endpoint, Reply
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.slow


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        for topic in ("events", "events.dlq"):
            broker.create_topic(topic)
        yield broker


def settings(broker: EmbeddedBroker | Broker, url: str, **more: str) -> Settings:
    """Settings for a broker; more by the names of their variables."""
    said = {
        "KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "KAFKA__GROUP_ID": "group",
        "KAFKA__TOPICS": "events",
        "DEAD_LETTER__TOPIC": "events.dlq",
        "DESTINATION__URL": url,
        "ADMIN__HOST": "127.0.0.1",
        "ADMIN__PORT": "0",
        **more,
    }
    return loading.load(None, {f"WEBHOOK_PROCESSOR__{name}": value for name, value in said.items()})


async def test_it_delivers_until_it_is_stopped_and_its_pages_answer_meanwhile(broker: EmbeddedBroker) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
    for n in range(50):
        producer.produce("events", json.dumps({"n": n}))
    assert producer.flush(PATIENCE) == 0
    async with Endpoint() as endpoint:
        app, stop = App(settings(broker, endpoint.url)), asyncio.get_running_loop().create_future()
        running = asyncio.create_task(app.run(stop))
        await endpoint.received(50)
        for path in ("/livez", "/readyz", "/metrics"):
            answer = await asyncio.to_thread(
                urlopen, f"http://127.0.0.1:{app.admin_port}{path}", timeout=PATIENCE
            )
            assert answer.status == 200
            answer.close()
        held, unprepared = Run(record(partition=SECOND)), app.status.dispatch.unprepared
        unprepared.take(held, Held("the registry does not answer"))
        readiness = app.status.readiness()
        assert (readiness.ok, readiness.checks["preparation"]) == (
            False,
            "1 cannot be prepared: the registry does not answer",
        )
        held.let_go()
        unprepared.forget(held)
        assert app.status.readiness().ok
        stop.set_result(None)
        await running
    assert len(endpoint.requests) == 50


NEW, OLD = ("whsec_" + letter * 32 for letter in "AB")


def conflicting(arrival: Arrival) -> Reply:
    """An endpoint that is still busy with an earlier attempt, and then refuses the event."""
    if arrival.header("webhook-attempt") == "1":
        return Reply(409, (("Retry-After", "0"),)) if b"first" in arrival.body else Reply()
    return Reply(400)


async def test_an_event_keeps_its_id_through_everything_and_is_signed_by_the_secrets_of_the_moment(
    broker: EmbeddedBroker,
) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
    more = {
        "DESTINATION__SIGNATURE__SCHEME": "standard_webhooks",
        "DESTINATION__SIGNATURE__SECRETS": OLD,
        "DESTINATION__ATTEMPT_HEADER": "webhook-attempt",
        "DESTINATION__IDEMPOTENCY_KEY__FORMAT": "bare",
        "RETRY__INITIAL_BACKOFF": "0.01",
    }
    async with Endpoint(conflicting) as endpoint:
        said = settings(broker, endpoint.url, **more)
        app, stop = App(said), asyncio.get_running_loop().create_future()
        running = asyncio.create_task(app.run(stop))
        producer.produce("events", '{"n":"first"}')
        assert producer.flush(PATIENCE) == 0
        await endpoint.received(2)
        async with asyncio.timeout(PATIENCE):
            while not (letters := await asyncio.to_thread(sample, said.kafka, "events.dlq", 1, 0, 0.0)):
                await asyncio.sleep(0.05)
        (letter,) = letters
        assert said.signing_secrets is not None
        said.signing_secrets.replace([NEW, OLD])
        producer.produce("events", '{"n":"again"}', headers=list(letter.headers or ()))
        assert producer.flush(PATIENCE) == 0
        arrivals = await endpoint.received(3)
        stop.set_result(None)
        await running
    (sent_id,) = {arrival.header("webhook-id") for arrival in arrivals}
    assert sent_id is not None
    assert dict(letter.headers or ())["__webhook_processor.id"] == sent_id.encode()
    assert [arrival.header("webhook-attempt") for arrival in arrivals] == ["1", "2", "1"]
    assert {arrival.header("idempotency-key") for arrival in arrivals} == {sent_id}
    for arrival in arrivals:
        Webhook(OLD).verify(arrival.body, dict(arrival.headers))
    Webhook(NEW).verify(arrivals[-1].body, dict(arrivals[-1].headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(arrivals[0].body, dict(arrivals[0].headers))


async def test_an_admin_port_that_is_taken_is_named_and_everything_is_closed_again(
    broker: EmbeddedBroker,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        app = App(settings(broker, "http://127.0.0.1:9", ADMIN__PORT=port))
        with pytest.raises(FatalError, match=r"admin\.port"):
            await app.run(asyncio.get_running_loop().create_future())


async def test_an_event_that_is_refused_without_a_dead_letter_topic_turns_readiness_red(
    broker: EmbeddedBroker,
) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
    producer.produce("events", "{}")
    assert producer.flush(PATIENCE) == 0
    more = {"DEAD_LETTER__TOPIC": "missing", "DEAD_LETTER__WRITE_TIMEOUT": "1"}
    async with Endpoint(lambda _: Reply(400)) as endpoint:
        app, stop = App(settings(broker, endpoint.url, **more)), asyncio.get_running_loop().create_future()
        running = asyncio.create_task(app.run(stop))
        await endpoint.received(1)
        async with asyncio.timeout(PATIENCE):
            while app.status.readiness().ok:
                await asyncio.sleep(0.05)
        assert app.status.readiness().checks["dead_letters"] == "1 cannot be written"
        assert app.status.liveness().ok
        stop.set_result(None)
        await running


async def test_an_endpoint_that_does_not_know_us_turns_readiness_red_until_it_does(
    broker: EmbeddedBroker,
) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
    producer.produce("events", "{}")
    assert producer.flush(PATIENCE) == 0
    status = 401
    async with Endpoint(lambda _: Reply(status)) as endpoint:
        app, stop = App(settings(broker, endpoint.url)), asyncio.get_running_loop().create_future()
        running = asyncio.create_task(app.run(stop))
        await endpoint.received(1)
        async with asyncio.timeout(PATIENCE):
            while app.status.readiness().checks["credentials"] == "ok":
                await asyncio.sleep(0.05)
            assert not app.status.readiness().ok
            status = 200
            while not app.status.readiness().ok:
                await asyncio.sleep(0.05)
        stop.set_result(None)
        await running


@pytest.mark.parametrize("counts", [True, False])
async def test_a_partition_that_cannot_be_read_is_shown_and_turns_readiness_red_where_that_is_asked(
    broker: EmbeddedBroker, counts: bool
) -> None:
    limit = 8 * 1024 * 1024 + 512
    options = {"bootstrap.servers": broker.bootstrap_servers, "compression.type": "zstd"}
    producer = confluent_kafka.Producer({**options, "message.max.bytes": 4 * limit})
    producer.produce("events", bytes(2 * limit))
    assert producer.flush(PATIENCE) == 0
    more = {
        "KAFKA__CLIENT": json.dumps({"receive.message.max.bytes": limit}),
        "KAFKA__UNREADY": str(counts).lower(),
    }
    app, stop = (
        App(settings(broker, "http://127.0.0.1:9", **more)),
        asyncio.get_running_loop().create_future(),
    )
    running = asyncio.create_task(app.run(stop))
    async with asyncio.timeout(PATIENCE):
        while not (hasattr(app, "status") and b'partition="0",topic="events"} 1.0' in unreadable(app)):
            await asyncio.sleep(0.05)
        while not (counts or app.status.readiness().ok):
            await asyncio.sleep(0.05)
    assert app.status.readiness().checks["partitions"] == ("cannot be read: events/0" if counts else "ok")
    stop.set_result(None)
    await running


def unreadable(app: App) -> bytes:
    """What the metrics say of partitions that cannot be read."""
    exposition, _ = app.status.metrics("text/plain")
    return b"".join(line for line in exposition.splitlines(True) if b"_partition_unreadable{" in line)


def test_options_that_the_library_does_not_know_are_refused_before_anything_is_connected(
    broker: EmbeddedBroker,
) -> None:
    with pytest.raises(ConfigError, match=r"kafka\.client: .*no\.such\.option"):
        App(settings(broker, "http://127.0.0.1:9", KAFKA__CLIENT='{"no.such.option": 1}'))


async def test_what_waits_for_a_connection_leaves_only_while_our_membership_is_proven(
    broker: EmbeddedBroker,
) -> None:
    app = App(settings(broker, "http://127.0.0.1:9"))
    app._loop = loop = asyncio.get_running_loop()
    app._admission.leased(loop.time() + 60)
    assert app._client._limits.may_send()
    app._admission.leased(loop.time())
    assert not app._client._limits.may_send()


def fail(*_: object) -> None:
    """Raise what nobody reckoned with."""
    raise LookupError("who would have thought")


@pytest.mark.parametrize(
    ("room", "name"),
    [
        ("_consumer", "identify"),
        ("_group", "_now"),
        ("_pipeline._commits", "tick"),
        ("_traffic.dispatch", "pump_soon"),
    ],
)
async def test_a_process_in_which_a_task_or_a_callback_ends_by_itself_ends_with_the_reason(
    broker: EmbeddedBroker, room: str, name: str
) -> None:
    app = App(settings(broker, "http://127.0.0.1:9"))
    running = asyncio.create_task(app.run(asyncio.get_running_loop().create_future()))
    async with asyncio.timeout(PATIENCE):
        while not app._flow.assignment():
            await asyncio.sleep(0.01)
        vars(attrgetter(room)(app))[name] = fail
        with pytest.raises(FatalError, match="LookupError: who would have thought"):
            await running


async def test_events_that_are_held_are_told_by_readiness_and_turn_it_red_until_one_is_delivered(
    broker: EmbeddedBroker,
) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
    for _ in range(3):
        producer.produce("events", b"no event")
    assert producer.flush(10) == 0
    async with Endpoint() as endpoint:
        app = App(settings(broker, endpoint.url, DEAD_LETTER__BUDGET="1"))
        stop = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(app.run(stop))
        async with asyncio.timeout(PATIENCE):
            while not hasattr(app, "status") or app.status.readiness().checks["events"] == "ok":
                await asyncio.sleep(0.05)
            assert not app.status.readiness().ok
            assert app.status.readiness().checks["events"].startswith("held for")
            producer.produce("events", b"{}")
            await endpoint.received(1)
            producer.produce("events", b"no event")
            assert producer.flush(10) == 0
            while not app.status.readiness().ok:
                await asyncio.sleep(0.05)
        assert app.status.readiness().checks["events"].startswith("held for")
        stop.set_result(None)
        await running

"""Reports on a real Apache Kafka whose topic for them is not there for a while."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType
from pydantic import SecretStr

from processor.app import App
from processor.config.kafka import DeadLetterSettings, KafkaSettings
from processor.errors import WriteError
from processor.kafka.producer import Producer, TopicOfReports
from processor.model import Message
from tests.support.apache_kafka import Broker, GuardedBroker
from tests.support.endpoint import Arrival, Endpoint, Reply
from tests.support.patience import PATIENCE
from tests.unit.test_app import settings

pytestmark = pytest.mark.kafka

EVENTS = 200
OUTCOMES = {
    n: "skipped" if n % 10 == 9 else "dead_lettered" if n % 5 == 0 else "delivered" for n in range(EVENTS)
}


def answer(arrival: Arrival) -> Reply:
    """Every fifth event is refused."""
    is_refused = json.loads(arrival.body)["n"] % 5 == 0
    return Reply(400, body=b"not this one") if is_refused else Reply(202, body=b"ok")


@asynccontextmanager
async def running(app: App) -> AsyncIterator[None]:
    """From its start to its end."""
    stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(app.run(stop))
    try:
        yield
    finally:
        stop.set_result(None)
        await task


async def until(said: Callable[[], bool]) -> None:
    """Wait for what another thread finds out, too."""
    async with asyncio.timeout(2 * PATIENCE):
        while not await asyncio.to_thread(said):
            await asyncio.sleep(0.05)


class Place:
    """The topics of a test."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.name = f"reported-{uuid4()}"
        self.letters, self.reports = f"{self.name}.dlq", f"{self.name}.reports"
        broker.create_topic(self.name)
        broker.create_topic(self.letters)

    def produce(self, numbers: range) -> None:
        """Events of seven keys, and tombstones."""
        self.broker.produce(
            self.name,
            [(b"%d" % (n % 7), None if OUTCOMES[n] == "skipped" else b'{"n":%d}' % n, ()) for n in numbers],
        )

    def app(self, url: str, **more: str) -> App:
        """One that reports there."""
        return App(
            settings(
                self.broker,
                url,
                KAFKA__TOPICS=self.name,
                KAFKA__GROUP_ID=self.name,
                DEAD_LETTER__TOPIC=self.letters,
                DEAD_LETTER__WRITE_TIMEOUT="1",
                REPORTS__TOPIC=self.reports,
                REPORTS__BODY="64",
                **more,
            )
        )

    def written(self) -> list[dict[str, object]]:
        """The reports that are there."""
        return [json.loads(message.value() or b"") for message in self.broker.read_all(self.reports)]

    def committed(self) -> int:
        """How far the group has come."""
        return self.broker.committed(self.name, self.name).get(0, (0, ""))[0]


def lost(app: App) -> int:
    """How many reports it has lost, by its metrics."""
    text = app.status.metrics("")[0].decode()
    found = re.findall(r'delivery_reports_total\{.*result="(?:failed|dropped)"\} ([0-9]+)', text)
    return sum(map(int, found))


async def test_where_reports_are_required_all_is_held_until_it_is_reported_and_nothing_sent_twice(
    apache_kafka: Broker,
) -> None:
    place = Place(apache_kafka)
    place.produce(range(EVENTS))
    sent = sum(outcome != "skipped" for outcome in OUTCOMES.values())
    async with Endpoint(answer) as endpoint:
        app = place.app(endpoint.url, REPORTS__REQUIRED="true")
        async with running(app):
            await endpoint.received(1)
            await until(lambda: "reports" in app.status.readiness().checks)
            assert not app.status.readiness().ok
            assert app.status.liveness().ok
            assert place.committed() == 0
            apache_kafka.create_topic(place.reports)
            await until(lambda: len(place.written()) >= EVENTS)
            await until(lambda: place.committed() == EVENTS)
            assert app.status.readiness().ok
        requests = Counter(json.loads(each.body)["n"] for each in endpoint.requests)
    found = place.written()
    assert {each["offset"]: each["outcome"] for each in found} == OUTCOMES
    assert requests.keys() == {n for n, outcome in OUTCOMES.items() if outcome != "skipped"}
    assert (len(requests), set(requests.values())) == (sent, {1})
    assert len(apache_kafka.read_all(place.letters)) == sum(
        outcome == "dead_lettered" for outcome in OUTCOMES.values()
    )
    refused = next(each for each in found if each["offset"] == 5)
    assert (refused["reason"], refused["status"], refused["body"]) == ("refused", 400, "not this one")


async def test_reports_that_may_not_be_written_keep_no_dead_letter_from_being_written(
    guarded_kafka: GuardedBroker,
) -> None:
    letters, topic = (f"{which}-{uuid4()}" for which in ("letters", "reports"))
    for name in (letters, topic):
        guarded_kafka.create_topic(name)
        guarded_kafka.allow(AclOperation.DESCRIBE, ResourceType.TOPIC, name)
    guarded_kafka.allow(AclOperation.WRITE, ResourceType.TOPIC, letters)
    kafka = KafkaSettings(
        bootstrap_servers=guarded_kafka.guest_settings["bootstrap.servers"],
        group_id="g",
        topics=["t"],
        security_protocol="sasl_plaintext",
        sasl_mechanism="PLAIN",
        sasl_username=guarded_kafka.username,
        sasl_password=SecretStr(guarded_kafka.password),
    )
    producer = Producer(kafka, DeadLetterSettings(topic=letters))
    producer.open()
    reports = TopicOfReports(producer, topic)
    written: dict[str, list[WriteError | None]] = {"letters": [], "reports": []}
    message = Message(b"k", b"{}", ())
    for _ in range(20):
        for _ in range(5):
            producer.write(message, written["letters"].append)
        reports.write(message, written["reports"].append)
    await until(lambda: (len(written["letters"]), len(written["reports"])) == (100, 20))
    assert written["letters"] == [None] * 100
    assert {error and error.reason for error in written["reports"]} == {"not_authorized"}
    assert producer.fault() is None
    guarded_kafka.allow(AclOperation.WRITE, ResourceType.TOPIC, topic)
    while None not in written["reports"]:
        reports.write(message, written["reports"].append)
        await asyncio.sleep(0.05)
    await producer.close(PATIENCE)


async def test_where_reports_are_not_required_nothing_waits_for_them_and_they_come_when_they_can(
    apache_kafka: Broker,
) -> None:
    place = Place(apache_kafka)
    place.produce(range(50))
    async with Endpoint(answer) as endpoint:
        app = place.app(endpoint.url)
        async with running(app):
            await until(lambda: place.committed() == 50)
            assert app.status.readiness().ok
            assert len(apache_kafka.read_all(place.letters)) == 10
            await until(lambda: lost(app) == 50)
            apache_kafka.create_topic(place.reports)
            for n in range(50, EVENTS):
                place.produce(range(n, n + 1))
                if await asyncio.to_thread(place.written):
                    break
            await until(lambda: place.committed() == n + 1)
    assert {each["offset"] for each in place.written()} <= set(range(50, n + 1))
    assert len(endpoint.requests) == len({each.body for each in endpoint.requests})

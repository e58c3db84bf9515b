"""What an event costs between the poll thread and the wire: `python -m tests.benchmarks.hot_path`.

The rooms are those of `App` with its default settings, on a uvloop; only Kafka and HTTP are played: a
source that hands over batches as the consumer does, and a sender that answers everything open once a
turn of the loop. Figures are nanoseconds of CPU time per event, medians of several runs. What it takes
to make the records is measured by itself and not part of `the way`, nor is what the poll thread does
with a message once the client has handed it out.
"""

import argparse
import asyncio
import cProfile
import gc
import json
import pstats
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from statistics import median
from typing import Any, NamedTuple, cast

import uvloop
from confluent_kafka import Message, TopicPartition
from msgspec.json import encode as json_encode

from processor.admin.live_page import PERIOD_SECONDS
from processor.app import App
from processor.config.loading import merged
from processor.config.settings import Settings
from processor.kafka.partitions.records import MANY, Batch, Records
from processor.kafka.partitions.tenures import READ, UNHEARD, Tenures
from processor.kafka.poll_thread import AHEAD, BATCH
from processor.logs import output
from processor.model import (
    Answer,
    Assigned,
    Commit,
    Headers,
    Partition,
    Position,
    Received,
    Record,
    Request,
    Response,
    SourceEvent,
)
from processor.telemetry.watch import Filter
from tests.benchmarks.encoded import encoder
from tests.benchmarks.scenario import Scenario, chosen

PARTITIONS = 8
KEYS = 10_000
VALUES = 2_000
"""So many different events: more of them would measure the memory of the benchmark."""

Errors = Mapping[Partition, str | None]


def track(number: int) -> bytes:
    """A track event of 1.2 kB, as RudderStack writes it."""
    event = {
        "type": "track",
        "event": "Product Viewed",
        "messageId": f"0d1f9e9a-4b7e-4f6e-9a57-{number:012d}",
        "userId": f"user-{number % KEYS}",
        "anonymousId": f"5f2b6b1e-0f6a-4f57-8d9c-{number:012d}",
        "channel": "web",
        "context": {
            "app": {"name": "shop", "version": "4.17.2", "namespace": "com.example.shop"},
            "ip": "203.0.113.77",
            "library": {"name": "RudderLabs JavaScript SDK", "version": "3.7.1"},
            "locale": "de-DE",
            "timezone": "GMT+0100",
            "campaign": {"name": "autumn", "source": "newsletter", "medium": "email", "content": "cups-2"},
            "sessionId": 1763975587419,
            "page": {"path": "/products/17", "title": "Grüne Tasse", "url": "https://www.example.com/p/17"},
            "screen": {"density": 2, "width": 1512, "height": 982, "innerWidth": 1512, "innerHeight": 860},
            "traits": {"email": "someone@example.com", "plan": "gold", "logins": 5},
            "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/129.0",
        },
        "properties": {
            "product_id": f"sku-{number % 977}",
            "price": 24.9,
            "currency": "EUR",
            "categories": ["home", "kitchen", "cups"],
            "position": number % 24,
            "number": number,
            "order_id": f"O-{number:012d}",
            "total": 219.9,
        },
        "integrations": {"All": True},
        "rudderId": f"7f0c2f0e-33c8-4b5e-a8b4-{number:012d}",
        "originalTimestamp": "2026-11-24T09:13:07.419Z",
        "sentAt": "2026-11-24T09:13:07.913Z",
        "receivedAt": "2026-11-24T09:13:08.102Z",
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


class Feed:
    """A consumer whose topic holds `events` events, in one `form` or another; commits are done at once."""

    def __init__(self, events: int) -> None:
        chance = random.Random(1)
        self._partitions = [Partition("events", number) for number in range(PARTITIONS)]
        self._keys = [f"user-{number}".encode() for number in range(KEYS)]
        self._values = {
            "json": [track(number) for number in range(VALUES)],
            **{form: [encoder(form)(n, n % KEYS) for n in range(VALUES)] for form in ("avro", "protobuf")},
        }
        self.form = "json"
        self._order = [chance.randrange(KEYS) for _ in range(events)]
        self._held: frozenset[Partition] = frozenset()
        self._is_resting = False

    def open(self, sink: Callable[[SourceEvent], None], loop: asyncio.AbstractEventLoop) -> None:
        """Batches go to `sink`."""
        self._sink, self._loop, self._records = sink, loop, self.records()
        sink(Assigned(1, dict.fromkeys(self._partitions, Position(0))))
        for _ in range(AHEAD):
            loop.call_soon_threadsafe(self._hand_over)

    def records(self) -> Iterator[Record]:
        """All events, with the present time."""
        ends, values = [0] * PARTITIONS, self._values[self.form]
        for number, key in enumerate(self._order):
            at = key % PARTITIONS
            offset = ends[at]
            ends[at] = offset + 1
            value = values[number % VALUES]
            yield Record(self._partitions[at], offset, self._keys[key], value, (), time.time(), 1)

    def commit(self, commits: Mapping[Partition, Commit], done: Callable[[Errors], None]) -> None:
        """Acknowledged at the next turn."""
        self._loop.call_soon(done, dict.fromkeys(commits))

    def hold(self, partitions: Collection[Partition], *, at_once: bool) -> None:
        """The intake is all or nothing."""
        was, self._held = self._held, frozenset(partitions)
        if was and not self._held:
            for _ in range(AHEAD):
                self._loop.call_soon_threadsafe(self._hand_over)

    def rest(self, resting: bool) -> None:
        """As with a hold; what is under way of it has come by then."""
        was, self._is_resting = self._is_resting, resting
        if was and not resting:
            self._loop.call_soon_threadsafe(self._hand_over)

    def released(self, partitions: Collection[Partition]) -> None:
        """Nothing is ever revoked."""

    def _hand_over(self) -> None:
        if not self._held and not self._is_resting and (batch := list(islice(self._records, BATCH))):
            self._sink(Received(batch, {}))
            self._loop.call_soon_threadsafe(self._hand_over)


class Sender:
    """An endpoint that delivers whatever is open once a turn; `done` after so many."""

    def __init__(self, events: int, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._open: list[Callable[[Answer], None]] = []
        self._left = events
        self._answer = Response(200, None, b"")
        self.done = loop.create_future()

    def send(
        self,
        request: Request,
        answered: Callable[[Answer], None],
        deadline: float | None = None,
        headers: Headers | None = None,
    ) -> Callable[[], None]:
        """Answered at the next turn."""
        if not self._open:
            self._loop.call_soon(self._answer_all)
        self._open.append(answered)
        return self._cancel

    def _answer_all(self) -> None:
        answers, self._open = self._open, []
        for answered in answers:
            answered(self._answer)
        self._left -= len(answers)
        if not self._left:
            self.done.set_result(None)

    def _cancel(self) -> None:
        """Nothing is ever given up."""


class Way(NamedTuple):
    """What events pass through beside the ways of all; `wanted`: what somebody looks for at the live page."""

    wanted: Filter | None = None
    scenario: Scenario = Scenario("", "")


WAYS = {
    "the way": Way(),
    "... somebody looks at all": Way(Filter()),
    "... for what never comes": Way(Filter.of("all", "", "no such thing")),
    "... without an id": Way(scenario=Scenario("", "", settings={"destination": {"id": None}})),
    **{
        f"... {each.title}": Way(scenario=each) for each in chosen(["S10", "S11", "S12", "S13", "S14", "S15"])
    },
}


def settings(more: Mapping[str, Any]) -> Settings:
    """The defaults, and more."""
    said = {
        "kafka": {"bootstrap_servers": "127.0.0.1:9", "group_id": "bench", "topics": ["events"]},
        "dead_letter": {"topic": "events.dlq"},
        "destination": {"url": "http://127.0.0.1:9/hook"},
    }
    return Settings.model_validate(merged(said, dict(more)))


async def deliver(feed: Feed, events: int, way: Way = WAYS["the way"]) -> int:
    """Nanoseconds of CPU time for all events of `feed`."""
    loop = asyncio.get_running_loop()
    app, sender = App(settings(way.scenario.settings)), Sender(events // way.scenario.every, loop)
    app.__dict__.update(_client=sender, _consumer=feed)
    pipeline = app._build_traffic(loop).pipeline
    await app._credentials.open(app._facts)
    pipeline.start()
    feed.form = way.scenario.shape.form
    looking = None if way.wanted is None else loop.create_task(look(app, way.wanted))
    began = time.process_time_ns()
    feed.open(pipeline.take, loop)
    await sender.done
    took = time.process_time_ns() - began
    if looking:
        looking.cancel()
    stopped = loop.create_future()
    pipeline.stop(lambda: stopped.set_result(None))
    await stopped
    await app._credentials.close()
    return took


async def look(app: App, wanted: Filter) -> None:
    """As the live page does."""
    while True:
        json_encode(app._live.look("somebody", wanted).entries)
        await asyncio.sleep(PERIOD_SECONDS)


def make(feed: Feed) -> int:
    """Nanoseconds of CPU time for making all records."""
    began = time.process_time_ns()
    records = feed.records()
    while list(islice(records, BATCH)):
        pass
    return time.process_time_ns() - began


class Unasked:
    """A client of which nothing is wanted but messages."""

    def incremental_assign(self, _: list[TopicPartition]) -> None:
        """Nothing is fetched."""


def take(messages: list[Message]) -> int:
    """Nanoseconds of CPU time for what the poll thread does with all messages."""
    nobody = cast(Any, Unasked())
    tenures = Tenures()
    reading = Records(nobody, tenures, nobody, nobody, nobody, nobody)
    for number in range(PARTITIONS):
        tenures.become(tenures.begin(Partition("events", number), 1, 0, UNHEARD), READ)
    began = time.process_time_ns()
    for first in range(0, len(messages), BATCH):
        batch = Batch()
        for part in range(first, min(first + BATCH, len(messages)), MANY):
            reading._take(messages[part : part + MANY], batch)
    return time.process_time_ns() - began


def message_of(record: Record) -> Message:
    """As the client hands it out."""
    return Message(
        *record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        timestamp=(1, int((record.timestamp or 0) * 1000)),
    )


def run(feed: Feed, events: int, way: Way = WAYS["the way"]) -> int:
    """One run on a loop of its own."""
    gc.collect()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(deliver(feed, events, way))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.hot_path", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--profile", action="store_true", help="one run under cProfile, by own time")
    asked = parser.parse_args()
    output.configure("warning", "text")
    feed = Feed(asked.events)
    gc.freeze()
    if asked.profile:
        with cProfile.Profile() as profile:
            run(feed, asked.events)
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        return
    messages = [message_of(record) for record in islice(feed.records(), VALUES)] * 20
    taking = median(take(messages) for _ in range(asked.runs)) / len(messages)
    making = median(make(feed) for _ in range(asked.runs)) / asked.events
    print(f"a message in the poll thread {taking:7.0f} ns")
    print(f"making a record of its parts {making:7.0f} ns")
    rounds = [
        [run(feed, asked.events, way) / asked.events - making for way in WAYS.values()]
        for _ in range(asked.runs)
    ]
    for name, runs in zip(WAYS, zip(*rounds, strict=True), strict=True):
        times = median(each / first for each, (first, *_) in zip(runs, rounds, strict=True))
        best, worst = min(runs), max(runs)
        print(f"{name:40} {median(runs):7.0f} ns   {times:.2f} x   best {best:.0f}, worst {worst:.0f}")


if __name__ == "__main__":
    main()

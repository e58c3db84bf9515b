"""Events as a RudderStack source sends them, produced once for each shape of topic.

Event `n` carries its number as `properties.number`, so that it is found in a body and in a query alike.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from tests.benchmarks.encoded import encoder
from tests.support.apache_kafka import Broker, Written

DEAD_LETTERS = "bench-dead-letters"
VALUE_BYTES = 1_200
_TRACK = {
    "type": "track",
    "event": "Order Completed",
    "anonymousId": "5a8d1c7e-7b1f-4f0e-9d27-3f0d5a1b2c3d",
    "channel": "web",
    "originalTimestamp": "2026-11-25T06:30:00.000Z",
    "sentAt": "2026-11-25T06:30:00.500Z",
    "receivedAt": "2026-11-25T06:30:00.700Z",
    "context": {
        "app": {"name": "RudderLabs JavaScript SDK", "namespace": "com.rudderlabs.javascript"},
        "library": {"name": "RudderLabs JavaScript SDK", "version": "3.11.4"},
        "locale": "en-GB",
        "page": {"path": "/checkout", "referrer": "https://shop.example.com/cart", "title": "Checkout"},
        "screen": {"density": 2, "height": 1117, "width": 1728},
        "traits": {"plan": "pro", "company": {"id": "A-17", "name": "Example"}},
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    },
}
_PROPERTIES = {
    "order_id": "O-2026-11-25-000017",
    "currency": "EUR",
    "total": 219.9,
    "coupon": None,
    "products": [{"sku": "G-32", "quantity": 2, "price": 89.95}, {"sku": "F-15", "quantity": 1, "price": 40}],
}
_START = json.dumps(_TRACK, separators=(",", ":"))[:-1] + ',"properties":'
_START += json.dumps(_PROPERTIES, separators=(",", ":"))[:-1]
_OWN = ',"number":%d,"message":"00000000-0000-4000-8000-%012x","user":"user-%d","note":"'
_NUMBER = (_START.replace("%", "%%") + _OWN).encode()
_END = b'"}}'


@dataclass(frozen=True)
class Shape:
    """A topic: so many partitions, and events whose keys are among so many, as JSON or encoded."""

    events: int
    partitions: int = 8
    keys: int = 10_000
    form: Literal["json", "avro", "protobuf"] = "json"

    @property
    def topic(self) -> str:
        """Its name."""
        return f"bench-{self.events}-{self.partitions}-{self.keys}-{self.form}"

    def key(self, number: int) -> int:
        """Which key the event has: as good as drawn by lot, and the same each time."""
        return _scattered(number) * self.keys >> 32

    def records(self) -> Iterator[Written]:
        """All events, in order."""
        if self.form == "json":
            for number in range(self.events):
                yield record(number, self.key(number))
            return
        encode = encoder(self.form)
        for number in range(self.events):
            key = self.key(number)
            yield b"user-%d" % key, encode(number, key), ()


def record(number: int, key: int) -> Written:
    """Key, value and headers of an event."""
    return b"user-%d" % key, value(number, key), ()


def value(number: int, key: int) -> bytes:
    """The event as JSON, VALUE_BYTES long."""
    start = _NUMBER % (number, number, key)
    return start + b"x" * (VALUE_BYTES - len(start) - len(_END)) + _END


def _scattered(number: int) -> int:
    """A number of 32 bits that differs for different numbers (the finisher of MurmurHash3)."""
    number = (number ^ number >> 16) * 0x85EB_CA6B % 2**32
    number = (number ^ number >> 13) * 0xC2B2_AE35 % 2**32
    return number ^ number >> 16


@dataclass
class Backlogs:
    """The topics of one broker; each is written when it is first asked for."""

    broker: Broker
    _written: set[str] = field(default_factory=set)

    def topic(self, shape: Shape) -> str:
        """The name of a topic that holds the shape's events."""
        if shape.topic not in self._written:
            self.broker.create_topic(shape.topic, shape.partitions)
            self.broker.produce(shape.topic, shape.records())
            self._written.add(shape.topic)
        return shape.topic

    def empty_topic(self, partitions: int) -> str:
        """The name of a new topic without events."""
        name = f"bench-empty-{time.time_ns()}"
        self.broker.create_topic(name, partitions)
        return name

    def dead_letters(self) -> str:
        """The name of the dead-letter topic."""
        if DEAD_LETTERS not in self._written:
            self.broker.create_topic(DEAD_LETTERS)
            self._written.add(DEAD_LETTERS)
        return DEAD_LETTERS

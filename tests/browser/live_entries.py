"""Entries of the stream of /live as the server makes them: one to vary, and a mix at a fixed time."""

import json
from typing import Any

from tests.browser.live_site import Entry

NOON = 1764158400.0
"""26 November 2025, 12:00:00 UTC."""

_PAYLOAD = (
    '{"type":"track","event":"Order Completed","userId":"u-17","properties":{"order_id":12345678901234567890,'
    '"total":27.50,"products":[{"sku":"A-1","quantity":2}],"coupon":null,"tags":[]}}'
)

DELIVERED: Entry = {
    "at": NOON,
    "outcome": "delivered",
    "type": "track",
    "name": "Order Completed",
    "key": "u-17",
    "topic": "events",
    "partition": 3,
    "offset": 12345,
    "method": "POST",
    "url": "https://crm.example.com/hooks/rudderstack",
    "attempts": 1,
    "status": 200,
    "reason": None,
    "message": None,
    "seconds": 0.0123,
    "age": 1.2,
    "retry_in": None,
    "again": False,
    "response": None,
    "request_headers": [["Content-Type", "application/json"], ["Authorization", "***"]],
    "payload": _PAYLOAD,
    "bytes": len(_PAYLOAD),
    "worker": None,
}
FAILURES: dict[str, Entry] = {
    "retried": {
        "outcome": "retried",
        "status": 503,
        "retry_in": 3.2,
        "attempts": 2,
        "response": "upstream connect error or disconnect/reset before headers",
    },
    "answer_timeout": {
        "outcome": "retried",
        "status": None,
        "reason": "answer_timeout",
        "message": "no answer within 10 s",
        "seconds": 10.001,
        "retry_in": 8.4,
        "attempts": 4,
    },
    "held": {
        "outcome": "held",
        "status": 422,
        "reason": "refused",
        "message": "its dead letter cannot be written, and is tried again",
    },
    "dead_lettered": {
        "outcome": "dead_lettered",
        "status": 422,
        "reason": "refused",
        "response": '{"error":{"code":"invalid","field":"email","detail":"email is not an address"}}',
    },
    "skipped": {
        "outcome": "skipped",
        "type": None,
        "name": None,
        "method": None,
        "url": None,
        "status": None,
        "reason": "tombstone",
        "attempts": 0,
        "seconds": None,
        "payload": None,
        "bytes": None,
        "request_headers": [],
    },
}
_KINDS = (
    ("track", "Order Completed"),
    ("track", "Product Viewed"),
    ("page", "Home"),
    ("identify", None),
    ("track", "Cart Viewed"),
    ("group", None),
    ("screen", "Settings"),
)
_TROUBLE = {4: "retried", 9: "dead_lettered", 10: "retried", 17: "answer_timeout", 23: "held", 26: "skipped"}


def entry(**changes: Any) -> Entry:
    """A delivered event, but for `changes`."""
    return DELIVERED | changes


def failure(name: str = "dead_lettered", **changes: Any) -> Entry:
    """One of FAILURES, but for `changes`."""
    return entry(**FAILURES[name] | changes)


def many(count: int, **changes: Any) -> list[Entry]:
    """Delivered events, each with a key and an offset of its own from 0 on."""
    return [entry(at=NOON + n / 50, offset=n, key=f"u-{n}", **changes) for n in range(count)]


def mix(count: int = 40) -> list[Entry]:
    """What an endpoint in slight trouble looks like, the newest last."""
    return [_mixed(n) for n in range(count)]


def _mixed(n: int) -> Entry:
    kind, name = _KINDS[n % len(_KINDS)]
    event = {"type": kind, "event": name, "userId": f"u-{n * 37 % 400}", "properties": {"total": n * 1.5}}
    usual: Entry = {
        "at": NOON + n * 0.137,
        "type": kind,
        "name": name,
        "key": event["userId"],
        "partition": n % 6,
        "offset": 48213 + n * 3,
        "seconds": 0.011 + (n * 7919 % 83) / 1000,
        "age": 0.18 + (n * 104729 % 97) / 100,
        "payload": json.dumps(event),
        "bytes": 300 + n * 31 % 900,
        "worker": n % 2,
    }
    return entry(**usual | FAILURES[_TROUBLE[n % 30]] if n % 30 in _TROUBLE else usual)

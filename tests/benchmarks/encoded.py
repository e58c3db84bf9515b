"""The track events of the scenarios that decode: 0.7 kB of Avro, 1.3 of JSON; 0.3 of Protobuf, 0.5 of JSON.

They are written by other libraries than ours: fastavro, and what Protobuf's compiler makes.
"""

import io
import json
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

AVRO, PROTOBUF = Path(__file__).with_name("track.avsc"), Path(__file__).with_name("track.proto")
MESSAGE = "shop.Track"
NOON_MILLIS = 1_795_784_706_789
_TRAITS = {"plan": "gold", "email": "someone@example.com", "company": "Example", "country": "DE"}
_CONTEXT = {
    "locale": "de-DE",
    "library": "RudderLabs JavaScript SDK 3.11.4",
    "page": "https://www.example.com/checkout",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
}
Encode = Callable[[int, int], bytes]
"""From the number of an event and of its key to a value."""


@cache
def encoder(form: str) -> Encode:
    """What writes values as `avro` or `protobuf`."""
    return _avro() if form == "avro" else _protobuf()


def _members(number: int, products: int) -> dict[str, Any]:
    return {
        "event": "Order Completed",
        "channel": "web",
        "number": number,
        "products": [
            {"sku": f"G-{at:03}", "name": f"Green cup no. {at}, of two litres", "quantity": 1 + at}
            for at in range(products)
        ],
    }


def _avro() -> Encode:
    from fastavro import parse_schema, schemaless_writer

    schema = parse_schema(json.loads(AVRO.read_text(encoding="utf-8")))

    def encode(number: int, key: int) -> bytes:
        track = _members(number, 8) | {
            "traits": _TRAITS,
            "context": _CONTEXT,
            "messageId": f"00000000-0000-4000-8000-{number:012x}",
            "type": "track",
            "userId": f"user-{key}",
            "anonymousId": f"5a8d1c7e-7b1f-4f0e-9d27-{key:012x}",
            "originalTimestamp": NOON_MILLIS + number,
        }
        for at, product in enumerate(track["products"]):
            product |= {"price": Decimal(1295 + at).scaleb(-2), "coupon": None}
        out = io.BytesIO()
        schemaless_writer(out, schema, track)
        return out.getvalue()

    return encode


def _protobuf() -> Encode:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    from processor.formats.protoc import compiled

    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled(PROTOBUF.read_text("utf-8"), {})).file:
        pool.Add(file)
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(MESSAGE))

    def encode(number: int, key: int) -> bytes:
        millis = NOON_MILLIS + number
        track = _members(number, 3) | {
            "message_id": f"00000000-0000-4000-8000-{number:012x}",
            "type": 1,
            "user_id": f"user-{key}",
            "anonymous_id": f"5a8d1c7e-7b1f-4f0e-9d27-{key:012x}",
            "original_timestamp": {"seconds": millis // 1000, "nanos": millis % 1000 * 1_000_000},
        }
        for at, product in enumerate(track["products"]):
            product["price"] = 12.95 + at
        return bytes(kind(**track).SerializeToString())

    return encode

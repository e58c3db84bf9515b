"""Record batches written byte by byte, for what no client library writes.

https://kafka.apache.org/documentation/#recordbatch
"""

import socket
import struct
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from tests.support.apache_kafka import Broker, until

PRODUCE, VERSION = 0, 3
NOT_LEADER = 6
ATTEMPTS_SECONDS = 10
_CASTAGNOLI = 0x82F63B78


class Raw(NamedTuple):
    """One record; header names are bytes, `timestamp` is in milliseconds, −1 for none."""

    value: bytes
    headers: Sequence[tuple[bytes, bytes | None]] = ()
    timestamp: int = -1
    key: bytes | None = None


def produce(broker: Broker, topic: str, records: Sequence[Raw], partition: int = 0) -> None:
    """Write each record as a batch of its own, and wait until all are acknowledged."""
    host, _, port = broker.bootstrap_servers.partition(",")[0].partition(":")
    with socket.create_connection((host, int(port)), timeout=ATTEMPTS_SECONDS) as connection:
        for record in records:
            request = _request(topic, partition, batch_of(record))
            until(partial(_takes, connection, topic, request), "the broker that takes a batch")


def _takes(connection: socket.socket, topic: str, request: bytes) -> bool:
    """Whether the broker takes it; it refuses for a moment what it is about to lead."""
    connection.sendall(struct.pack(">i", len(request)) + request)
    (length,) = struct.unpack(">i", _read(connection, 4))
    (error,) = struct.unpack_from(">h", _read(connection, length), 4 + 4 + 2 + len(topic) + 4 + 4)
    assert error in (0, NOT_LEADER), f"the broker refused the batch: {error}"
    return bool(error == 0)


def batch_of(record: Raw) -> bytes:
    """A batch of format 2 with one record, not compressed."""
    headers = b"".join(_sized(name) + _sized(value) for name, value in record.headers)
    fields = b"\0" + _varint(0) + _varint(0) + _sized(record.key) + _sized(record.value)
    body = fields + _varint(len(record.headers)) + headers
    stamps = struct.pack(">qq", record.timestamp, record.timestamp)
    summed = struct.pack(">hi", 0, 0) + stamps + struct.pack(">qhii", -1, -1, -1, 1) + _sized(body)
    behind = struct.pack(">iBI", -1, 2, crc32c(summed)) + summed
    return struct.pack(">qi", 0, len(behind)) + behind


def crc32c(data: bytes) -> int:
    """The checksum of Castagnoli (RFC 3720, B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_CASTAGNOLI if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def _request(topic: str, partition: int, batch: bytes) -> bytes:
    return (
        struct.pack(">hhi", PRODUCE, VERSION, 1)
        + _text("test")
        + struct.pack(">hhii", -1, -1, 10_000, 1)
        + _text(topic)
        + struct.pack(">iii", 1, partition, len(batch))
        + batch
    )


def _text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode("ascii")


def _sized(value: bytes | None) -> bytes:
    return _varint(-1) if value is None else _varint(len(value)) + value


def _varint(number: int) -> bytes:
    number = number << 1 ^ number >> 63
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*encoded, number))


def _read(connection: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        data += connection.recv(length - len(data))
    return bytes(data)

"""What Protobuf's scalars are in JSON, as its mapping says.

Promise: total, but for a text that is not UTF-8, which proto2 lets through: TypeError.
"""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import EnumDescriptor

from processor.core.record.avro.logical import minute, shortest_float

_INFINITIES = {float("inf"): "Infinity", float("-inf"): "-Infinity"}


def word(value: bool) -> str:
    return "true" if value else "false"


def text(value: str | bytes) -> str:
    if isinstance(value, bytes):  # proto2, and not UTF-8
        raise TypeError
    return value


def base64(value: bytes) -> str:
    return b64encode(value).decode()


def double(value: float) -> float | str:
    return value if value - value == 0 else _INFINITIES.get(value, "NaN")


def as_float(value: float) -> float | str | None:
    return shortest_float(value) if value - value == 0 else _INFINITIES.get(value, "NaN")


def moment(parsed: Any) -> str:
    """A Timestamp, with 0, 3, 6 or 9 digits. Raises ValueError beyond the years that it may have."""
    nanos = parsed.nanos
    minutes, seconds = divmod(parsed.seconds, 60)
    before = minute(minutes)
    if before is None or not 0 <= nanos < 1_000_000_000:
        raise ValueError
    if not nanos:
        return f"{before}{seconds:02}Z"
    if not nanos % 1_000_000:
        return f"{before}{seconds:02}.{nanos // 1_000_000:03}Z"
    rest = f"{nanos:09}" if nanos % 1_000 else f"{nanos // 1_000:06}"
    return f"{before}{seconds:02}.{rest}Z"


def as_enum(kind: EnumDescriptor) -> Callable[[int], Any]:
    if kind.full_name == "google.protobuf.NullValue":
        return lambda _: None
    names = {number: each.name for number, each in kind.values_by_number.items()}
    return lambda number: names.get(number, number)

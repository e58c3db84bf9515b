"""What Protobuf's scalars are in JSON, as its mapping says.

Promise: total, but for a text that is not UTF-8, which proto2 lets through: TypeError.
"""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import EnumDescriptor

from processor.core.record.avro.logical import shortest_float

_INFINITIES = {float("inf"): "Infinity", float("-inf"): "-Infinity"}


def same(value: Any) -> Any:
    return value


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


def as_enum(kind: EnumDescriptor) -> Callable[[int], Any]:
    if kind.full_name == "google.protobuf.NullValue":
        return lambda _: None
    names = {number: each.name for number, each in kind.values_by_number.items()}
    return lambda number: names.get(number, number)

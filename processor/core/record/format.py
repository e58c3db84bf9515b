"""Formats: how what JSON has no type for is written, by the operator's choice. It needs no library."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class AvroPolicy:
    """How values of Avro are written."""

    decimals_as_numbers: bool = False
    times_as_numbers: bool = False
    """As they are stored: days, milliseconds, …"""
    unions_tagged: bool = False
    """`{"string": "x"}`, as Avro's own JSON has it."""


@dataclass(frozen=True, slots=True)
class ProtobufPolicy:
    """How messages are written."""

    names_as_declared: bool = False
    """`order_id`, not `orderId`."""
    with_defaults: bool = False
    """Fields at their default too, where that cannot be told from absence."""


@dataclass(frozen=True, slots=True)
class FormatPolicy:
    """Both: which it takes is known when a record is there."""

    avro: AvroPolicy = field(default_factory=AvroPolicy)
    protobuf: ProtobufPolicy = field(default_factory=ProtobufPolicy)


@dataclass(frozen=True, slots=True)
class SchemaFilePolicy:
    """A file with the one schema of all values, and how they are written.

    `message`: the full name of the one that they are, of Protobuf, where the file has several.
    """

    format: Literal["avro", "protobuf"]
    path: str
    message: str | None = None
    policy: FormatPolicy = field(default_factory=FormatPolicy)

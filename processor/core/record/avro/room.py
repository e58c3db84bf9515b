"""What decoded values take of memory, told from their schema before any byte is read.

Promise: what is charged for a type is no more than the least that any value of it takes, about, in bytes,
and the sum of what is charged for a value bounds what it takes beyond a small multiple of its own length:
items of no bytes, names that are repeated and zeros that are written are paid for. A type of which no value
ends is told from others. Time: types times records that refer to each other in a row.
"""

from processor.core.record.avro.schema import Array, Enum, Map, Record, Schema, Type, Union

MOST = 32 * 1024 * 1024
"""Bytes that any value may be charged, about: a million items that take no bytes."""
PER_BYTE = 32
"""Bytes that it may be charged beyond that for each byte of its own: as much as small records come to."""
SCALAR = 32
CONTAINER = 64
ENDLESS = MOST + 1
"""More than there is: what a record is charged that always contains itself."""


class Room:
    """The charges of one schema."""

    def __init__(self, schema: Schema) -> None:
        self._records = {id(each): ENDLESS for each in schema.records}
        changed = True
        while changed:
            changed = False
            for record in (*schema.records, *reversed(schema.records)):
                least = self._fields(record)
                changed |= least < self._records[id(record)]
                self._records[id(record)] = least

    def of(self, kind: Type) -> int:
        """What a value of this type is charged at least, `ENDLESS` at most."""
        match kind:
            case Record():
                return self._records[id(kind)]
            case Union():
                return min(self.of(each) for each in kind.branches)
            case Array() | Map():
                return CONTAINER
            case Enum():
                return SCALAR + kind.longest
            case _:
                return SCALAR + kind.scale

    def _fields(self, record: Record) -> int:
        fields = sum(len(name) + SCALAR + self.of(kind) for name, kind in record.fields)
        return min(CONTAINER + fields, ENDLESS)

"""The source grows with its schema, and no faster."""

import json
from typing import Any

from processor.core.record.avro.room import Room
from processor.core.record.avro.schema import parse
from processor.core.record.avro.source import Source
from processor.core.record.format import AvroPolicy


def lines(schema: Any) -> int:
    """How many the source of a schema has."""
    parsed = parse(json.dumps(schema))
    return len(Source(parsed.root, Room(parsed), AvroPolicy()).lines)


def doubling(levels: int) -> Any:
    """A record that has the one below it in two fields, and that the same."""
    kind: Any = {"type": "record", "name": "R0", "fields": [{"name": "f", "type": "int"}]}
    for number in range(1, levels):
        fields = [{"name": "a", "type": kind}, {"name": "b", "type": f"R{number - 1}"}]
        kind = {"type": "record", "name": f"R{number}", "fields": fields}
    return kind


def test_a_record_that_is_used_twice_is_written_once() -> None:
    assert lines(doubling(16)) - lines(doubling(15)) == lines(doubling(8)) - lines(doubling(7)) < 10


def test_an_enum_that_is_used_often_has_its_symbols_once() -> None:
    enum = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
    fields = [{"name": f"f{n}", "type": "E" if n else enum} for n in range(50)]
    parsed = parse(json.dumps({"type": "record", "name": "R", "fields": fields}))
    assert len(Source(parsed.root, Room(parsed), AvroPolicy()).table) == 1

"""What a type is charged is the least that a value of it takes."""

import json
from typing import Any

import pytest

from processor.core.record.avro.room import CONTAINER, ENDLESS, SCALAR, Room
from processor.core.record.avro.schema import parse


def charge(schema: Any, *references: Any) -> int:
    """What a value of it is charged at least."""
    parsed = parse(json.dumps(schema), [json.dumps(each) for each in references])
    return Room(parsed).of(parsed.root)


def record(name: str, *kinds: Any) -> Any:
    fields = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(kinds)]
    return {"type": "record", "name": name, "fields": fields}


ONE = CONTAINER + SCALAR + 2 + SCALAR
"""A record of one scalar in a field of two characters."""


@pytest.mark.parametrize(
    ("schema", "least"),
    [
        ("null", SCALAR),
        ({"type": "bytes", "logicalType": "decimal", "scale": 9}, SCALAR + 9),
        ({"type": "enum", "name": "E", "symbols": ["a", "longest"]}, SCALAR + 7),
        ({"type": "array", "items": record("R", "int")}, CONTAINER),
        ([record("R", "int"), "null"], SCALAR),
        (record("R", "int"), ONE),
        (record("R", ["null", "R"]), ONE),
        (record("R", record("S", ["R", "int"])), CONTAINER + SCALAR + 2 + ONE),
        (record("R", [record("S", "R"), "R"]), ENDLESS),
    ],
)
def test_the_least_that_a_value_takes_is_charged(schema: Any, least: int) -> None:
    assert charge(schema) == least


def test_records_are_charged_whatever_the_order_they_stand_in() -> None:
    chain = [record(f"R{number}", f"R{number - 1}" if number else "int") for number in range(200)]
    assert charge("R199", *chain) == 199 * (ONE - SCALAR) + ONE

"""Avro schemas by chance, and values of them: recursive types, items of no bytes, unions of many."""

from random import Random
from typing import Any

from tests.fuzzing.mutation import varint

PLAIN = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
LOGICAL = (
    {"type": "int", "logicalType": "date"},
    {"type": "int", "logicalType": "time-millis"},
    *(
        {"type": "long", "logicalType": name}
        for name in ("time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos")
    ),
    {"type": "long", "logicalType": "local-timestamp-micros"},
    {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
    {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 1_000},
    {"type": "string", "logicalType": "uuid"},
)
FIXED: tuple[dict[str, Any], ...] = (
    {"size": 0},
    {"size": 5},
    {"size": 16, "logicalType": "uuid"},
    {"size": 12, "logicalType": "duration"},
)
CHARACTERS = 'A"\0ä😀'
MOST_PARTS = 2_000
"""Of a value."""
MOST_LEVELS = 150
"""Of values: what is deeper than 200 is refused."""


class Schemas:
    """Makes one schema, whose named types it remembers; `left` is how many parts a value may have yet."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.named: dict[str, Any] = {}
        self.left = 0

    def kind(self, depth: int = 4) -> Any:
        """A type."""
        chance = self._chance
        choices = ["plain", "plain", "logical", "named", "known"]
        choices += ["named", "named", "array", "map", "union"] * (depth > 0)
        match chance.choice(choices):
            case "named":
                return self._named(depth)
            case "array":
                return {"type": "array", "items": self.kind(depth - 1)}
            case "map":
                return {"type": "map", "values": self.kind(depth - 1)}
            case "union":
                return [self.kind(depth - 1) for _ in range(chance.choice((1, 2, 3, 12)))]
            case "known" if self.named:
                return chance.choice([*self.named])
            case "logical":
                return chance.choice(LOGICAL)
        return chance.choice(PLAIN)

    def _named(self, depth: int) -> dict[str, Any]:
        chance, name = self._chance, f"N{len(self.named)}"
        made: dict[str, Any] = {"name": name, "type": chance.choice(("record", "record", "enum", "fixed"))}
        self.named[name] = made
        match made["type"]:
            case "record":
                made["fields"] = []
                count = chance.randint(0, 5) if depth > 0 else 0
                made["fields"] += [{"name": f"f{n}", "type": self.kind(depth - 1)} for n in range(count)]
            case "enum":
                long = "x" * chance.choice((0, 900))
                made["symbols"] = [f"S{number}{long}" for number in range(chance.randint(1, 4))]
            case _:
                made |= chance.choice(FIXED)
        return made


class EndlessError(Exception):
    """A value of more parts or levels than it may have: some types always contain themselves."""


def value(chance: Random, schemas: Schemas, kind: Any, depth: int = 0) -> bytes:
    """The bytes of a value. Raises EndlessError."""
    schemas.left = schemas.left - 1 if depth else MOST_PARTS
    if depth > MOST_LEVELS or schemas.left < 0:
        raise EndlessError
    if isinstance(kind, str) and kind in schemas.named:
        kind = schemas.named[kind]
    if isinstance(kind, list):
        branch = chance.randrange(len(kind))
        return varint(2 * branch) + value(chance, schemas, kind[branch], depth + 1)
    name = kind if isinstance(kind, str) else kind["type"]
    match name:
        case "record":
            return b"".join(value(chance, schemas, each["type"], depth + 1) for each in kind["fields"])
        case "array" | "map":
            return _blocks(chance, schemas, kind, depth)
        case "enum":
            return varint(2 * chance.randrange(len(kind["symbols"])))
        case "fixed":
            return chance.randbytes(kind["size"])
    return scalar(chance, name)


def _blocks(chance: Random, schemas: Schemas, kind: dict[str, Any], depth: int) -> bytes:
    out = b""
    while depth < MOST_LEVELS // 2 and chance.random() < 0.6:
        count, items = chance.randint(1, 3), b""
        for _ in range(count):
            items += scalar(chance, "string") if kind["type"] == "map" else b""
            items += value(chance, schemas, kind.get("items", kind.get("values")), depth + 1)
        is_sized = chance.random() < 0.3
        out += varint(2 * count - 1) + varint(2 * len(items)) if is_sized else varint(2 * count)
        out += items
    return out + b"\0"


def scalar(chance: Random, name: str) -> bytes:
    """The bytes of a value that has no parts."""
    match name:
        case "null":
            return b""
        case "boolean":
            return bytes((chance.randrange(2),))
        case "int" | "long":
            return varint(chance.getrandbits(chance.choice((6, 31 if name == "int" else 64))))
        case "float":
            return chance.randbytes(4)
        case "double":
            return chance.randbytes(8)
        case "string":
            text = "".join(chance.choices(CHARACTERS, k=chance.randrange(9)))
            return varint(2 * len(text.encode())) + text.encode()
    content = chance.randbytes(chance.choice((0, 3, 30, 999)))
    return varint(2 * len(content)) + content

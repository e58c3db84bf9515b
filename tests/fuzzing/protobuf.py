"""Files of Protobuf by chance, and messages on the wire: groups, maps, long names, anything, proto2."""

from random import Random

from tests.fuzzing.mutation import varint

SCALARS = (
    *("int32", "int64", "uint32", "uint64", "sint32", "sint64", "bool"),
    *("fixed32", "fixed64", "sfixed32", "sfixed64", "float", "double", "string", "bytes"),
)
WELL_KNOWN = tuple(
    f"google.protobuf.{name}"
    for name in (
        "Any",
        "Struct",
        "Value",
        "ListValue",
        "Timestamp",
        "Duration",
        "FieldMask",
        "Int64Value",
        "Empty",
    )
)
IMPORTS = "".join(
    f'import "google/protobuf/{name}.proto";'
    for name in ("any", "struct", "timestamp", "duration", "field_mask", "wrappers", "empty")
)
MOST_FIELDS = 12
URLS = (b"type.googleapis.com/M0", b"x/google.protobuf.Any", b"x/google.protobuf.Struct", b"x/nothing", b"")


def file(chance: Random) -> str:
    """A .proto's text with the messages M0, M1, …"""
    is_old = chance.random() < 0.4
    count = chance.randint(1, 4)
    longest = chance.choice((1, 1, 900))
    names = [f"M{number}" for number in range(count)]
    symbols = "".join(f" {'S' * longest}{number} = {number};" for number in range(3))
    text = f'syntax = "proto{2 if is_old else 3}"; {IMPORTS} enum E {{{symbols} }}'
    for name in names:
        fields = " ".join(
            _field(chance, number, names, is_old, "n" * longest) for number in range(1, MOST_FIELDS)
        )
        text += f" message {name} {{ {fields} {'extensions 100 to 200;' if is_old else ''} }}"
    return text + (" extend M0 { optional M0 more = 100; }" if is_old else "")


def _field(chance: Random, number: int, names: list[str], is_old: bool, before: str) -> str:
    kind = chance.choice((*SCALARS, *names, *names, "E", chance.choice(WELL_KNOWN)))
    if chance.random() < 0.15:
        return f"map<{chance.choice(('string', 'int64', 'bool'))}, {kind}> {before}f{number} = {number};"
    if is_old and chance.random() < 0.1:
        return f"optional group G{number} = {number} {{ optional int32 a = 1; }}"
    label = chance.choice(("repeated", "optional", "required" if is_old else ""))
    return f"{label or ('optional' if is_old else '')} {kind} {before}f{number} = {number};"


def message(chance: Random, depth: int = 0) -> bytes:
    """Fields of any number and any wire type: those that fit are read, the others are not known."""
    out = b""
    for _ in range(chance.randint(0, 6)):
        number, kind = (
            chance.choice((*range(1, MOST_FIELDS), 100, 5_000)),
            chance.choice((0, 1, 2, 2, 2, 3, 5)),
        )
        out += varint(number << 3 | kind)
        match kind:
            case 0:
                out += varint(chance.getrandbits(chance.choice((1, 7, 32, 64))))
            case 1:
                out += chance.randbytes(8)
            case 2:
                content = _content(chance, depth)
                out += varint(len(content)) + content
            case 3:
                out += (message(chance, depth + 1) if depth < 6 else b"") + varint(number << 3 | 4)
            case _:
                out += chance.randbytes(4)
    return out


def _content(chance: Random, depth: int) -> bytes:
    match chance.randrange(5):
        case 0 | 1 if depth < 6:
            return message(chance, depth + 1)
        case 2:
            url, inner = chance.choice(URLS), message(chance, depth + 1) if depth < 6 else b""
            return b"\x0a" + varint(len(url)) + url + b"\x12" + varint(len(inner)) + inner
        case 3:
            return b"text" * chance.randrange(4)
    return chance.randbytes(chance.choice((0, 2, 20, 300)))


def deep(chance: Random, levels: int) -> bytes:
    """A message within itself, by one field, as often as that."""
    tag, out = varint(chance.randrange(1, MOST_FIELDS) << 3 | 2), b""
    for _ in range(levels):
        out = tag + varint(len(out)) + out
    return out

"""Python source that decodes the values of one schema: straight code, as fast as Python reads bytes.

Promise: nothing of a schema is code. Names and symbols are ASCII literals or entries of a table. What is
written grows with the schema and no faster: a record that is used twice, and whatever stands deep in
others, is a function of its own. Each line knows which part of the value it reads, so a fault has a place
without a word of bookkeeping while nothing is wrong.

The value is there three times: `b`, its bytes; `h`, half of each byte, 255 where it is no number from 0 to
63 by itself; `t`, its bytes as characters, of which texts are cut. `p` is the place in it, `room` what it
may take yet, `d` the levels it is in. A cut beyond the end is short, and `p` then tells.
"""

from collections import deque

from processor.core.record.avro.room import CONTAINER, SCALAR, Room
from processor.core.record.avro.schema import Array, Enum, Fixed, Map, Primitive, Record, Type, Union
from processor.core.record.format import AvroPolicy

DEEPEST = 200
"""Levels of objects and arrays where a schema refers to itself."""
MOST_INLINE_LEVELS, MOST_INLINE_INDENT = 8, 16
"""Levels and indentation within one function."""
MOST_INLINE_BRANCHES = 8

_ARGUMENTS = "b, t, h, p, d, room"
_TIMES = {
    "date": "day",
    "time-millis": "time_millis",
    "time-micros": "time_micros",
    "timestamp-millis": "timestamp_millis",
    "timestamp-micros": "timestamp_micros",
    "timestamp-nanos": "timestamp_nanos",
    "local-timestamp-millis": "local_millis",
    "local-timestamp-micros": "local_micros",
    "local-timestamp-nanos": "local_nanos",
}


class Source:
    """The text of the functions, the first of which decodes a value; `table` has what they refer to."""

    def __init__(self, root: Type, room: Room, policy: AvroPolicy) -> None:
        self._room, self._policy = room, policy
        self.lines: list[str] = []
        self.places: list[str] = []
        """For each line, which part of what its function reads."""
        self.table: dict[str, object] = {}
        self._functions: dict[int, str] = {}
        self._enums: dict[int, str] = {}
        self._waiting: deque[tuple[str, Type]] = deque()
        self._variables = 0
        self._function_of(root)
        while self._waiting:
            self._write_function(*self._waiting.popleft())

    def _function_of(self, kind: Type) -> str:
        """The name of the function that reads this type."""
        known = self._functions.get(id(kind))
        if known is None:
            known = self._functions[id(kind)] = f"read_{len(self._functions)}"
            self._waiting.append((known, kind))
        return known

    def _write_function(self, name: str, kind: Type) -> None:
        self._line(0, "", f"def {name}({_ARGUMENTS}):")
        self._line(1, "", f"if d > {DEEPEST}: raise Wrong('is nested deeper than {DEEPEST} levels')")
        self._variables = 0
        value = self._variable()
        self._inline(kind, value, 1, "", 0)
        self._line(1, "", f"return {value}, p, room")

    def _line(self, indent: int, place: str, text: str) -> None:
        self.lines.append(" " * indent + text)
        self.places.append(place)

    def _variable(self) -> str:
        self._variables += 1
        return f"v{self._variables}"

    def _entry(self, value: object) -> str:
        name = f"table_{len(self.table)}"
        self.table[name] = value
        return name

    def _read(self, kind: Type, indent: int, place: str, level: int, into: str = "") -> str:
        """Write what reads a value of this type; the variable that then has it, `into` if that is given."""
        into = into or self._variable()
        is_shared = isinstance(kind, Record) and kind.uses > 1
        is_far = level > MOST_INLINE_LEVELS or indent > MOST_INLINE_INDENT
        is_deep = is_far and isinstance(kind, Record | Union | Array | Map)
        if is_shared or is_deep:
            call = f"{self._function_of(kind)}(b, t, h, p, d + {level}, room)"
            self._line(indent, place, f"{into}, p, room = {call}")
            return into
        self._inline(kind, into, indent, place, level)
        return into

    def _inline(self, kind: Type, into: str, indent: int, place: str, level: int) -> None:
        match kind:
            case Record():
                self._record(kind, into, indent, place, level)
            case Union():
                self._union(kind, into, indent, place, level)
            case Array():
                self._items(kind.items, into, indent, place, level)
            case Map():
                self._items(kind.values, into, indent, place, level, are_named=True)
            case Enum():
                self._enum(kind, into, indent, place)
            case Fixed():
                self._line(indent, place, f"q = p + {kind.size}")
                if kind.size:  # else a short value could be a million cuts of nothing
                    self._line(indent, place, "if q > len(b): raise IndexError")
                self._bytes(kind, into, indent, place)
            case _:
                self._primitive(kind, into, indent, place)

    def _enum(self, enum: Enum, into: str, indent: int, place: str) -> None:
        if (symbols := self._enums.get(id(enum))) is None:
            symbols = self._enums[id(enum)] = self._entry(tuple(map(_spelled, enum.symbols)))
        self._number(into, indent, place)
        self._line(indent, place, f"if {into} < 0 or {into} >= {len(enum.symbols)}:")
        self._line(indent + 1, place, "raise Wrong('has an enum symbol that is none')")
        self._line(indent, place, f"{into} = {symbols}[{into}]")

    def _record(self, record: Record, into: str, indent: int, place: str, level: int) -> None:
        members = []
        for name, kind in record.fields:
            inner = f"{place}.{name}" if place else name
            members.append(f"{_spelled(name)!a}: {self._read(kind, indent, inner, level + 1)}")
        self._line(indent, place, f"{into} = {{{', '.join(members)}}}")

    def _union(self, union: Union, into: str, indent: int, place: str, level: int) -> None:
        self._line(indent, place, "n = b[p]; p += 1")
        self._line(indent, place, "if n > 127: n, p = raw(b, p)")
        least = self._room.of(union)
        if len(union.branches) > MOST_INLINE_BRANCHES:
            self._table_of_branches(union, into, indent, place, level)
            return
        for number, kind in enumerate(union.branches):
            self._line(indent, place, f"{'elif' if number else 'if'} n == {2 * number}:")
            more = self._room.of(kind) - least + self._tag_length(kind)
            if more > SCALAR:
                self._line(indent + 1, place, f"room -= {more}")
                self._line(indent + 1, place, "if room < 0: raise Wrong(TOO_MUCH)")
            value = self._read(kind, indent + 1, place, level + self._policy.unions_tagged, into)
            if (tagged := self._tagged(kind, value)) != into:
                self._line(indent + 1, place, f"{into} = {tagged}")
        self._line(indent, place, "else: raise Wrong('has a union branch that is none')")

    def _table_of_branches(self, union: Union, into: str, indent: int, place: str, level: int) -> None:
        """Many branches: a function for each, found by its number."""
        least = self._room.of(union)
        functions = self._entry([self._function_of(each) for each in union.branches])
        charges = self._entry([self._room.of(k) - least + self._tag_length(k) for k in union.branches])
        self._line(indent, place, f"if n & 1 or n >= {2 * len(union.branches)}:")
        self._line(indent + 1, place, "raise Wrong('has a union branch that is none')")
        self._line(indent, place, "n >>= 1")
        self._line(indent, place, f"room -= {charges}[n]")
        self._line(indent, place, "if room < 0: raise Wrong(TOO_MUCH)")
        tags = ""
        if self._policy.unions_tagged:
            tags = self._entry([None if k.name == "null" else _spelled(k.name) for k in union.branches])
            self._line(indent, place, f"tag = {tags}[n]")
        call = f"functions[{functions}[n]](b, t, h, p, d + {level + self._policy.unions_tagged}, room)"
        self._line(indent, place, f"{into}, p, room = {call}")
        if tags:
            self._line(indent, place, f"if tag is not None: {into} = {{tag: {into}}}")

    def _tagged(self, kind: Type, value: str) -> str:
        if not self._policy.unions_tagged or kind.name == "null":
            return value
        return f"{{{_spelled(kind.name)!a}: {value}}}"

    def _tag_length(self, kind: Type) -> int:
        return CONTAINER + len(kind.name) if self._policy.unions_tagged and kind.name != "null" else 0

    def _items(
        self, kind: Type, into: str, indent: int, place: str, level: int, *, are_named: bool = False
    ) -> None:
        """Blocks of items, the last of none. They are paid for before the first of them is read."""
        inner, charge = f"{place}[]", self._room.of(kind) + (CONTAINER if are_named else 0)
        self._line(indent, place, f"{into} = {{}}" if are_named else f"{into} = []")
        self._line(indent, place, "while True:")
        self._line(indent + 1, place, "n = h[p]; p += 1")
        self._line(indent + 1, place, "if n > 63: n, p = count(b, p)")
        self._line(indent + 1, place, "if not n: break")
        self._line(indent + 1, place, f"room -= n * {charge}")
        self._line(indent + 1, place, "if room < 0: raise Wrong(TOO_MUCH)")
        self._line(indent + 1, place, "for _ in range(n):")
        name = self._variable()
        if are_named:
            self._text(name, indent + 2, inner)
        value = self._read(kind, indent + 2, inner, level + 1)
        self._line(indent + 2, inner, f"{into}[{name}] = {value}" if are_named else f"{into}.append({value})")

    def _primitive(self, kind: Primitive, into: str, indent: int, place: str) -> None:
        match kind.name:
            case "null":
                self._line(indent, place, f"{into} = None")
            case "boolean":
                self._line(indent, place, f"{into} = b[p]; p += 1")
                self._line(indent, place, f"if {into} > 1: raise Wrong('has a boolean that is neither')")
                self._line(indent, place, f"{into} = {into} == 1")
            case "int" | "long":
                self._number(into, indent, place)
                if kind.logical and not self._policy.times_as_numbers:
                    self._line(indent, place, f"{into} = {_TIMES[kind.logical]}({into})")
            case "float":
                self._line(indent, place, f"{into} = shortest_float(float32(b, p)[0]); p += 4")
            case "double":
                self._line(indent, place, f"{into} = float64(b, p)[0]; p += 8")
            case "string":
                self._text(into, indent, place)
            case _:
                self._length(indent, place)
                self._line(indent, place, "q = p + n")
                self._bytes(kind, into, indent, place)

    def _number(self, into: str, indent: int, place: str) -> None:
        self._line(indent, place, f"{into} = b[p]; p += 1")
        self._line(indent, place, f"if {into} < 128: {into} = small[{into}]")
        self._line(indent, place, f"else: {into}, p = wide(b, p)")

    def _length(self, indent: int, place: str) -> None:
        self._line(indent, place, "n = h[p]; p += 1")
        self._line(indent, place, "if n > 63: n, p = length(b, p)")

    def _text(self, into: str, indent: int, place: str) -> None:
        self._length(indent, place)
        self._line(indent, place, f"q = p + n; {into} = t[p:q]; p = q")

    def _bytes(self, kind: Primitive | Fixed, into: str, indent: int, place: str) -> None:
        match kind.logical:
            case "decimal":
                name = "decimal_number" if self._policy.decimals_as_numbers else "decimal"
                value = f"{name}(b[p:q], {kind.scale})"
            case "duration" | "uuid" as name:
                value = f"{name}(b[p:q])"
            case _:
                value = "base64(b[p:q], newline=False).decode()"
        self._line(indent, place, f"{into} = {value}; p = q")


def _spelled(name: str) -> str:
    """The UTF-8 of a name, each byte a character, as texts are."""
    return name.encode().decode("latin-1")

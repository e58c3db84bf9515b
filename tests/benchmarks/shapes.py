"""What hostile events cost beside plain ones: `python -m tests.benchmarks.shapes`.

Every shape is an event of about as many bytes as it is asked for, made to be dear. It is prepared and
written for the wire; what that costs is CPU time, the least of several tries, as a multiple of what a plain
event of as many bytes costs. `doubled` is what twice as many bytes cost, at the dearest step: 2 is linear.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise

from processor.core.request.transform import Method, Prepared, RequestPolicy
from processor.model import Request
from processor.traffic.preparation import Preparation
from processor.web.request_writer import RequestWriter
from tests.support.builders import prepared

ORIGIN = "https://h.example"
SIZES = tuple(2**power for power in range(12, 21))
"""From 4 KiB to a megabyte."""
FLOOR_SECONDS = 0.004
"""What the dearest work may cost that is bounded by a length and not by the size of the event."""

Shape = Callable[[int], str]


def plain(size: int) -> str:
    """An event with as many ordinary products as make up its size."""
    product = (
        '{"product_id":"sku-17","price":24.9,"currency":"EUR","categories":["home","cups"],"position":3}'
    )
    count = max(1, (size - 100) // (len(product) + 1))
    return f'{{"type":"track","event":"Seen","properties":{{"products":[{",".join([product] * count)}]}}}}'


def repeated(before: str, piece: str, after: str, between: str = "") -> Shape:
    """`piece` as often as there is room for."""

    def shape(size: int) -> str:
        count = max(1, (size - len(before) - len(after)) // (len(piece) + len(between)))
        return before + between.join([piece] * count) + after

    return shape


def text(member: str, piece: str) -> Shape:
    """A member whose text is made of a piece."""
    return repeated(f'{{"{member}":"', piece, '"}')


def numbered(before: str, piece: str, after: str) -> Shape:
    """Members with names that all differ."""

    def shape(size: int) -> str:
        count = max(1, size // (len(piece) + 4))
        return before + ",".join(piece.replace("#", f"{n:x}") for n in range(count)) + after

    return shape


def bomb(depth: int) -> Shape:
    """Long names above many leaves: flattened, each leaf repeats them all."""

    def shape(size: int) -> str:
        name = "n" * (size // (2 * depth))
        leaves = ",".join(["1"] * (size // 4))
        return '{"properties":' + f'{{"{name}":' * depth + f"[{leaves}]" + "}" * depth + "}"

    return shape


def nested(opening: str, closing: str, before: str, after: str) -> Shape:
    """As deep as its size allows."""

    def shape(size: int) -> str:
        depth = size // (len(opening) + len(closing))
        return before + opening * depth + closing * depth + after

    return shape


def around(depth: int, before: str, after: str) -> Shape:
    """Lists within lists around one long text."""
    return lambda size: before + "[" * depth + '"' + "x" * (size - 2 * depth) + '"' + "]" * depth + after


def hosts(piece: str, before: str = "") -> Shape:
    """A whole URL with a long host."""
    return repeated(f'{{"fullPath":"https://{before}', piece, '/x"}')


PATHS = (
    "/",
    "%25",
    "%252525",
    "%25a",
    "%2525252525a",
    "/.a",
    "/...",
    "/.;",
    "..",
    "\\\\",
    "%2e%61",
    "%",
    "ü",
    "😀",
)
HOSTS = ("ü", "ü.", "a\u0301", "\ufdfa", "中文", "a.", "a", "[", "@", ":", "xn--", "\u00ad", "\u1100\u1161")

SHAPES: dict[str, Shape] = {
    "deep lists": nested("[", "]", '{"a":', "}"),
    "deep lists, some": repeated('{"a":[', "[" * 200 + "]" * 200, "]}", ","),
    "deep objects in properties": nested('{"a":', "}", '{"properties":', "}"),
    "deep lists in a header": nested("[", "]", '{"header":{"X":', "}}"),
    "lists around a text in a header": around(250, '{"header":{"X":', "}}"),
    "lists around a text in properties": around(250, '{"properties":', "}"),
    "lists around a text in context": around(250, '{"request_ip":"1","context":{"a":', "}}"),
    "many members": numbered("{", '"m#":1', "}"),
    "many members, one null": numbered('{"n":null,', '"m#":1', "}"),
    "one member again and again": repeated("{", '"a":1', "}", ","),
    "header again and again": repeated("{", '"header":{"X":"y"}', "}", ","),
    "many headers": numbered('{"header":{', '"X-#":"v"', "}}"),
    "many headers of the connection": repeated('{"header":{', '"Host":"x"', "}}", ","),
    "a long header name": repeated('{"header":{"', "X", '":"\\n"}}'),
    "a long header value": repeated('{"header":{"X":"', "v", '"}}'),
    "numbers in a header": repeated('{"header":{"X":[', "1", "]}}", ","),
    "escapes in a header": repeated('{"header":{"X":"', "\\u0041", '"}}'),
    "numbers in properties": repeated('{"properties":[', "1", "]}", ","),
    "objects in properties": repeated('{"properties":[', "{}", "]}", ","),
    "members in properties": numbered('{"properties":{', '"m#":1', "}}"),
    "a member in properties again and again": repeated('{"properties":{', '"a":1', "}}", ","),
    "a long number": repeated('{"properties":{"a":', "9", "}}"),
    "a long fraction": repeated('{"properties":{"a":0.', "1", "e-9}}"),
    "a long address": repeated('{"request_ip":', "9", "}"),
    "a long zero for an address": repeated('{"request_ip":0.', "0", ',"context":{}}'),
    "white space": repeated('{"properties":{', " ", "}}"),
    "escapes": text("a", "\\u00e9"),
    "escapes in properties": repeated('{"properties":{"a":"', "\\u00e9", '"}}'),
    "halves of surrogates": text("a", "\\ud83d"),
    "pairs and halves": text("a", "\\ud83d\\ud83d\\ude00"),
    "halves behind backslashes": text("a", "\\\\\\ud83d"),
    "backslashes and a half": repeated('{"a":"\\ud83d', "\\\\", '"}'),
    "numbers beside half a surrogate": repeated('{"a":"\\ud83d","b":[', "1", "]}", ","),
    "objects beside half a surrogate": repeated('{"a":"\\ud83d","b":[', "{}", "]}", ","),
    "long numbers beside half a surrogate": repeated('{"a":"\\ud83d","b":', "9", "}"),
    "members beside half a surrogate": numbered('{"a":"\\ud83d","n":null,', '"m#":1', "}"),
    "halves in properties": repeated('{"properties":{"a":"', "\\ud83d", '"}}'),
    "halves and backslashes in a path": text("appendPath", "\\\\\\ud83d"),
    "non-ASCII text": text("a", "ü"),
    "combining characters": text("a", "\u0301"),
    "a long type": text("type", "identify"),
    "lists for a type": repeated('{"type":[', "1", "]}", ","),
    "integrations of many": numbered('{"integrations":{', '"I#":false', "}}"),
    "integrations again and again": repeated('{"integrations":{', '"Webhook":{"fullPath":1}', "}}", ","),
    "integrations with a long path": repeated('{"integrations":{"webhook":{"appendPath":"', "/", '"}}}'),
    "integrations of lists": repeated('{"integrations":{"Path":false,"a":[', "[]", "]}}", ","),
    "integrations that are text": text("integrations", "Path\\\\"),
    "context of many, and an address": numbered('{"request_ip":"1","context":{', '"m#":1', "}}"),
    "traits of a context": numbered('{"type":"identify","context":{"traits":{', '"m#":1', "}}}"),
    "a bomb of one long name": bomb(1),
    "a bomb of ten long names": bomb(10),
    "a bomb of many names": bomb(200),
    "empty names": nested('{"":{"x":1},"":', "}", '{"properties":', "}"),
    "names that collide": numbered('{"properties":{', '"a.#":{"b":1},"a":{"#.b":1}', "}}"),
    "no JSON": repeated("", "x", ""),
    "no JSON behind half a surrogate": repeated('{"a":"\\ud83d",', '"b":1', ",,", ","),
    "a byte order mark": lambda size: "\ufeff" + plain(size),
    **{f"appended {piece!r}": text("appendPath", piece) for piece in PATHS},
    **{f"a host of {piece!r}": hosts(piece) for piece in HOSTS},
    **{
        f"a URL of {piece!r}": repeated('{"fullPath":"https://h.example/', piece, '"}') for piece in PATHS[:5]
    },
}
"""What an attacker, or a careless sender, may put into a topic."""


def sender(method: Method) -> Callable[[bytes], object]:
    """Prepares events and writes them for the wire."""
    preparation = Preparation(RequestPolicy(f"{ORIGIN}/base", method))
    write = RequestWriter("h.example").write

    def send(value: bytes) -> object:
        made = prepared(preparation, value)
        if not isinstance(made, Request | Prepared):
            return made
        request = made.request if isinstance(made, Prepared) else made
        return write(request, request.url[len(ORIGIN) :])

    return send


def cost(send: Callable[[bytes], object], value: bytes, tries: int = 3) -> float:
    """CPU seconds, the least of several tries."""
    least = float("inf")
    with untraced():
        for _ in range(tries):
            began = time.process_time()
            send(value)
            least = min(least, time.process_time() - began)
    return least


@contextmanager
def untraced() -> Iterator[None]:
    """Where lines are counted, a line of Python costs ten times as much, and what C does nothing more."""
    tracing = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracing)


def costs(shape: Shape, method: Method, sizes: Iterable[int], tries: int = 3) -> Iterator[float]:
    """What each size costs."""
    send = sender(method)
    for size in sizes:
        yield cost(send, shape(size).encode(), tries)


def doubled(measured: Iterable[float]) -> float:
    """The dearest step from a size to its double, where it costs more than the floor at all."""
    return max((after / before for before, after in pairwise(measured) if after > FLOOR_SECONDS), default=0.0)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.shapes", description=__doc__)
    parser.add_argument("--tries", type=int, default=3)
    asked = parser.parse_args()
    usual = list(costs(plain, Method.POST, SIZES, asked.tries))
    print(f"{'':44} {'':6} {'64 KiB':>9} {'1 MiB':>9} {'ratio':>7} {'doubled':>8}")
    rows = []
    for name, shape in SHAPES.items():
        for method in (Method.POST, Method.GET):
            measured = list(costs(shape, method, SIZES, asked.tries))
            rows.append((measured[-1] / usual[-1], name, method.value, measured, doubled(measured)))
    for ratio, name, verb, measured, step in sorted(rows, reverse=True):
        small, large = (f"{measured[at] * 1e3:6.2f} ms" for at in (4, -1))
        print(f"{name:44} {verb:6} {small} {large} {ratio:7.1f} {step:8.1f}")
    print(f"{'a plain event':44} {'POST':6} {usual[4] * 1e3:6.2f} ms {usual[-1] * 1e3:6.2f} ms")


if __name__ == "__main__":
    main()

"""Servers that never stop, and how much memory they cost us."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.endpoint import Behaviour

MIB = 1024 * 1024
PROCESS = Path("/proc/self")


def flooding(begin: bytes, go_on: bytes) -> Behaviour:
    """A behaviour: read a head, write `begin`, then `go_on` as fast as it is taken, for ever."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        await pour(writer, go_on)

    return behave


def dripping(said: bytes, pause: float, begin: bytes = b"") -> Behaviour:
    """A behaviour: read a head, answer `begin` at once, then byte for byte with pauses."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        for byte in said:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(pause)

    return behave


async def pour(writer: asyncio.StreamWriter, water: bytes) -> None:
    """Write until the other side ends it with a ConnectionError."""
    while True:
        writer.write(water)
        await writer.drain()
        await asyncio.sleep(0)


@contextmanager
def memory() -> Iterator[Callable[[], int]]:
    """By how many bytes the resident memory has grown at most since the beginning."""
    (PROCESS / "clear_refs").write_text("5", encoding="ascii")
    before = _peak()
    yield lambda: _peak() - before


def _peak() -> int:
    lines = (PROCESS / "status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))

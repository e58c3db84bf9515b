"""What the receiver writes down of every request, read while it writes and afterwards.

The layout is that of `receiver.c`: eight counters of 64 bits, then a row of 24 bytes per request, in the
order of arrival. Times are nanoseconds of the wall clock.
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

_COUNTERS = struct.Struct("8Q")
_ROW = struct.Struct("IIQQ")
UNKNOWN = 0xFFFF_FFFF
"""The number of an event that has none, or one that was never produced."""


class Receipt(NamedTuple):
    """One request; `answered_ns` is 0 where its sender was gone before the answer."""

    number: int
    status: int
    arrived_ns: int
    answered_ns: int


class Counters(NamedTuple):
    """How far the receiver is. `settled`: different events answered by anything but 503."""

    requests: int
    settled: int
    rows: int
    dropped: int
    unknown: int
    connections: int
    at_once: int
    most_at_once: int


class Receipts:
    """The mapped file. Close it, or use it as a context manager."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    @classmethod
    def create(cls, path: Path, rows: int) -> Self:
        """An empty file with room for so many requests."""
        with path.open("wb") as file:
            file.truncate(_COUNTERS.size + rows * _ROW.size)
        return cls(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Unmap it."""
        self._map.close()

    def counters(self) -> Counters:
        """As of now."""
        return Counters(*_COUNTERS.unpack_from(self._map))

    def settled(self) -> int:
        """As of now: different events answered by anything but 503."""
        return int.from_bytes(self._map[8:16], "little")

    def rows(self) -> Iterator[Receipt]:
        """All requests so far, in the order of arrival.

        Raises ValueError where the file had no room for all of them, or one named no event of the topic.
        """
        counters = self.counters()
        if counters.dropped or counters.unknown:
            raise ValueError(f"not every request has a receipt with a number: {counters}")
        end = _COUNTERS.size + counters.rows * _ROW.size
        return (Receipt(*row) for row in _ROW.iter_unpack(self._map[_COUNTERS.size : end]))

    def write(self, rows: list[Receipt]) -> None:
        """Put rows in place of the receiver's, for tests of those that judge them."""
        settled = len({row.number for row in rows if row.status != 503})
        _COUNTERS.pack_into(self._map, 0, len(rows), settled, len(rows), 0, 0, 0, 0, 0)
        for at, row in enumerate(rows):
            _ROW.pack_into(self._map, _COUNTERS.size + at * _ROW.size, *row)

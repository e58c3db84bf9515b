"""Small PNG files: pictures of a page have few colours, and 256 of them are enough.

Each pixel has the nearest of the file's colours, which are as far from each other as it takes to be so few.
"""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS = 256

Colour = tuple[int, int, int]


def encoded(width: int, height: int, rgba: bytes) -> bytes:
    """The file for these pixels; their opacity is left out."""
    pixels = list(zip(rgba[0::4], rgba[1::4], rgba[2::4], strict=True))
    counts: Counter[Colour] = Counter(pixels)
    palette = _palette([colour for colour, _ in counts.most_common()])
    index = {colour: _nearest(colour, palette) for colour in counts}
    indices = bytes(map(index.__getitem__, pixels))
    lines = b"".join(b"\0" + indices[at : at + width] for at in range(0, width * height, width))
    return SIGNATURE + b"".join(
        [
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", bytes(part for colour in palette for part in colour)),
            _chunk(b"IDAT", zlib.compress(lines, 9)),
            _chunk(b"IEND", b""),
        ]
    )


def chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of every chunk; a wrong checksum fails."""
    assert file.startswith(SIGNATURE)
    at = len(SIGNATURE)
    while at < len(file):
        (length,) = struct.unpack_from(">I", file, at)
        kind, content = file[at + 4 : at + 8], file[at + 8 : at + 8 + length]
        assert file[at : at + 12 + length] == _chunk(kind, content)
        yield kind, content
        at += 12 + length


def _palette(colours: list[Colour]) -> list[Colour]:
    spacing = 0
    while len(palette := _spread(colours, spacing)) > _COLOURS:
        spacing += 2
    return palette


def _spread(colours: list[Colour], spacing: int) -> list[Colour]:
    kept: list[Colour] = []
    for colour in colours:
        if all(_distance(colour, other) > spacing**2 for other in kept):
            kept.append(colour)
    return kept


def _nearest(colour: Colour, palette: list[Colour]) -> int:
    return min(range(len(palette)), key=lambda n: _distance(colour, palette[n]))


def _distance(one: Colour, other: Colour) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

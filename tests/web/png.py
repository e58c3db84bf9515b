"""Small PNG files: pictures of a page have few colours, and 256 of them are enough.

A file has the colours that most pixels have; the others become the nearest of these.
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
    counts = Counter(pixels)
    palette = [colour for colour, _ in counts.most_common(_COLOURS)]
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


def _nearest(colour: Colour, palette: list[Colour]) -> int:
    return min(range(len(palette)), key=lambda n: sum((a - b) ** 2 for a, b in zip(colour, palette[n], strict=True)))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

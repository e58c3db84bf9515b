"""Bodies of answers that are compressed, although nobody asked for that: read for people.

Promise: whatever is sent, no more than `limit` bytes come of it, and no more work than they take; what
cannot be read stays as it came.
"""

import zlib
from typing import Final

_GZIP: Final = 16 + zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS
_WINDOWS: Final = {"gzip": (_GZIP,), "x-gzip": (_GZIP,), "deflate": (zlib.MAX_WBITS, _RAW)}
"""By their names (RFC 9110, 8.4.1); some say `deflate` for what has no frame of zlib's around it."""


def readable(body: bytes, encoding: str, limit: int) -> bytes:
    """The first bytes of what `body`, which may be cut off, was before it was compressed."""
    for window in _WINDOWS.get(encoding, ()):
        try:
            return zlib.decompressobj(window).decompress(body, limit) or body
        except zlib.error:
            continue
    return body

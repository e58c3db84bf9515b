"""How deep JSON is nested.

Promise: what is nested deeper than `DEEPEST` is known before it is decoded, on every interpreter alike,
and in time that is linear in its length. A decoder by itself stops where its stack ends: at another depth
with each version of Python, or nowhere.
"""

from itertools import accumulate

DEEPEST = 256
"""Levels of objects and arrays, the outermost one counted: what every Python can walk through."""

_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS = bytes(byte for byte in range(256) if byte not in _STEPS)


def is_too_deep(value: bytes, deepest: int = DEEPEST) -> bool:
    """Whether JSON has more levels than `deepest`; of what is no JSON, whether its brackets have."""
    if len(value) <= deepest or value.count(b"[") + value.count(b"{") <= deepest:
        return False
    bare = value.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = b"".join(bare.split(b'"')[::2]).translate(None, _OTHERS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > deepest

"""Bytes that are no longer what somebody wrote: flipped, cut, repeated, with numbers beyond all bounds."""

from random import Random

HOSTILE = (
    b"\xff" * 9 + b"\x01",
    b"\xfe" + b"\xff" * 8 + b"\x01",
    b"\xff" * 10,
    b"\x80" * 9 + b"\x01",
    b"\x80\x80\x80\x80\x80\x40",
    b"\x01",
    b"\x00" * 16,
    b"\xff\xfe\xfd",
    b"\xed\xa0\xbd",
    b"\xc3",
)
"""Numbers of 64 bits and more, negative ones, a terabyte of items, what is not UTF-8."""


def mutated(chance: Random, value: bytes) -> bytes:
    """The bytes, changed in one to four places."""
    found = bytearray(value)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(found) + 1)
        match chance.randrange(7):
            case 0:
                found[at : at + 1] = bytes((chance.randrange(256),))
            case 1:
                found[at:at] = chance.choice(HOSTILE)
            case 2:
                del found[at : at + chance.randint(1, 8)]
            case 3:
                del found[at:]
            case 4:
                found[at:at] = found[at : at + chance.randint(1, 64)] * chance.randint(1, 300)
            case 5:
                found[at:at] = chance.randbytes(chance.randint(1, 20))
            case _:
                before = found[at] if at < len(found) else 0
                found[at : at + 1] = bytes((before ^ 1 << chance.randrange(8),))
    return bytes(found)


def mutated_text(chance: Random, text: str) -> str:
    """The same of a schema's text; what is no UTF-8 then becomes U+FFFD."""
    return mutated(chance, text.encode()).decode(errors="replace")


def varint(number: int) -> bytes:
    """A number as both formats write it, without a sign."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))

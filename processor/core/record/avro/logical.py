"""What Avro's logical types and its numbers are in JSON.

Promise: exact and total. Decimals have all their digits, plain, and exactly as many behind the point as
their scale says; times have as many digits as their unit; what no calendar of four-digit years knows stays
the number that it is; a float is the shortest text that is the same in 32 bits.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from struct import Struct
from uuid import UUID

import msgspec

LONGEST_DECIMAL = 1_000
"""Bytes of an unscaled value: digits cost the square of their number."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(1970, 1, 1).toordinal()
_DAYS = range(1 - _FIRST_DAY, date(9999, 12, 31).toordinal() - _FIRST_DAY + 1)
_MINUTES = range(_DAYS.start * 1_440, _DAYS.stop * 1_440)
_DAY = range(86_400)
_FLOAT = Struct("<f")
_DURATION = Struct("<III")


def decimal(unscaled: bytes, scale: int) -> str:
    """12.30 for 1230 at scale 2. Raises ValueError where it is longer than `LONGEST_DECIMAL`."""
    if len(unscaled) > LONGEST_DECIMAL:
        raise ValueError(f"a decimal of more than {LONGEST_DECIMAL} bytes")
    number = int.from_bytes(unscaled, signed=True)
    if not scale:
        return str(number)
    digits = str(abs(number)).rjust(scale + 1, "0")
    return f"{'-' if number < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def decimal_number(unscaled: bytes, scale: int) -> msgspec.Raw:
    """The same, to be written as a number."""
    return msgspec.Raw(decimal(unscaled, scale).encode())


def day(days: int) -> str | int:
    """2026-11-27"""
    return date.fromordinal(days + _FIRST_DAY).isoformat() if days in _DAYS else days


def time_millis(millis: int) -> str | int:
    """13:05:06.789"""
    return _clock(millis, 3)


def time_micros(micros: int) -> str | int:
    """13:05:06.789123"""
    return _clock(micros, 6)


def timestamp_millis(millis: int) -> str | int:
    """2026-11-27T13:05:06.789Z"""
    return _moment(millis, 3, "Z")


def timestamp_micros(micros: int) -> str | int:
    """2026-11-27T13:05:06.789123Z"""
    return _moment(micros, 6, "Z")


def timestamp_nanos(nanos: int) -> str | int:
    """2026-11-27T13:05:06.789123456Z"""
    return _moment(nanos, 9, "Z")


def local_millis(millis: int) -> str | int:
    """2026-11-27T13:05:06.789"""
    return _moment(millis, 3, "")


def local_micros(micros: int) -> str | int:
    """2026-11-27T13:05:06.789123"""
    return _moment(micros, 6, "")


def local_nanos(nanos: int) -> str | int:
    """2026-11-27T13:05:06.789123456"""
    return _moment(nanos, 9, "")


def duration(stored: bytes) -> str:
    """P1M2DT0.003S"""
    months, days, millis = _DURATION.unpack(stored.ljust(12, b"\0"))
    return f"P{months}M{days}DT{millis // 1000}.{millis % 1000:03}S"


def uuid(stored: bytes) -> str:
    """89791762-2336-4186-9674-299b90a802e2"""
    return str(UUID(bytes=stored.ljust(16, b"\0")))


def shortest_float(number: float) -> float | None:
    """The number of the fewest digits that is `number` in 32 bits; None for what JSON has not."""
    if number - number != 0:
        return None
    for digits in (6, 7, 8):
        short = float(f"{number:.{digits}g}")
        if abs(short) < 3.4028235677973366e38 and _FLOAT.unpack(_FLOAT.pack(short))[0] == number:
            return short
    return float(f"{number:.9g}")


def _clock(ticks: int, places: int) -> str | int:
    seconds, rest = divmod(ticks, 10**places)
    if seconds not in _DAY:
        return ticks
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:0{places}}"


def _moment(ticks: int, places: int, zone: str) -> str | int:
    minutes, rest = divmod(ticks, 60 * 10**places)
    before = minute(minutes)
    if before is None:
        return ticks
    digits = str(rest + 100 * 10**places)
    return f"{before}{digits[1:3]}.{digits[3:]}{zone}"


@lru_cache(maxsize=1_000)
def minute(minutes: int) -> str | None:
    """2026-11-27T13:05: or None; events of one minute come together, and this is most of a moment's cost."""
    if minutes not in _MINUTES:
        return None
    return (_EPOCH + timedelta(0, minutes * 60)).isoformat()[:17]

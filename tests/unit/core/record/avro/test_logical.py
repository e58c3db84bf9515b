"""Logical types are exact text, or the number that they are."""

import math
import struct
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from processor.core.record.avro import logical

LONGS = st.integers(-(2**63), 2**63 - 1)
EPOCH = datetime(1970, 1, 1)


@given(st.integers(-(10**60), 10**60), st.integers(0, 40))
def test_a_decimal_has_all_its_digits_and_as_many_behind_the_point_as_its_scale(
    unscaled: int, scale: int
) -> None:
    stored = unscaled.to_bytes(unscaled.bit_length() // 8 + 1, signed=True)
    text = logical.decimal(stored, scale)
    assert Fraction(text) == Fraction(unscaled, 10**scale)
    assert len(text.partition(".")[2]) == scale
    assert text == format(Decimal(unscaled).scaleb(-scale, Context(prec=100)), "f")
    assert bytes(logical.decimal_number(stored, scale)) == text.encode()


def test_a_decimal_of_no_bytes_is_nothing_and_one_of_too_many_is_refused() -> None:
    assert logical.decimal(b"", 2) == "0.00"
    assert len(logical.decimal(b"\x7f" * logical.LONGEST_DECIMAL, 0)) == 2408
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        logical.decimal(bytes(logical.LONGEST_DECIMAL + 1), 0)


@given(LONGS, st.sampled_from([("millis", 3), ("micros", 6), ("nanos", 9)]))
def test_a_moment_is_iso_8601_with_the_digits_of_its_unit_or_the_number(
    ticks: int, unit: tuple[str, int]
) -> None:
    name, places = unit
    text = getattr(logical, f"timestamp_{name}")(ticks)
    local = getattr(logical, f"local_{name}")(ticks)
    seconds, rest = divmod(ticks, 10**places)
    if not -62_135_596_800 <= seconds < 253_402_300_800:
        assert text == local == ticks
        return
    assert datetime.fromisoformat(text[:19]) - EPOCH == timedelta(seconds=seconds)
    assert text[19:] == f".{str(rest).zfill(places)}Z"
    assert text == f"{local}Z"


@pytest.mark.parametrize(
    ("ticks", "text"),
    [(-62_135_596_800_000, "0001-01-01T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z")],
)
def test_the_first_and_the_last_moment_of_four_digit_years_are_text(ticks: int, text: str) -> None:
    assert logical.timestamp_millis(ticks) == text
    beyond = ticks + (1 if ticks > 0 else -1)
    assert logical.timestamp_millis(beyond) == beyond


@given(st.integers(-(2**31), 2**31 - 1) | st.dates().map(lambda day: day.toordinal() - 719_163))
def test_a_day_is_its_date_or_the_number(days: int) -> None:
    text = logical.day(days)
    if isinstance(text, str):
        assert date.fromisoformat(text) - date(1970, 1, 1) == timedelta(days=days)
    else:
        assert text == days
        assert not 1 <= days + 719_163 <= date.max.toordinal()


@pytest.mark.parametrize(
    ("ticks", "text"),
    [
        (0, "00:00:00.000"),
        (47_106_789, "13:05:06.789"),
        (86_399_999, "23:59:59.999"),
        (86_400_000, 86_400_000),
    ],
)
def test_a_time_of_day_is_text_within_a_day(ticks: int, text: str | int) -> None:
    assert logical.time_millis(ticks) == text
    micros = text + "000" if isinstance(text, str) else text * 1000
    assert logical.time_micros(ticks * 1000) == micros
    assert logical.time_millis(-1) == -1


def test_a_duration_and_a_uuid_have_their_own_spelling() -> None:
    assert logical.duration(struct.pack("<III", 1, 2, 3)) == "P1M2DT0.003S"
    assert logical.duration(b"\xff" * 12) == "P4294967295M4294967295DT4294967.295S"
    assert logical.uuid(bytes(range(16))) == "00010203-0405-0607-0809-0a0b0c0d0e0f"


@pytest.mark.parametrize("number", [1.1, 0.1, 16_777_216.0, 3.4028234663852886e38, 1e-45, -0.0, 0.103488095])
def test_a_float_is_the_text_of_the_fewest_digits_that_is_the_same_in_32_bits(number: float) -> None:
    stored = struct.unpack("<f", struct.pack("<f", number))[0]
    short = logical.shortest_float(stored)
    assert short is not None
    assert struct.pack("<f", short) == struct.pack("<f", stored)
    assert len(repr(short)) <= len(repr(stored))


@pytest.mark.parametrize("number", [1.1, 9.23308e-16, 0.000994101, 9.56104e-19, 16_777_216.0, 3.4028235e38])
def test_a_float_of_few_digits_is_the_text_that_was_written(number: float) -> None:
    assert logical.shortest_float(struct.unpack("<f", struct.pack("<f", number))[0]) == number


@given(st.floats(width=32))
@example(math.inf)
def test_any_float_is_itself_in_32_bits_or_null(number: float) -> None:
    short = logical.shortest_float(number)
    if number - number != 0:
        assert short is None
    else:
        assert short is not None
        assert struct.pack("<f", short) == struct.pack("<f", number)


def test_the_moment_of_the_examples_is_theirs() -> None:
    moment = datetime(2026, 11, 27, 13, 5, 6, 789_123, tzinfo=UTC)
    micros = round(moment.timestamp() * 1_000_000)
    assert logical.timestamp_micros(micros) == "2026-11-27T13:05:06.789123Z"
    assert logical.timestamp_nanos(micros * 1000 + 456) == "2026-11-27T13:05:06.789123456Z"

"""Moments as services write them."""

import pytest

from processor.core.services.civil import moment, stamp


def test_a_moment_is_written_as_aws_writes_it() -> None:
    assert stamp(1_440_938_160.9) == "20150830T123600Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2015-08-30T12:36:00Z", 1_440_938_160.0),
        ("2015-08-30T14:36:00+02:00", 1_440_938_160.0),
        ("2015-08-30T12:36:00", 1_440_938_160.0),
        ("soon", None),
        ("", None),
    ],
)
def test_a_moment_is_read_or_is_none(text: str, expected: float | None) -> None:
    assert moment(text) == expected

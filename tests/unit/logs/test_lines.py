"""A log call makes one whole line of at most 4,096 bytes, or text for people, of whatever it is given."""

import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from structlog.typing import EventDict

from processor.logs.lines import LogLines
from processor.logs.writer import LONGEST_LINE


class Silent:
    """Something that will not be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else []


def endless() -> Any:
    found: list[Any] = []
    found.append(found)
    return found


HOSTILE: dict[str, Any] = {
    "an object without a text": Silent(),
    "one in a list": [Silent(), 1],
    "one as a name": {Silent(): 1},
    "half a character": "a\ud83db",
    "bytes": b"\xff\x00" * 9,
    "many bytes": bytes(10_000_000),
    "a long text": "é" * 60_000,
    "a huge text": "x" * 10_000_000,
    "long names": {"n" * 5000: 1},
    "many texts": ["x" * 200] * 300,
    "many items": list(range(100_000)),
    "many in many": {str(n): ["x" * 90] * 40 for n in range(40)},
    "a set": set(range(1000)),
    "a deep list": nested(500),
    "a list in itself": endless(),
    "a huge number": 10**10_000,
    "no number": float("nan"),
    "infinity": float("-inf"),
    "breaks and escapes": "a\nb\r\x1b[2Jc\x00\x85\u2028",
}


def made(value: Any, *, as_text: bool = False, level: str = "info", **more: Any) -> str:
    lines = LogLines({"worker": 1}, lambda line: line, as_text=as_text, colours=False)
    line = lines(None, level, {"event": "x", "value": value, **more})
    assert len(line) <= LONGEST_LINE
    assert line.endswith(b"\n")
    return line.decode()


def said(value: Any, **more: Any) -> dict[str, Any]:
    line = made(value, **more)
    assert line.count("\n") == 1
    found: dict[str, Any] = json.loads(line, parse_constant=pytest.fail)
    return found


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_whatever_is_logged_is_one_whole_line(value: Any) -> None:
    line = said(value)
    assert (line["event"], line["worker"], line["level"]) == ("x", 1, "info")
    assert "timestamp" in line
    text = made(value, as_text=True)
    assert "x" in text
    assert text.count("\n") == 1
    assert "\x1b" not in text


def test_what_happened_moves_no_cursor_either() -> None:
    lines = LogLines({}, lambda line: line, as_text=True, colours=False)
    text = lines(None, "info", {"event": HOSTILE["breaks and escapes"]}).decode()
    assert text.count("\n") == 1
    assert not {"\x1b", "\r", "\x00", "\x85"} & set(text)


def test_a_text_that_is_cut_keeps_its_beginning_and_its_end() -> None:
    value = said("begin" + "x" * 10_000 + "end")["value"]
    assert value.startswith("beginx")
    assert value.endswith("xend")
    assert f"{10_008 - 3_000} characters" in value


def test_of_a_text_too_long_to_be_searched_for_secrets_only_the_length_is_told() -> None:
    assert said("s" * 70_000)["value"] == "(70000 characters)"


def test_what_fits_is_not_touched() -> None:
    value = {"a": ["b", 1, 2.5, True, None, {"c": "é"}], "d": "x" * 3000}
    assert said(value)["value"] == value


def test_a_trace_keeps_both_ends_and_its_lines() -> None:
    def fall(depth: int) -> None:
        if depth:
            (lambda: fall(depth - 1))()
        raise ValueError("the cause" + "." * 3000)

    with pytest.raises(ValueError, match="the cause") as raised:
        fall(60)
    trace = said(1, exc_info=raised.value)["exception"]
    text = made(1, exc_info=raised.value, as_text=True)
    assert trace.startswith("Traceback")
    assert trace.endswith("...")
    assert text.count("\n") > 5


def test_too_many_values_for_a_line_are_a_line_that_says_so() -> None:
    facts: dict[str, Any] = {f"fact {n}": "x" * 90 for n in range(100)}
    line = json.loads(made(1, **facts))
    assert line["why"] == "too many values"


def test_an_error_while_the_line_is_made_is_a_line_and_no_error() -> None:
    def fails(line: EventDict) -> EventDict:
        raise ZeroDivisionError

    line = json.loads(LogLines({}, fails, as_text=False, colours=False)(None, "error", {"event": "x"}))
    assert (line["why"], line["level"]) == ("ZeroDivisionError", "error")


def test_a_line_of_a_library_whose_values_do_not_fit_is_a_line_all_the_same() -> None:
    lines = LogLines({}, lambda line: line, as_text=False, colours=False)

    def record(text: Any, *args: Any) -> dict[str, Any]:
        made = logging.LogRecord("some.library", logging.WARNING, "x.py", 1, text, args, None)
        found: dict[str, Any] = json.loads(lines.of_record(made))
        return found

    assert record("%s %d", "a", "b")["event"] == "%s %d"
    assert record("%s", Silent())["why"].startswith("RuntimeError")
    assert "RuntimeError" in record(Silent())["event"]
    assert record("%s %d", "a", 1) | {"timestamp": ""} == {
        "event": "a 1",
        "logger": "some.library",
        "level": "warning",
        "timestamp": "",
    }


def calls(function: Callable[[], object]) -> int:
    """How many calls of functions, Python's and C's, that takes."""
    count = 0

    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(counted)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def test_the_work_on_a_line_does_not_grow_with_what_is_logged() -> None:
    some, many = ({str(n): ["x"] * 50 for n in range(size)} for size in (300, 30_000))
    assert calls(lambda: made(many)) < 1.5 * calls(lambda: made(some))

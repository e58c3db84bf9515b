"""One line an event on standard error: JSON for machines, text for people, and no secret in either.

Secrets are struck out wherever they stand in a line: nested, in exceptions, and in what other
libraries log.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from processor.core.redaction import Secrets
from processor.logs import output
from tests.support.terminal import open_terminal

pytestmark = pytest.mark.usefixtures("log_as_before")

SECRET = "hunter2-correct-horse"


def text_of(capfd: pytest.CaptureFixture[str]) -> str:
    """What was written so far."""
    output.flush(60)
    return capfd.readouterr().err


def told(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The JSON lines written so far."""
    return [json.loads(line) for line in text_of(capfd).splitlines()]


def test_a_line_is_one_json_object_where_standard_error_is_no_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    output.configure("info", "auto")
    structlog.get_logger().info("started", topics=["a", "b"], port=8080)
    (line,) = told(capfd)
    when = datetime.fromisoformat(line.pop("timestamp"))
    assert line == {"event": "started", "level": "info", "topics": ["a", "b"], "port": 8080}
    assert abs((datetime.now(UTC) - when).total_seconds()) < 60


def read_line(terminal: int) -> str:
    """The next line that came out of a terminal."""
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(terminal, 1)
    return line.decode()


def test_a_terminal_gets_text_unless_json_is_asked_for() -> None:
    ours, theirs = open_terminal()
    for form in ("auto", "text", "json"):
        output.configure("info", form, to=theirs)
        structlog.get_logger().info("started", port=8080)
    written = [read_line(ours) for _ in range(3)]
    os.close(ours)
    os.close(theirs)
    assert [line.startswith("{") for line in written] == [False, False, True]
    assert all("started" in line and "8080" in line for line in written)


def test_text_is_for_files_too_and_has_no_colours_there(capfd: pytest.CaptureFixture[str]) -> None:
    output.configure("info", "text")
    structlog.get_logger().warning("late", seconds=3)
    text = text_of(capfd)
    assert "late" in text
    assert "seconds=3" in text
    assert "\x1b" not in text
    assert text.count("\n") == 1


@pytest.mark.parametrize(("level", "most"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_lines_below_the_level_are_left_out(level: str, most: int, capfd: pytest.CaptureFixture[str]) -> None:
    output.configure(level, "json")
    log = structlog.get_logger()
    for write in (log.error, log.warning, log.info, log.debug):
        write("x")
    assert [line["level"] for line in told(capfd)] == ["error", "warning", "info", "debug"][:most]


@pytest.mark.parametrize(("level", "most"), [("debug", 2), ("info", 2), ("warning", 2), ("error", 1)])
def test_libraries_are_heard_from_warnings_on_in_the_same_form(
    level: str, most: int, capfd: pytest.CaptureFixture[str]
) -> None:
    output.configure(level, "json")
    log = logging.getLogger("librdkafka")
    log.error("broker %s", "down")
    log.warning("slow")
    log.info("chatter")
    lines = told(capfd)
    assert [line["event"] for line in lines] == ["broker down", "slow"][:most]
    assert all(line["logger"] == "librdkafka" and "timestamp" in line for line in lines)


def test_configuring_again_does_not_write_twice(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        output.configure("info", "json")
    structlog.get_logger().info("once")
    logging.getLogger("other").warning("once")
    assert len(told(capfd)) == 2


class Curious:
    """Something whose text holds the secret."""

    def __repr__(self) -> str:
        return f"Curious({SECRET})"


def in_the_event() -> None:
    structlog.get_logger().info(f"login with {SECRET} refused")


def in_a_value() -> None:
    structlog.get_logger().info("x", password=SECRET, n=1, nothing=None)


def in_a_list() -> None:
    structlog.get_logger().info("x", values=["a", [SECRET], ("b", (SECRET,))])


def in_a_mapping() -> None:
    structlog.get_logger().info("x", headers={"Authorization": f"Bearer {SECRET}", "deep": [{"k": SECRET}]})


def in_the_name_of_a_mapping() -> None:
    structlog.get_logger().info("x", seen={SECRET: 1})


def in_bytes() -> None:
    structlog.get_logger().info("x", value=SECRET.encode())


def in_an_object() -> None:
    structlog.get_logger().info("x", it=Curious(), several={Curious()})


def in_an_error_as_a_value() -> None:
    structlog.get_logger().error("x", error=ValueError(SECRET))


def fail() -> None:
    raise ValueError(SECRET) from KeyError(SECRET)


def in_an_exception() -> None:
    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("x")


def in_a_bound_value() -> None:
    structlog.get_logger().bind(token=SECRET).info("x")


def in_a_line_of_a_library() -> None:
    logging.getLogger("aiohttp").warning("sent %s and %r", SECRET, {"k": SECRET})


def in_an_exception_of_a_library() -> None:
    try:
        fail()
    except ValueError:
        logging.getLogger("asyncio").exception("never retrieved", stack_info=True)


PLACES = [
    in_the_event,
    in_a_value,
    in_a_list,
    in_a_mapping,
    in_the_name_of_a_mapping,
    in_bytes,
    in_an_object,
    in_an_error_as_a_value,
    in_an_exception,
    in_a_bound_value,
    in_a_line_of_a_library,
    in_an_exception_of_a_library,
]


@pytest.mark.parametrize("write", PLACES)
@pytest.mark.parametrize("form", ["json", "text"])
def test_a_secret_is_struck_out_wherever_it_stands(
    form: Any, write: Callable[[], None], capfd: pytest.CaptureFixture[str]
) -> None:
    output.configure("info", form, Secrets([SECRET]))
    write()
    text = text_of(capfd)
    assert "***" in text
    assert SECRET not in text


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_secret_is_struck_out_also_where_writing_it_would_change_it(
    form: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    awkward = 'pä"ss\\wörd\n'
    output.configure("info", form, Secrets([awkward]))
    structlog.get_logger().info("x", text=f"a{awkward}b", deep={"k": awkward})
    text = text_of(capfd)
    assert "a***b" in text
    assert "ss" not in text


def test_the_longer_secret_goes_first_so_that_nothing_of_it_stays(capfd: pytest.CaptureFixture[str]) -> None:
    output.configure("info", "json", Secrets([f"Bearer {SECRET}", SECRET]))
    structlog.get_logger().info("x", sent=f"Bearer {SECRET}", known=SECRET)
    (line,) = told(capfd)
    assert (line["sent"], line["known"]) == ("***", "***")


def test_what_is_no_text_keeps_its_type(capfd: pytest.CaptureFixture[str]) -> None:
    output.configure("info", "json", Secrets([SECRET]))
    structlog.get_logger().info("x", n=1, f=0.5, yes=True, none=None, some=[1, "a"], deep={"k": 2})
    (line,) = told(capfd)
    assert [line[name] for name in ("n", "f", "yes", "none", "some", "deep")] == [
        1,
        0.5,
        True,
        None,
        [1, "a"],
        {"k": 2},
    ]


def test_severity_and_time_are_ours_and_stay_readable_whatever_a_secret_is(
    capfd: pytest.CaptureFixture[str],
) -> None:
    output.configure("info", "json", Secrets(["info", "2", "0"]))
    structlog.get_logger().info("information 2")
    (line,) = told(capfd)
    assert line["level"] == "info"
    assert datetime.fromisoformat(line["timestamp"]).tzinfo is UTC
    assert line["event"] == "information ***"


def test_what_nobody_catches_is_a_line_without_secrets_as_well() -> None:
    code = (
        "import threading, warnings; from processor.logs import output\n"
        "from processor.core.redaction import Secrets\n"
        f"secret = {SECRET!r}\n"
        "def fail(*_): raise ValueError(secret)\n"
        "class Falls:\n"
        "    __del__ = fail\n"
        "output.configure('info', 'json', Secrets([secret])); output.tell_what_nobody_catches()\n"
        "thread = threading.Thread(target=fail, name='poll'); thread.start(); thread.join()\n"
        "Falls()\n"
        "warnings.warn(secret)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert SECRET not in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line.get("thread", line.get("logger")) for line in lines] == ["poll", None, "py.warnings"]
    assert all("***" in str(line) for line in lines)

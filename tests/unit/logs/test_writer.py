"""Lines go out in order, whole, one write each; what cannot be written is lost and counted, no more."""

import fcntl
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from processor.logs.writer import LONGEST_LINE, MOST_LINES, QUEUE_FULL, UNWRITABLE, LogWriter
from tests.support.patience import PATIENCE


def told(number: int) -> bytes:
    return b"lost %d\n" % number


def begun(descriptor: int) -> LogWriter:
    writer = LogWriter(descriptor, told)
    writer.open()
    return writer


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe that holds a page."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing
    for end in (reading, writing):
        os.close(end)


def read_lines(reading: int, number: int) -> list[bytes]:
    """So many lines, as soon as they are there."""
    text = b""
    while text.count(b"\n") < number:
        text += os.read(reading, 65536)
    return text.splitlines()


@pytest.mark.parametrize("flags", [0, os.O_NONBLOCK])
def test_lines_keep_their_order_and_come_whole(pipe: tuple[int, int], flags: int) -> None:
    reading, writing = pipe
    fcntl.fcntl(writing, fcntl.F_SETFL, flags)
    writer = begun(writing)
    lines = [b"%04d" % n + b"x" * (n * 7 % 3000) for n in range(500)]
    for line in lines:
        writer.put(line + b"\n")
    assert read_lines(reading, 500) == lines
    assert not any(writer.lost.values())


@pytest.mark.slow
def test_lines_of_processes_that_share_a_pipe_are_never_mixed(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    code = (
        "import sys; from processor.logs.writer import LogWriter, LONGEST_LINE;"
        "w = LogWriter(2, lambda n: b''); w.open();"
        "[w.put(sys.argv[1].encode() * (LONGEST_LINE - 1 - n) + b'\\n') for n in range(300)]; w.flush(60)"
    )
    commands = [(sys.executable, "-c", code, letter) for letter in "ab"]
    writers = [subprocess.Popen(command, stderr=writing) for command in commands]
    lines = read_lines(reading, 600)
    assert [writer.wait(PATIENCE) for writer in writers] == [0, 0]
    assert all(len(set(line)) == 1 for line in lines)
    assert sorted(map(len, lines)) == sorted(2 * [LONGEST_LINE - 1 - n for n in range(300)])


def test_a_reader_that_does_not_read_costs_lines_and_nothing_else(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    writer = begun(writing)
    for n in range(2 * MOST_LINES):
        writer.put(b"%0100d\n" % n)
    lost = writer.lost[QUEUE_FULL]
    assert MOST_LINES / 2 < lost <= MOST_LINES
    assert not writer.flush(0.01)
    text, passed, untold = b"", list[bytes](), lost
    while len(passed) < 2 * MOST_LINES - lost or untold:
        text += os.read(reading, 65536)
        lines = text[: text.rindex(b"\n")].split(b"\n")
        passed = [line for line in lines if not line.startswith(b"lost")]
        untold = lost - sum(int(line.split()[1]) for line in lines if line.startswith(b"lost"))
    assert passed == sorted(passed)
    assert writer.flush(PATIENCE)


def test_a_reader_that_is_gone_costs_every_line() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    writer = begun(writing)
    for _ in range(3):
        writer.put(b"x\n")
    assert writer.flush(PATIENCE)
    assert writer.lost == {QUEUE_FULL: 0, UNWRITABLE: 3}
    os.close(writing)
    writer.put(b"x\n")
    assert writer.flush(PATIENCE)
    assert writer.lost[UNWRITABLE] == 4


@contextmanager
def files_hold(size: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_costs_lines_until_it_is_not_and_then_says_how_many(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("wb") as opened:
        writer = begun(opened.fileno())
        with files_hold(100):
            for letter in (b"a", b"b", b"c"):
                writer.put(letter * 59 + b"\n")
            assert writer.flush(PATIENCE)
        writer.put(b"d\n")
        assert writer.flush(PATIENCE)
    assert file.read_bytes().splitlines() == [b"a" * 59, b"b" * 40, b"d", b"lost 2"]
    assert writer.lost == {QUEUE_FULL: 0, UNWRITABLE: 2}


def test_lines_are_told_of_again_when_telling_failed_as_well(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("wb") as opened:
        writer = begun(opened.fileno())
        for limit in (0, 2):  # one line is lost; then one goes, and no more
            with files_hold(limit):
                writer.put(b"x\n")
                assert writer.flush(PATIENCE)
        writer.put(b"y\n")
        assert writer.flush(PATIENCE)
    assert file.read_bytes().splitlines() == [b"x", b"y", b"lost 1"]


def test_a_line_may_be_put_while_another_is_put() -> None:
    """As garbage collection does, which may come anywhere and log what it finds."""
    code = (
        "import gc, json\n"
        "from processor.logs.writer import LogWriter\n"
        "class Told:\n"
        "    def __init__(self): self.me = self\n"
        "    def __del__(self): w.put(b'late\\n'); w.lose('unwritable')\n"
        "w = LogWriter(1, lambda n: b'lost\\n'); w.open(); gc.set_threshold(1)\n"
        "for n in range(2000): Told(); w.put(b'soon\\n'); w.lose('unwritable')\n"
        "w.flush(60)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert {b"soon", b"late"} <= set(done.stdout.splitlines())


def test_a_line_may_be_lost_while_another_is_counted() -> None:
    writer = LogWriter(1, told)

    def interrupted() -> None:
        with writer._counting:
            writer.lose(UNWRITABLE)

    counting = threading.Thread(target=interrupted, daemon=True)
    counting.start()
    counting.join(PATIENCE / 10)
    assert writer.lost[UNWRITABLE] == 1

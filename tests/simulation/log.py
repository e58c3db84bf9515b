"""The log of all processes, whose lines can become impossible to write."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from functools import cache

import structlog

from processor.logs import output
from processor.logs.lines import LogLines
from processor.logs.writer import LogWriter


class Paper(Enum):
    """What becomes of a line that is written."""

    BLANK = "is written"
    FULL = "the disk is full"
    GONE = "the reader is gone"
    UNREAD = "the reader does not read"


@cache
def _descriptor(paper: Paper) -> int:
    """Where writing ends so. Where it would block for ever it fails instead: no history could go on."""
    if paper in (Paper.BLANK, Paper.FULL):
        return os.open("/dev/null" if paper is Paper.BLANK else "/dev/full", os.O_WRONLY)
    reading, writing = os.pipe2(os.O_NONBLOCK)
    if paper is Paper.GONE:
        os.close(reading)
    else:
        os.write(writing, bytes(fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)))
    return writing


class Log:
    """Takes the lines. They wait to be written until the end: writing is no part of a history."""

    def __init__(self) -> None:
        self._writer = LogWriter(_descriptor(Paper.BLANK), lambda _: b"")

    def becomes(self, paper: Paper) -> None:
        """From now on lines are written on this."""
        self._writer._descriptor = _descriptor(paper)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """The product writes its lines here."""
        before = structlog.get_config()
        lines = LogLines({}, lambda line: line, as_text=False, colours=False)
        output.route("info", lines, self._writer.put)
        try:
            yield
        finally:
            structlog.configure(**before)

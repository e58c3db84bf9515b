"""What comes before everything else: descriptors that are there, and a stop that is heard.

Promise: a process of `run` that is asked to stop while it still loads ends with 0, for nothing has been
consumed. Standard input, output and error are open, to nowhere if they were closed: else the next file
or socket would take their numbers, and what is written to them.
"""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType


def prepare(arguments: Sequence[str]) -> None:
    """Do this first; importing the rest takes a while."""
    if "run" in arguments[1:2]:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
    _open_what_is_closed()


def _end(_: int, __: FrameType | None) -> None:
    os._exit(0)


def _open_what_is_closed() -> None:
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, hence this one
            os.set_inheritable(descriptor, True)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - for good

"""What comes before everything else: descriptors that are there, enough of them, and a stop that is heard.

Promise: a process of `run` that is asked to stop while it still loads ends with 0, for nothing has been
consumed. Standard input, output and error are open, to nowhere if they were closed: else the next file
or socket would take their numbers, and what is written to them. As many files and sockets may be open as
the machine lets this process have.
"""

import contextlib
import math
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

if sys.platform != "win32":
    import resource


def prepare(arguments: Sequence[str]) -> None:
    """Do this first; importing the rest takes a while."""
    if "run" in arguments[1:2]:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
    _open_what_is_closed()
    _raise_descriptor_limit()


def descriptor_limit() -> float:
    """How many files and sockets this process may have open; infinite where nobody knows."""
    if sys.platform == "win32":
        return math.inf
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else soft


def _end(_: int, __: FrameType | None) -> None:
    os._exit(0)


def _raise_descriptor_limit() -> None:
    """What the shell gives (often 1,024) is a default for old programs; the hard limit is what is meant."""
    if sys.platform != "win32":
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(ValueError, OSError):  # macOS allows less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


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

"""The peers that the benchmark measures beside this project, each a program of its own.

A peer gets BOOTSTRAP, TOPIC, GROUP, URL, IN_FLIGHT, CA_FILE (empty: the system's) and METHOD by its
environment, reads the topic from the earliest offset, sends every value as it is, and runs until SIGTERM.

`benthos` stands for Redpanda Connect without being it: the engine (benthos) and the `http_client`
output are its own, the Kafka input is ours, on the same client library and with the same limits. Its whole
distribution is under a licence that is not open source.
"""

import importlib.metadata
import sys
from pathlib import Path

from tests.benchmarks.peers.build import PROGRAMS

NAMES = (*PROGRAMS, "python-loop")
_LOOP = Path(__file__).with_name("python_loop.py")


def command(name: str) -> list[str]:
    """The command that runs a peer. Raises LookupError for a name that is none."""
    if name == "python-loop":
        return [sys.executable, str(_LOOP)]
    return PROGRAMS[name].command()


def version(name: str) -> str:
    """What a peer is made of, with versions, as its files pin them."""
    if name == "python-loop":
        return _python_version()
    return PROGRAMS[name].version()


def is_built(name: str) -> bool:
    """Whether `command` would run what its files say now."""
    return name == "python-loop" or PROGRAMS[name].target.exists()


def _python_version() -> str:
    used = ("aiohttp", "confluent-kafka", "uvloop")
    parts = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in used)
    return f"{parts} (Python {sys.version_info.major}.{sys.version_info.minor})"

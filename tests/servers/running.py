"""A real server that runs on a port of this machine, and what it says that it has served.

Each writes a line for every request that it has processed: `ID STATUS`, the ID from the header `X-Id`.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support.endpoint import HOST, unused_port
from tests.support.not_tested import not_tested
from tests.support.patience import PATIENCE


class Server:
    """It runs."""

    def __init__(
        self, url: str, served: Path, process: subprocess.Popen[bytes], reload_by: signal.Signals
    ) -> None:
        self.url = url
        self.said: Mapping[str, Any] = {}
        """What the settings of a destination need to say for it."""
        self._served = served
        self._process = process
        self._reload_by = reload_by

    def served(self, delivered: int) -> Counter[str]:
        """How often each request was processed, once as many as were delivered are written down."""
        end = time.monotonic() + PATIENCE
        while (found := self._read()).total() < delivered and time.monotonic() < end:
            time.sleep(0.02)
        return found

    def _read(self) -> Counter[str]:
        lines = [line.split() for line in self._served.read_text(encoding="utf-8").splitlines()]
        return Counter(words[0] for words in lines if len(words) == 2 and words[1] == "200")

    def reload(self) -> None:
        """Begin anew with the same configuration: those at work finish what they have, then end."""
        self._process.send_signal(self._reload_by)


def program(name: str, package: str) -> str:
    """Where it lies; the test is skipped where it is not installed."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    return found or not_tested(f"what {name} does: install Debian's {package}")


@contextmanager
def running(
    command: Sequence[str],
    folder: Path,
    conf: str = "",
    *,
    scheme: str = "http",
    reload_by: signal.Signals = signal.SIGHUP,
    said: Mapping[str, object] = {},
) -> Iterator[Server]:
    """A server, until it is let go; `{port}` and the like are filled in, in its file `conf` too.

    What it says on standard output is what it has served, unless it writes the file `served` by itself.
    """
    port, served = unused_port(), folder / "served"
    names = {"folder": folder, "host": HOST, "port": port, **said}
    (folder / "conf").write_text(conf.format(**names), encoding="utf-8")
    filled = [each.format(**names) for each in command]
    with served.open("ab") as out, (folder / "said").open("wb") as errors:
        environment = os.environ | {"SERVED": str(served), "PORT": str(port)}
        process = subprocess.Popen(filled, stdout=out, stderr=errors, env=environment, start_new_session=True)
    try:
        _wait_for(port, process, folder)
        yield Server(f"{scheme}://{HOST}:{port}", served, process, reload_by)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, (folder / "said").read_text(encoding="utf-8")
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.02)
    raise TimeoutError((folder / "said").read_text(encoding="utf-8"))

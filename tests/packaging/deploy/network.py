"""A network of its own for the services of a Compose file: they find each other by name, on loopback.

All share one network namespace, so that ports of different services must differ; nothing leaves it, and
nothing outside sees it. Needs Linux and root.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.packaging.deploy.rootfs import in_namespace

HOLD = """
import fcntl, socket, struct, sys
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
print("up", flush=True)
sys.stdin.read()
"""
GET = """
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=5)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.read().decode(), end="")
"""


class Network:
    """A network namespace in which `names` are this machine; a context manager."""

    def __init__(self, names: Iterable[str], folder: Path) -> None:
        self.hosts = folder / "hosts"
        self.hosts.write_text(f"127.0.0.1 localhost {' '.join(names)}\n", encoding="utf-8")

    def __enter__(self) -> Self:
        command = ["unshare", "--net", sys.executable, "-c", HOLD]
        self._holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdout
        assert self._holder.stdout.readline() == b"up\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder.communicate(b"")

    def within(self, command: Sequence[str]) -> list[str]:
        """The command, run in this network; names are known to those that get `hosts` as /etc/hosts."""
        return ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", *command]

    def command(self, words: Sequence[str], files: Mapping[str, Path] | None = None) -> list[str]:
        """A program of this machine in this network, to which `files` appear under their paths.

        The folders of their paths have to exist, and hold nothing else for it.
        """
        files = files or {}
        script = [f"mount --bind {self.hosts} /etc/hosts"]
        script += [f"mount -t tmpfs none {folder}" for folder in {Path(path).parent for path in files}]
        script += [f"touch {path} && mount --bind {file} {path}" for path, file in files.items()]
        return self.within(in_namespace(script, "", words))

    def page(self, url: str) -> tuple[int, str]:
        """Status and text of a page; status 0 when nothing answers."""
        command = self.command([sys.executable, "-c", GET, url])
        done = subprocess.run(command, capture_output=True, text=True)
        status, _, text = done.stdout.partition(" ")
        return int(status or 0), text

    def said(self, url: str) -> Any:
        """A page of JSON, and None unless there is one."""
        status, text = self.page(url)
        return json.loads(text) if status == 200 else None

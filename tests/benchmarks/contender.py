"""What is measured: our processor or a peer, as a process on a core of its own."""

import os
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from processor.config.loading import merged
from tests.benchmarks import peers

OURS = "webhook-processor"
COMMAND = str(Path(sys.executable).with_name(OURS))
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Job:
    """What a contender is told: where to read, where to deliver, and how many requests at once.

    `settings` are our processor's alone.
    """

    bootstrap: str
    topic: str
    group: str
    url: str
    in_flight: int
    dead_letters: str
    method: str = "POST"
    ca_file: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


class Contender(ABC):
    """One that can be started on a job."""

    name: str

    @abstractmethod
    def version(self) -> str:
        """Its version, for the reader of a table."""

    @abstractmethod
    def command(self, job: Job, folder: Path) -> list[str]:
        """The command that does the job; files may be put into the folder."""

    def environment(self, job: Job) -> Mapping[str, str]:
        """What its environment has beside ours."""
        return {}

    def start(self, job: Job, core: int) -> "Running":
        """Start it, bound to a core."""
        return Running(self, job, core)


class Ours(Contender):
    """The processor of this checkout with its default settings, but for a fixed number in flight."""

    name = OURS

    def version(self) -> str:
        """Of the checkout, and of the Python that runs it."""
        said = subprocess.run([COMMAND, "version"], capture_output=True, text=True, check=True).stdout
        return f"{said.strip()} (Python {sys.version.split()[0]})"

    def command(self, job: Job, folder: Path) -> list[str]:
        file = folder / "settings.yaml"
        file.write_text(yaml.safe_dump(self._settings(job)), encoding="utf-8")
        return [COMMAND, "run", "-c", str(file)]

    def _settings(self, job: Job) -> dict[str, Any]:
        tls = {"tls": {"ca_file": str(job.ca_file)}} if job.ca_file else {}
        said = {
            "kafka": {"bootstrap_servers": job.bootstrap, "group_id": job.group, "topics": [job.topic]},
            "dead_letter": {"topic": job.dead_letters},
            "destination": {"url": job.url, "method": job.method, **tls},
            "delivery": {"concurrency": "static", "max_in_flight": job.in_flight},
            "admin": {"host": "127.0.0.1", "port": 0},
        }
        return merged(said, dict(job.settings))


class Peer(Contender):
    """Another one, told by its environment."""

    def __init__(self, name: str) -> None:
        self.name = name

    def version(self) -> str:
        """As it says itself."""
        return peers.version(self.name)

    def command(self, job: Job, folder: Path) -> list[str]:
        return peers.command(self.name)

    def environment(self, job: Job) -> Mapping[str, str]:
        return {
            "BOOTSTRAP": job.bootstrap,
            "TOPIC": job.topic,
            "GROUP": job.group,
            "URL": job.url,
            "IN_FLIGHT": str(job.in_flight),
            "METHOD": job.method,
            "CA_FILE": str(job.ca_file or ""),
        }


class Running:
    """A contender at work. Leaving the context manager kills it."""

    def __init__(self, contender: Contender, job: Job, core: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="contender-")
        folder = Path(self._folder.name)
        self._log = folder / "log"
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("WEBHOOK_PROCESSOR")
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(core), *contender.command(job, folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**environment, **contender.environment(job)},
                start_new_session=True,
            )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._folder.cleanup()

    def has_ended(self) -> bool:
        """Whether it ended by itself."""
        return self._process.poll() is not None

    def log_tail(self) -> str:
        """The last of what it printed."""
        return self._log.read_text(errors="replace")[-2_000:]

    def cpu_ns(self) -> int:
        """User and system time of it and its children so far, ended threads included."""
        return sum(time.clock_gettime_ns(_cpu_clock(pid)) for pid in _family(self.pid))

    def threads_ns(self) -> dict[str, int]:
        """CPU time of its threads so far, ended ones left out; the main one has the number of the process."""
        tasks = list(Path(f"/proc/{self.pid}/task").iterdir())
        names = {task: f"{_text(task / 'comm').strip()} {task.name}" for task in tasks}
        return {name: int(_text(task / "schedstat").partition(" ")[0] or 0) for task, name in names.items()}

    def peak_bytes(self) -> int:
        """The most memory it held at once, summed over its processes."""
        return sum(_peak_bytes(pid) for pid in _family(self.pid))

    def kill(self) -> None:
        """kill -9 to it and its children."""
        if not self.has_ended():
            for pid in reversed(_family(self.pid)):
                _kill(pid)
            self._process.wait()

    def terminate(self) -> None:
        """SIGTERM, so that it leaves its group; kill -9 where that does not end it."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


def _cpu_clock(pid: int) -> int:
    """The clock of another process's CPU time, as clock_getcpuclockid(3) makes it."""
    return (~pid << 3) | 2


def _family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    family = [pid]
    for each in family:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            family += map(int, _text(children).split())
    return family


def _peak_bytes(pid: int) -> int:
    lines = _text(Path(f"/proc/{pid}/status")).splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _text(path: Path) -> str:
    """What a file of /proc says; nothing where the process has gone."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


def available() -> list[Contender]:
    """Ours, and the peers that are built."""
    return [Ours(), *(Peer(name) for name in peers.NAMES if peers.is_built(name))]

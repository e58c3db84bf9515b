"""A real schema registry for the tests: Apicurio Registry from Maven Central, run by a local Java.

It speaks Confluent's API at `/apis/ccompat/v7`, keeps what it is told in memory, and is gone when it is
stopped. The archive (109 MB) is fetched once and kept beside Kafka's jars.
"""

import contextlib
import fcntl
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.support.apache_kafka import BEGIN_SECONDS, CACHE, free_ports, until

VERSION = "3.0.9"
"""The last one that runs on Java 17."""
ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
FOLDER = CACHE / f"apicurio-{VERSION}"
JAR = f"apicurio-registry-app-{VERSION}-runner.jar"
JVM = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


class Apicurio:
    """One, on a port of its own; it may be stopped and started again, and knows nothing then."""

    def __init__(self) -> None:
        (self._port,) = free_ports(1)
        self._folder = Path(tempfile.mkdtemp(prefix="apicurio-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        properties = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": self._port,
            "quarkus.http.access-log.enabled": "false",
            "apicurio.storage.kind": "sql",
        }
        said = [f"-D{name}={value}" for name, value in properties.items()]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["java", *JVM, *said, "-jar", str(FOLDER / JAR)],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._is_ready, "Apicurio to be ready", 2 * BEGIN_SECONDS)

    def stop(self) -> None:
        """End it and leave nothing behind."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError("Apicurio has ended:\n" + (self._folder / "log").read_text()[-4000:])
        with contextlib.suppress(URLError, OSError), urlopen(f"{self.url}/subjects", timeout=5) as answer:
            return bool(answer.status == 200)
        return False


def start() -> Apicurio | str:
    """One that runs, or why there is none."""
    if obstacle := _fetched():
        return obstacle
    registry = Apicurio()
    try:
        registry.start()
    except BaseException:
        registry.stop()
        raise
    return registry


def _fetched() -> str | None:
    """Have the archive unpacked; why it cannot be had."""
    java = _run("java", "-version")
    found = re.search(r'version "(\d+)', java.stdout)
    if found is None or int(found[1]) < 17:
        return "no Java 17"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"apicurio-{VERSION}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return None if FOLDER.is_dir() else _fetch()


def _fetch() -> str | None:
    """Fill a folder beside the final one and rename it: half a download is never taken for a whole."""
    with tempfile.TemporaryDirectory(dir=CACHE) as beside:
        fetched = _run(
            "mvn", "-q", "-B", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={beside}"
        )
        if fetched.returncode != 0:
            return f"Maven brings no Apicurio: {fetched.stdout[-500:]}"
        (archive,) = Path(beside).glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(Path(beside, "unpacked"), filter="data")
        Path(beside, "unpacked").rename(FOLDER)
    return None


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    if shutil.which(command[0]) is None:
        return subprocess.CompletedProcess(command, 127, f"{command[0]} is not installed")
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )

"""Building the compiled peers, each below `.cache/peers` under the digest of its source files."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

HERE = Path(__file__).parent
BUILT = HERE.parents[2] / ".cache" / "peers"
# What the JVM chooses by itself on one core, said so that a machine with more does not choose otherwise.
JVM = ("-XX:+UseSerialGC", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


class CannotBuildError(Exception):
    """A tool is missing or has failed; the text says which and how."""


class Program(Protocol):
    """A peer that has to be built; it is, when `target` exists."""

    @property
    def target(self) -> Path:
        """Where what its files say now belongs."""

    def compile(self, target: Path) -> None:
        """Build into an empty folder. Raises CannotBuildError."""

    def command(self) -> list[str]:
        """The command that runs what is in `target`."""

    def version(self) -> str:
        """What it is made of."""


class GoProgram:
    """A Go module of ours around Redpanda Connect's engine."""

    _source = HERE / "benthos"

    @property
    def target(self) -> Path:
        """A folder with one executable."""
        return BUILT / f"benthos-{_digest(self._source)}"

    def compile(self, target: Path) -> None:
        """By the Go toolchain; modules are those of go.sum."""
        _run(["go", "build", "-mod=readonly", "-o", str(target / "peer"), "."], self._source)

    def command(self) -> list[str]:
        """Go takes as many processors as it may run on: pinned to one core, one."""
        return [str(self.target / "peer")]

    def version(self) -> str:
        """From go.mod."""
        text = (self._source / "go.mod").read_text(encoding="utf-8")
        found = dict(re.findall(r"^\s*(?:require )?(\S+) v(\S+)$", text, re.MULTILINE))
        engine, client = found["github.com/redpanda-data/benthos/v4"], found["github.com/twmb/franz-go"]
        go = re.findall(r"^go (\d+\.\d+)", text, re.MULTILINE)[0]
        return f"Redpanda Connect's engine (benthos {engine}) with an input on franz-go {client} (Go {go})"


class JavaProgram:
    """Parallel Consumer with Vert.x."""

    _source = HERE / "parallel_consumer"

    @property
    def target(self) -> Path:
        """A folder with `classes` and `lib`."""
        return BUILT / f"parallel-consumer-{_digest(self._source)}"

    def compile(self, target: Path) -> None:
        """By Maven."""
        goals = ["compile", "dependency:copy-dependencies"]
        _run(["mvn", "-q", "-B", f"-Dbuilt={target}", *goals], self._source)

    def command(self) -> list[str]:
        """Java 17 or newer."""
        return ["java", *JVM, "-cp", f"{self.target}/classes:{self.target}/lib/*", "Main"]

    def version(self) -> str:
        """From pom.xml, the jars that it brought, and the Java that would run them."""
        pom = (self._source / "pom.xml").read_text(encoding="utf-8")
        asked = re.findall(r"<artifactId>parallel-consumer-vertx</artifactId>\s*<version>(.*)</version>", pom)
        jars = "\n".join(path.name for path in self.target.glob("lib/*.jar"))
        vertx = re.search(r"^vertx-core-(.*)\.jar$", jars, re.MULTILINE)
        said = _run(["java", "-version"], HERE) if shutil.which("java") else ""
        java = re.search(r'version "([^"]+)"', said)
        engine, runtime = (found[1] if found else "unknown" for found in (vertx, java))
        return f"Parallel Consumer {asked[0]} with Vert.x {engine} (Java {runtime})"


PROGRAMS: Mapping[str, Program] = {"benthos": GoProgram(), "parallel-consumer": JavaProgram()}


def build(program: Program) -> None:
    """Build it unless it is; half of it never stands in the final place. Raises CannotBuildError."""
    if program.target.exists():
        return
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILT) as beside:
        made = Path(beside, "made")
        made.mkdir()
        program.compile(made)
        made.rename(program.target)


def _run(command: list[str], folder: Path) -> str:
    """What it prints. Raises CannotBuildError."""
    if shutil.which(command[0]) is None:
        raise CannotBuildError(f"{command[0]} is not installed")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise CannotBuildError(f"{command[0]} has failed: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout + done.stderr


def _digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]

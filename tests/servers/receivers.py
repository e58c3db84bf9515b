"""Servers that a receiver is written in: gunicorn, uvicorn, Node's and Go's own."""

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.servers.running import Server, program, running
from tests.support.not_tested import not_tested

SOURCES = Path(__file__).parent / "sources"
BUILT = Path(__file__).parents[2] / ".cache" / "servers"


@contextmanager
def gunicorn_sync(folder: Path) -> Iterator[Server]:
    """gunicorn with three workers, each of which ends a connection with its answer."""
    with _gunicorn(folder, "sync", "--workers", "3") as server:
        yield server


@contextmanager
def gunicorn_gthread(folder: Path) -> Iterator[Server]:
    """gunicorn with a worker of four threads."""
    with _gunicorn(folder, "gthread", "--threads", "4") as server:
        yield server


@contextmanager
def uvicorn(folder: Path) -> Iterator[Server]:
    """uvicorn as it is by default."""
    bound = ["--host", "{host}", "--port", "{port}", "--log-level", "warning"]
    with running([*_python("uvicorn"), "--app-dir", str(SOURCES), *bound, "receiver:asgi"], folder) as server:
        yield server


@contextmanager
def node(folder: Path) -> Iterator[Server]:
    """Node's http, which keeps an idle connection for five seconds."""
    with running([program("node", "nodejs"), str(SOURCES / "receiver.js")], folder) as server:
        yield server


@contextmanager
def go(folder: Path) -> Iterator[Server]:
    """Go's net/http."""
    with running([str(_built(SOURCES / "receiver.go"))], folder) as server:
        yield server


@contextmanager
def _gunicorn(folder: Path, kind: str, *how: str) -> Iterator[Server]:
    bound = ["--bind", "{host}:{port}", "--no-control-socket", "--log-level", "warning"]
    command = [*_python("gunicorn"), "--chdir", str(SOURCES), *bound, "--worker-class", kind, *how]
    with running([*command, "receiver:wsgi"], folder) as server:
        yield server


def _python(module: str) -> list[str]:
    if find_spec(module) is None:
        not_tested(f"what {module} does: install it, it is among the development dependencies")
    return [sys.executable, "-m", module]


def _built(source: Path) -> Path:
    """Compiled, once for all runs."""
    compiler = program("go", "golang-go")
    target = BUILT / hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    if not target.exists():
        BUILT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILT) as beside:
            made = Path(beside, "receiver")
            command = [compiler, "build", "-o", str(made), str(source)]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            made.rename(target)
    return target

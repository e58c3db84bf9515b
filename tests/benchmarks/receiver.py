"""The endpoint of a benchmark: `receiver.c`, compiled on first use, in a process of its own."""

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

from tests.benchmarks.receipts import Receipts

SOURCE = Path(__file__).with_name("receiver.c")
BUILT = Path(__file__).parents[2] / ".cache" / "receiver"
FLAGS = ("-O2", "-Wall", "-Wextra", "-Werror")
TLS_FLAGS = ("-DTLS",)
TLS_LIBRARIES = ("-lssl", "-lcrypto")
ROWS_PER_EVENT, SPARE_ROWS = 4, 10_000


class CannotBuildError(Exception):
    """There is no compiler, or no OpenSSL to compile against; the text says what to install."""


@dataclass(frozen=True)
class Conduct:
    """How the endpoint behaves.

    Of the events, every `busy_every`th is answered 503 the first time, and every `refuse_every`th always
    400; 0: none.
    """

    delay_ms: float = 0.0
    busy_every: int = 0
    refuse_every: int = 0
    tls: bool = False


def build(tls: bool = False) -> Path:
    """The compiled receiver. Raises CannotBuildError."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise CannotBuildError("the benchmark's receiver is written in C: install gcc")
    flags = (*FLAGS, *TLS_FLAGS) if tls else FLAGS
    digest = hashlib.sha256(SOURCE.read_bytes() + " ".join(flags).encode()).hexdigest()
    target = BUILT / digest[:16]
    if not target.exists():
        _compile(compiler, flags, target, tls)
    return target


def _compile(compiler: str, flags: tuple[str, ...], target: Path, tls: bool) -> None:
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILT) as beside:
        made = Path(beside, "receiver")
        command = [compiler, *flags, "-o", str(made), str(SOURCE), *(TLS_LIBRARIES if tls else ())]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0 and tls and "ssl" in done.stderr:
            raise CannotBuildError(f"TLS needs OpenSSL's headers (Debian: libssl-dev)\n{done.stderr}")
        if done.returncode != 0:
            raise RuntimeError(f"the receiver does not compile:\n{done.stderr}")
        made.rename(target)


class Receiver:
    """A running receiver, with what it received. A context manager."""

    def __init__(self, events: int, conduct: Conduct, rows: int | None = None) -> None:
        program = build(conduct.tls)
        self._folder = tempfile.TemporaryDirectory(prefix="receiver-")
        folder = Path(self._folder.name)
        self.ca_file = _write_certificates(folder) if conduct.tls else None
        self.receipts = Receipts.create(
            folder / "receipts", ROWS_PER_EVENT * events + SPARE_ROWS if rows is None else rows
        )
        numbers = (events, round(conduct.delay_ms * 1000), conduct.busy_every, conduct.refuse_every)
        certificate = [str(folder / "server.pem")] if conduct.tls else []
        self._process = subprocess.Popen(
            [str(program), str(folder / "receipts"), *map(str, numbers), *certificate],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = self._read_port()
        self.url = f"{'https' if conduct.tls else 'http'}://127.0.0.1:{self.port}/hook"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it and remove its files."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self.receipts.close()
        self._folder.cleanup()

    def _read_port(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the receiver has ended with {self._process.wait()}")
        return int(line)


def _write_certificates(folder: Path) -> Path:
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(
        str(folder / "server.pem")
    )
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return folder / "ca.pem"

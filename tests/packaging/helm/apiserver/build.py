"""Building kube-apiserver and etcd, below `.cache/apiserver` under the digest of their sources.

Takes Go 1.26, a quarter of an hour of one core and 4 GiB of disk, once.
"""

import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
BUILT = HERE.parents[2] / ".cache" / "apiserver"
SOURCES = ("go.mod", "go.sum", "etcd.go")
PROGRAMS = {"kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver", "etcd": "."}
"""Each with its package; what exactly they are says go.mod."""


class CannotBuildError(Exception):
    """Go is missing or has failed; the text says what to do."""


def target() -> Path:
    """The folder of the programs that the sources say now."""
    sources = (*((HERE / name).read_bytes() for name in SOURCES), flags().encode())
    digest = hashlib.sha256(b"\0".join(sources))
    return BUILT / digest.hexdigest()[:16]


def flags() -> str:
    """What is told to the linker: no symbols, and the version that the server says it has, as releases do."""
    (major, minor, patch) = re.findall(r"k8s\.io/kubernetes v(\d+)\.(\d+)\.(\d+)", _go_mod())[0]
    names = {"gitMajor": major, "gitMinor": minor, "gitVersion": f"v{major}.{minor}.{patch}"}
    return " ".join(["-s -w", *(f"-X k8s.io/component-base/version.{n}={v}" for n, v in names.items())])


def is_built() -> bool:
    """Whether they are there."""
    return target().exists()


def build() -> None:
    """Build them unless they are there. Raises CannotBuildError."""
    if is_built():
        return
    if not shutil.which("go"):
        raise CannotBuildError("kube-apiserver is written in Go: install Go 1.26")
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILT) as beside:
        made = Path(beside, "made")
        made.mkdir()
        for program, package in PROGRAMS.items():
            _compile(package, made / program)
        made.rename(target())


def _go_mod() -> str:
    return (HERE / "go.mod").read_text(encoding="utf-8")


def _compile(package: str, program: Path) -> None:
    command = ["go", "build", "-mod=readonly", f"-ldflags={flags()}", "-o", str(program), package]
    done = subprocess.run(command, cwd=HERE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise CannotBuildError(f"{package} cannot be built:\n{done.stderr}")

"""axe-core, which judges pages for accessibility: one pinned version from npm, kept in `.cache`."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

VERSION = "4.14.1"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
PACKAGE = Path(__file__).parents[2] / ".cache" / f"axe-core-{VERSION}.tgz"


def source() -> str | None:
    """The program to run in a page, or None where it cannot be had."""
    if not PACKAGE.exists() and not _fetch():
        return None
    digest = hashlib.sha512(PACKAGE.read_bytes()).digest()
    assert base64.b64encode(digest).decode() == SHA512, f"{PACKAGE} is not axe-core {VERSION}; remove it"
    with tarfile.open(PACKAGE) as package:
        file = package.extractfile("package/axe.min.js")
        return file.read().decode() if file else None


def _fetch() -> bool:
    npm = shutil.which("npm")
    PACKAGE.parent.mkdir(exist_ok=True)
    command = ["pack", f"axe-core@{VERSION}", "--silent", "--pack-destination", str(PACKAGE.parent)]
    return bool(npm and subprocess.run([npm, *command], capture_output=True, timeout=120).returncode == 0)

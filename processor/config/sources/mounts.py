"""Mounts: files that cannot change while the process runs.

Promise: what is told of a file is what the kernel says of it; where it says nothing, nothing is.
"""

import re
from collections.abc import Iterable
from pathlib import Path

TABLE = Path("/proc/self/mountinfo")
_OURS = "/run/secrets/"
"""Where Docker mounts each secret by itself."""
_CODE = re.compile(r"\\([0-7]{3})")
_MOUNT_POINT = 4


def fixed(files: Iterable[Path], table: str) -> list[Path]:
    """Those that are mounted by themselves, as Kubernetes does with `subPath`: they stay as they are.

    `table` is that of the kernel (proc_pid_mountinfo(5)).
    """
    points = {
        _CODE.sub(lambda found: chr(int(found[1], 8)), fields[_MOUNT_POINT])
        for line in table.splitlines()
        if len(fields := line.split(" ")) > _MOUNT_POINT
    }
    return [file for file in files if str(file) in points and not str(file).startswith(_OURS)]


def table() -> str:
    """What the kernel says now; nothing, where there is none to ask."""
    try:
        return TABLE.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

"""References: values that stand in a variable or a file, so that the settings file holds no secret.

Promise: white space around such a value, and a byte order mark before it, is no part of it, and one that
is empty is a problem, as one that is not there is: nothing is ever sent with an empty secret.
"""

import errno
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from processor.errors import Problem

WAYS = "{from_env: NAME} or {from_file: PATH}"
UNRESOLVED = "https://unresolved.invalid/"
"""What stands in place of a value that could not be had: no setting makes a second problem of it."""

LARGEST_FILE = 1024 * 1024
"""Bytes of a file with settings, or with one of them."""


class References:
    """Looks values up in the environment and in files, and notes what is wrong with them."""

    def __init__(self, environ: Mapping[str, str], problems: list[Problem]) -> None:
        self._environ = environ
        self._problems = problems
        self.files: dict[str, Path] = {}
        """Those that were read, by what refers to them."""

    def resolve(self, reference: Mapping[str, Any], path: str) -> str:
        """The text that the setting at `path` refers to; `UNRESOLVED` where that is a problem."""
        match reference:
            case {"from_env": str(name), **rest} if not rest:
                return self._filled(self._variable(name, path), f"the environment variable {name}", path)
            case {"from_file": str(file), **rest} if not rest:
                return self._filled(self.content(file, path), f"the file {file}", path)
        return self._refuse(path, f"must be text, {WAYS}")

    def content(self, file: str, path: str) -> str:
        """What stands in a file, without the white space around it; `UNRESOLVED` where that is a problem."""
        if not file.strip():
            return self._refuse(path, "names no file: it is empty", "give the file's path, or leave it out")
        try:
            text = without_margins(text_in(Path(file)))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            return self._refuse(path, f"the file {file} cannot be read: {reason}")
        self.files[path] = Path(file)
        return text

    def _variable(self, name: str, path: str) -> str:
        if not name.strip():
            return self._refuse(path, "from_env names no variable: it is empty", "give the variable's name")
        if name not in self._environ:
            return self._refuse(path, f"the environment variable {name} is not set")
        return without_margins(self._environ[name])

    def _filled(self, text: str, what: str, path: str) -> str:
        return text or self._refuse(path, f"{what} is empty", "fill it, or leave the setting out")

    def _refuse(self, path: str, message: str, remedy: str = "") -> str:
        self._problems.append(Problem(path, message, remedy))
        return UNRESOLVED


def without_margins(text: str) -> str:
    """A text without the white space around it, and the byte order mark that some editors put before it."""
    return text.strip().removeprefix("\ufeff").strip()


def text_in(file: Path) -> str:
    """What a file holds; a device or a pipe, which may never end or begin, and what is huge are refused."""
    if "\0" in str(file):
        raise OSError(errno.EINVAL, "no file can have this name")
    if not stat.S_ISREG(mode := file.stat().st_mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    with file.open("rb") as opened:
        content = opened.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise OSError(errno.EFBIG, f"it holds more than {LARGEST_FILE} bytes")
    return content.decode()

"""Secrets in files: read again when they change.

Promises: a file is looked at by what the file system says of it, and read only where that is other than
before; a secret that is mounted anew behind a link is seen. What is empty, cannot be read or cannot be sent
keeps what was read last, and is told once. Nothing here waits on the event loop: ask in a thread.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from processor.config.sources.references import text_in, without_margins

Stamp = tuple[int, int, int, int] | None


def no_fault(_: str) -> str:
    """Whatever it holds can be used."""
    return ""


class Secret(NamedTuple):
    """One in a file, by the name of its setting; `text` as it was read last.

    `fault` says why another text cannot be used, or nothing.
    """

    name: str
    file: Path
    text: str
    fault: Callable[[str], str] = no_fault

    def __repr__(self) -> str:
        """Nothing of what is secret."""
        return f"Secret({self.name}, {self.file})"


class Changes(NamedTuple):
    """What a look at all files came to, by the names of settings."""

    texts: Mapping[str, str]
    faults: Mapping[str, str]
    """Why what stands there now is not used; empty: that is over."""

    def __repr__(self) -> str:
        """Nothing of what is secret."""
        return f"Changes({[*self.texts]}, {self.faults})"


class Files:
    """Those of one process, looked at one after the other."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._secrets = {secret.name: secret for secret in secrets}
        self._stamps: dict[str, Stamp] = {}
        self._faults: dict[str, str] = {}

    def look(self) -> Changes:
        """What has changed since the last look. The first one reads all: they may have changed meanwhile."""
        texts, faults = {}, {}
        for secret in self._secrets.values():
            stamp = stamp_of(secret.file)
            if stamp is not None and stamp == self._stamps.get(secret.name):
                continue
            text, fault = _read(secret)
            if not fault and text != secret.text:
                texts[secret.name] = text
                self._secrets[secret.name] = secret._replace(text=text)
            if fault != self._faults.get(secret.name, ""):
                faults[secret.name] = self._faults[secret.name] = fault
            self._stamps[secret.name] = stamp
        return Changes(texts, faults)


def stamp_of(file: Path) -> Stamp:
    """What tells a file from what stood there before; None where it cannot be looked at.

    Copies may keep time and size of what they copy; when the file itself was changed cannot be said anew.
    """
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size


def _read(secret: Secret) -> tuple[str, str]:
    try:
        text = without_margins(text_in(secret.file))
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        return "", "cannot be read: not UTF-8 text"
    return text, secret.fault(text) if text else "is empty"

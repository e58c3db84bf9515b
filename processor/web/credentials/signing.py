"""Secrets that sign, in files: replaced while the process runs.

Promise: each file is one place among the secrets, in their order, or one file is all of them; what cannot
sign leaves the one before, and keeps no other from being replaced.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from processor.core.request.signing.secrets import SOURCE, SigningSecrets
from processor.web.credentials.files import Secret


def watched(
    texts: list[str], files: Mapping[str, Path], secrets: SigningSecrets
) -> Iterator[tuple[Secret, Callable[[str], str]]]:
    """What is to be watched, and who is told of another text; `texts` as they were read at the start."""
    now = _Texts(secrets, texts)
    for name, file in files.items():
        if name == SOURCE:
            yield Secret(name, file, ",".join(texts)), partial(_all, secrets)
        elif name.startswith(f"{SOURCE}."):
            at = int(name.rpartition(".")[2])
            yield Secret(name, file, texts[at]), partial(now.put, at)


def _all(secrets: SigningSecrets, text: str) -> str:
    return _replaced(secrets, [each.strip() for each in text.split(",") if each.strip()])


class _Texts:
    """What stands in all places, and of that what signs."""

    def __init__(self, secrets: SigningSecrets, texts: list[str]) -> None:
        self._secrets = secrets
        self._there, self._used = tuple(texts), tuple(texts)

    def put(self, at: int, text: str) -> str:
        """Another one stands in a place. One that cannot sign in another place keeps nobody from it."""
        self._there, alone = _with(self._there, at, text), _with(self._used, at, text)
        fault = ""
        for texts in dict.fromkeys((self._there, alone)):
            if not (fault := _replaced(self._secrets, texts)):
                self._used = texts
                break
        return fault


def _with(texts: tuple[str, ...], at: int, text: str) -> tuple[str, ...]:
    return (*texts[:at], text, *texts[at + 1 :])


def _replaced(secrets: SigningSecrets, texts: Iterable[str]) -> str:
    """Why these cannot sign, or nothing."""
    try:
        secrets.replace(texts)
    except ValueError as error:
        return str(error)
    return ""

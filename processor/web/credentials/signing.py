"""Secrets that sign, in files: replaced while the process runs.

Promise: each file is one place among the secrets, in their order, or one file is all of them; what cannot
sign leaves those before.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from processor.core.request.signing.secrets import SOURCE, SigningSecrets
from processor.web.credentials.files import Secret


def watched(
    texts: list[str], files: Mapping[str, Path], secrets: SigningSecrets
) -> Iterator[tuple[Secret, Callable[[str], str]]]:
    """What is to be watched, and who is told of another text; `texts` as they were read at the start."""
    said = list(texts)
    for name, file in files.items():
        if name == SOURCE:
            yield Secret(name, file, ",".join(texts)), partial(_all, secrets)
        elif name.startswith(f"{SOURCE}."):
            at = int(name.rpartition(".")[2])
            yield Secret(name, file, texts[at]), partial(_one, secrets, said, at)


def _all(secrets: SigningSecrets, text: str) -> str:
    return _replaced(secrets, [each.strip() for each in text.split(",") if each.strip()])


def _one(secrets: SigningSecrets, said: list[str], at: int, text: str) -> str:
    said[at] = text
    return _replaced(secrets, said)


def _replaced(secrets: SigningSecrets, texts: list[str]) -> str:
    """Why these cannot sign, or nothing."""
    try:
        secrets.replace(texts)
    except ValueError as error:
        return str(error)
    return ""

"""Certificates and authorities in files: what TLS is made of, made anew when they change.

Promises: a connection is never opened with half of what was changed: what is new is tried out in a context
that nobody uses, and one that cannot be used leaves what there is. Nothing here waits on the event loop: ask
in a thread.
"""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from processor.config.destination.tls import IdentitySettings
from processor.config.sources.references import text_in
from processor.core.services.certificates import Validity, validities
from processor.errors import ConfigError
from processor.web.credentials.files import stamp_of
from processor.web.tls import WEBHOOK, ssl_contexts


class Contexts(NamedTuple):
    """To the configured host, and to hosts that events name."""

    own: ssl.SSLContext
    foreign: ssl.SSLContext


class Renewal(NamedTuple):
    """What a look came to: other contexts, or none; and why what is there cannot be used, or nothing."""

    contexts: Contexts | None
    fault: str


class Certificates:
    """Those that stand in files of `destination.tls`."""

    def __init__(self, tls: IdentitySettings, *, shows_all: bool) -> None:
        """`shows_all`: hosts that events name see our certificate too."""
        self._tls = tls
        self._shows_all = shows_all
        self._stamps = self._stamped()
        self._is_stale = False

    def has_files(self) -> bool:
        """Whether there is anything that can change."""
        return any(self._files())

    def locked_by(self, password: str) -> None:
        """The key is encrypted with that from now on."""
        self._tls = self._tls.locked_by(password)
        self._is_stale = True

    def look(self) -> Renewal:
        """Whether they have changed since the last that could be used."""
        stamps = self._stamped()
        if stamps == self._stamps and not self._is_stale:
            return Renewal(None, "")
        try:
            contexts = contexts_of(self._tls, shows_all=self._shows_all)
        except ConfigError as error:
            return Renewal(None, "; ".join(f"{each.path}: {each.message}" for each in error.problems))
        except OSError as error:
            return Renewal(None, f"{WEBHOOK}: {error.strerror}")
        self._stamps, self._is_stale = stamps, False
        return Renewal(contexts, "")

    def validities(self) -> Iterator[tuple[str, Validity]]:
        """Of ours the first, of the authorities the one that ends last."""
        for which, file, chosen in (
            ("client", self._tls.certificate_file, _first),
            ("authority", self._tls.ca_file, _last),
        ):
            if file and (found := _validities_in(file)):
                yield which, chosen(found)

    def _files(self) -> tuple[Path | None, ...]:
        tls = self._tls
        return tls.ca_file, tls.certificate_file, tls.key_file

    def _stamped(self) -> tuple[object, ...]:
        return tuple(file and stamp_of(file) for file in self._files())


def contexts_of(tls: IdentitySettings, *, shows_all: bool) -> Contexts:
    """Both. Raises ConfigError for files that cannot be used."""
    return Contexts(*ssl_contexts(tls, shows_all=shows_all))


def _validities_in(file: Path) -> list[Validity]:
    try:
        return list(validities(text_in(file)))
    except (OSError, UnicodeDecodeError):
        return []


def _first(found: list[Validity]) -> Validity:
    return found[0]


def _last(found: list[Validity]) -> Validity:
    return max(found, key=lambda each: each.until)

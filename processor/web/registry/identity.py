"""Who we are to the schema registry, and whom we trust: a login, a token or a token endpoint, and TLS.

Promise: secrets and certificates that stand in files are those of now, whenever something is asked: a login
that was changed is used with the next question, and known as a secret before. A file that cannot be read
now leaves what was read last.
"""

import contextlib
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from processor.config.services.registry import SchemaRegistrySettings
from processor.config.sources.references import text_in, without_margins
from processor.core import credentials
from processor.core.redaction import Secrets
from processor.core.services.client_auth import Client
from processor.errors import ConfigError
from processor.web.credentials.files import Stamp, stamp_of
from processor.web.tls import ssl_context

SECTION = "schema_registry"
TLS = f"{SECTION}.tls"


class Proof(NamedTuple):
    """What goes with a question: headers, the client that asks for a token first, TLS."""

    headers: Mapping[str, str]
    client: Client | None
    context: ssl.SSLContext


class Identity:
    """That of one process. `files`: where settings stand that are read from files, by their names."""

    def __init__(self, settings: SchemaRegistrySettings, files: Mapping[str, Path], secrets: Secrets) -> None:
        """Raises ConfigError for TLS files that cannot be used."""
        self._settings = settings
        self._secret = settings.in_clear()
        self._configured = {
            **self._secret,
            "username": settings.username or "",
            "oauth.client_id": settings.oauth.client_id or "",
        }
        read = {f"{SECTION}.{name}": name for name in self._configured}
        self._files = {read[name]: file for name, file in files.items() if name in read}
        self._secrets = secrets
        self._read: dict[str, str] = {}
        self._stamps = self._stamped()
        self._context = ssl_context(settings.tls, TLS)

    def read(self) -> Mapping[str, str]:
        """What stands in files now. It may wait for a disk: ask in a thread."""
        found = {}
        for name, file in self._files.items():
            with contextlib.suppress(OSError, UnicodeDecodeError):
                if text := without_margins(text_in(file)):
                    found[name] = text
        if (stamps := self._stamped()) != self._stamps:
            with contextlib.suppress(ConfigError, OSError):  # half of a pair was changed
                self._context, self._stamps = ssl_context(self._settings.tls, TLS), stamps
        return found

    def proof(self, read: Mapping[str, str]) -> Proof:
        """What goes with a question, with what was read."""
        for name, text in read.items():
            if name in self._secret and self._read.get(name) != text:
                self._secrets.add(f"{SECTION}.{name}", text)
            self._read[name] = text
        return Proof(dict(self._headers()), self._client(), self._context)

    def _headers(self) -> Iterator[tuple[str, str]]:
        settings = self._settings
        if settings.username is not None:
            login = f"{self._text('username')}:{self._text('password')}"
            said = f"Basic {b64encode(login.encode()).decode()}"
            self._learn("password", said)
            yield "Authorization", said
        elif settings.token is not None:
            yield "Authorization", f"Bearer {self._text('token')}"
        if settings.oauth.logical_cluster is not None:
            yield "target-sr-cluster", settings.oauth.logical_cluster
        if settings.oauth.identity_pool is not None:
            yield "Confluent-Identity-Pool-Id", settings.oauth.identity_pool

    def _client(self) -> Client | None:
        oauth = self._settings.oauth
        if oauth.token_url is None or oauth.client_id is None:
            return None
        secret = self._text("oauth.client_secret")
        form = (("scope", oauth.scope),) if oauth.scope else ()
        client_id = self._text("oauth.client_id")
        return Client(url=oauth.token_url, client_id=client_id, secret=secret, form=form)

    def _text(self, name: str) -> str:
        return self._read.get(name, self._configured[name])

    def _learn(self, name: str, header: str) -> None:
        """What in a header is secret by itself too."""
        if header not in self._secrets:
            self._secrets.add(f"{SECTION}.{name} header", *credentials.parts(header))

    def _stamped(self) -> tuple[Stamp, ...]:
        tls = self._settings.tls
        return tuple(stamp_of(file) for file in (tls.ca_file, tls.certificate_file, tls.key_file) if file)

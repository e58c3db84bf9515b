"""Secrets of the destination: what in its settings proves who we are, and may be shown nobody.

Promise: what a setting marks as one is one, and so is what looks like one (`core/credentials`).
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr

from processor.config.destination.auth import SECRETS
from processor.config.destination.endpoint import DestinationSettings
from processor.config.sources.mounts import fixed, table
from processor.core import credentials
from processor.core.redaction import Secrets
from processor.core.request.endpoint import Endpoint
from processor.core.request.signing import keys


def texts(*secrets: SecretStr | None) -> set[str]:
    """Those that are there and not empty."""
    return {secret.get_secret_value() for secret in secrets if secret and secret.get_secret_value()}


def secret_headers(destination: DestinationSettings) -> frozenset[str]:
    """Names of headers that are secrets, in lower case: marked ones, and those that look so."""
    marked = {name.lower() for name in destination.secret_headers}
    looks = {
        name.lower()
        for name, value in destination.headers.items()
        if credentials.is_secret_header(name, value.get_secret_value())
    }
    return frozenset(marked | looks)


def signing_texts(destination: DestinationSettings) -> list[str]:
    """The secrets that sign, in their order."""
    said = (secret.get_secret_value() for secret in destination.signature.secrets)
    return [each for text in said for each in keys.each_of(text)]


def proxy_login(destination: DestinationSettings) -> str:
    """Our login at the proxy as requests carry it; nothing where there is none."""
    proxy = destination.proxy
    if not proxy.username:
        return ""
    password = proxy.password.get_secret_value() if proxy.password else ""
    return b64encode(f"{proxy.username}:{password}".encode()).decode()


def secret_texts(destination: DestinationSettings) -> set[str]:
    """What of it is secret by itself, but for its URL."""
    auth, secret = destination.auth, secret_headers(destination)
    found = texts(destination.tls.key_password, auth.tls.key_password)
    for name in SECRETS:
        found.update(credentials.parts(auth.plain(name)) if name == "value" else {auth.plain(name)})
    found.discard("")
    for text in signing_texts(destination):
        found |= keys.parts(text)
    if login := proxy_login(destination):
        # Without a password the name may be what proves who we are.
        alone = set() if destination.proxy.password else {destination.proxy.username or ""}
        found |= texts(destination.proxy.password) | {login} | alone
    for name, header in destination.headers.items():
        if name.lower() in secret:
            found.update(credentials.parts(header.get_secret_value()))
    return found


def secrets_of(destination: DestinationSettings, others: Iterable[str]) -> Secrets:
    """All together, and what is secret elsewhere."""
    known, url = {*secret_texts(destination), *others}, destination.url
    said = destination.url_is_secret
    if not (credentials.is_secret_url(url) if said is None else said):
        return Secrets(known)
    return Secrets({*known, *credentials.parts_of_url(url)}, hidden_origin=str(Endpoint(url).origin))


def stuck(destination: DestinationSettings, files: Mapping[str, Path]) -> Iterator[str]:
    """Secrets and certificates in files that cannot change; `files` by the names of their settings."""
    named = {name: file for name, file in files.items() if name.startswith("destination.")}
    for name in ("ca_file", "certificate_file", "key_file"):
        if (file := getattr(destination.tls, name)) is not None:
            named[f"destination.tls.{name}"] = file
    found = set(fixed(named.values(), table())) if named else set()
    for name, file in named.items():
        if file in found:
            yield f"{name}: {file} is mounted by itself (subPath), so that it never changes: mount its folder"

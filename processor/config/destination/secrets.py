"""Secrets of the destination: what in its settings proves who we are, and may be shown nobody.

Promise: what a setting marks as one is one, and so is what looks like one (`core/credentials`).
"""

from collections.abc import Iterable

from pydantic import SecretStr

from processor.config.destination.endpoint import DestinationSettings
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


def secret_texts(destination: DestinationSettings) -> set[str]:
    """What of it is secret by itself, but for its URL."""
    found, secret = texts(destination.tls.key_password), secret_headers(destination)
    for text in signing_texts(destination):
        found |= keys.parts(text)
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

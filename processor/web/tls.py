"""How a server is recognised, and how we are: the TLS context of the webhook, or of a service beside it.

Promise: certificates and host names are always verified, nothing below TLS 1.2 is spoken, and what
cannot be loaded is said with the file and the remedy, before the first request.
"""

import ssl
from pathlib import Path

from processor.config.destination.tls import IdentitySettings
from processor.errors import ConfigError, Problem

WEBHOOK = "destination.tls"
"""Where its settings stand."""


def ssl_context(
    tls: IdentitySettings, path: str = WEBHOOK, *, shows_who_we_are: bool = True
) -> ssl.SSLContext:
    """The context for all connections by the settings at `path`; an own CA file replaces the system's.

    Without `shows_who_we_are` the other side gets no certificate of ours, also if it asks. Raises
    ConfigError as `refuse_unusable` does.
    """
    refuse_unusable(tls, path)
    context = ssl.create_default_context(cafile=tls.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])  # a server that speaks HTTP/2 only says so, by an alert
    if tls.certificate_file and shows_who_we_are:
        _Identity(tls).load(context)
    return context


def ssl_contexts(tls: IdentitySettings, *, shows_all: bool) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """That for the configured host, and that for hosts that events name; the same where nothing differs.

    To read the system's authorities twice would be a tenth of a start.
    """
    own = ssl_context(tls)
    differs = tls.certificate_file and not shows_all
    return own, ssl_context(tls, shows_who_we_are=False) if differs else own


def refuse_unusable(tls: IdentitySettings, path: str = WEBHOOK) -> None:
    """Raise ConfigError with a problem at `path` for every file that cannot be used.

    The system's authorities, hundreds of certificates, are not read for that.
    """
    problems = [*_authority_problems(tls, path), *_identity_problems(tls, path)]
    if problems:
        raise ConfigError(problems)


class _Identity:
    """Our certificate and key. OpenSSL asks for the password only if the key is encrypted."""

    def __init__(self, tls: IdentitySettings) -> None:
        self._tls = tls
        self.was_asked = False

    def load(self, context: ssl.SSLContext) -> None:
        """Raises ssl.SSLError, OSError or ValueError; never asks on the terminal."""
        assert self._tls.certificate_file
        context.load_cert_chain(self._tls.certificate_file, self._tls.key_file, self._password)

    def _password(self) -> str:
        self.was_asked = True
        return self._tls.key_password.get_secret_value() if self._tls.key_password else ""


def _authority_problems(tls: IdentitySettings, path: str) -> list[Problem]:
    if tls.ca_file and (message := _unreadable(tls.ca_file)):
        return [Problem(f"{path}.ca_file", message, "it has to hold the authority's certificate as PEM")]
    return []


def _identity_problems(tls: IdentitySettings, path: str) -> list[Problem]:
    if not tls.certificate_file:
        if not tls.key_file:
            return []
        return [Problem(f"{path}.key_file", "is set without a certificate", f"set {path}.certificate_file")]
    if message := _unreadable(tls.certificate_file):
        remedy = "it has to hold our certificate, then its chain, as PEM"
        return [Problem(f"{path}.certificate_file", message, remedy)]
    identity = _Identity(tls)
    try:
        identity.load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except (OSError, ValueError) as error:
        return [_key_problem(tls, path, error, identity.was_asked)]
    return []


def _unreadable(file: Path) -> str | None:
    """What is wrong with a file that should hold certificates."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        return f"{file} holds no certificate that can be read"
    except OSError as error:
        return f"{file} cannot be read: {error.strerror}"
    return None


def _key_problem(tls: IdentitySettings, path: str, error: OSError | ValueError, was_asked: bool) -> Problem:
    file = tls.key_file or tls.certificate_file
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return Problem(f"{path}.key_file", f"{file} cannot be read: {error.strerror}")
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        message = f"the key in {file} is not that of the certificate in {tls.certificate_file}"
        return Problem(f"{path}.key_file", message, "give the key the certificate was made for")
    if was_asked and not tls.key_password:
        return Problem(f"{path}.key_file", f"the key in {file} is encrypted", f"set {path}.key_password")
    if was_asked:
        return Problem(f"{path}.key_password", f"does not open the key in {file}")
    return Problem(f"{path}.key_file", f"{file} holds no private key that can be read", "give it as PEM")

"""What an error means by which there is no answer, in words for people.

Promise: the reason is one of a closed set, and the message quotes nothing but the host.
"""

import os
import re
import socket
import ssl

from processor.errors import TransportError
from processor.web.answers.heads import HTTP2_ONLY
from processor.web.guard import RefusedError

_LONGEST_MESSAGE = 200
_OF_OURS = re.compile(
    r"alert (certificate (required|expired|revoked|unknown)|bad certificate|unsupported certificate"
    r"|unknown ca|access denied)"
)
"""Alerts that the other side sends of the certificate that it was shown, or was not."""
_WORDS = re.compile(r"\[SSL\] (.+) \(_ssl\.c:\d+\)")


def unreachable(error: Exception, host: str) -> TransportError:
    """What an error before the first byte of HTTP means; `host` is named in the message."""
    match error:
        case RefusedError():
            return failure("blocked", f"{host} leads to {error.strerror}")
        case ssl.SSLCertVerificationError():
            return failure("certificate", f"{host} has no valid certificate: {error.verify_message}")
        case ssl.SSLError():
            return _without_tls(_alert(error), host)
        case socket.gaierror() | UnicodeError():
            return failure("dns", f"{host} cannot be looked up: {_strerror(error)}")
        case TimeoutError():
            return failure("connect_timeout", f"no connection to {host} in time")
        case ConnectionResetError() | ConnectionAbortedError() | BrokenPipeError():
            return failure("tls", f"{host} ended the connection during the TLS handshake")
    return failure("connect", f"no connection to {host}: {_strerror(error)}")


def _without_tls(alert: str, host: str) -> TransportError:
    if "no application protocol" in alert:
        return failure("http2_only", f"{host} {HTTP2_ONLY}")
    if _OF_OURS.search(alert):
        return failure("client_certificate", f"{host} does not take our certificate: {alert}")
    return failure("tls", f"no TLS with {host}: {alert}")


def malformed(error: Exception) -> str:
    """llhttp's reason, without anything that the server said."""
    return "malformed HTTP: " + re.sub(r"[^ -~]", "?", str(error))


def failure(reason: str, message: str) -> TransportError:
    """A TransportError whose message is short enough for logs and dead letters."""
    return TransportError(reason, message[:_LONGEST_MESSAGE])


def _alert(error: ssl.SSLError) -> str:
    """`TLSV13_ALERT_CERTIFICATE_REQUIRED` for people; OpenSSL leaves it out when it was cut off.

    Python does not know all of OpenSSL's names; it has the words all the same.
    """
    words = _WORDS.match(str(error.args[-1])) if error.args else None
    reason = error.reason or (words[1] if words else "the connection ended")
    return reason.lower().replace("_", " ")


def _strerror(error: Exception) -> str:
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    return str(error.strerror) if isinstance(error, socket.gaierror) else os.strerror(error.errno)

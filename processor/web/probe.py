"""Whether the endpoint can be reached, and what it means when it cannot.

Promise: a probe looks the name up, judges the addresses, connects and, for https, verifies the
certificate, exactly as a delivery would; it sends no HTTP.
"""

import asyncio
import os
import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver

from processor.core.endpoint import Endpoint
from processor.errors import TransportError
from processor.sections import DestinationSettings
from processor.web.guard import Guard, RefusedError, own_rule
from processor.web.tls import ssl_context

_ALERT_WAIT = 0.5
"""In TLS 1.3 a refusal of the client's certificate comes after the handshake: wait so long for it."""

_LONGEST_MESSAGE = 200


async def probe(destination: DestinationSettings, resolver: AbstractResolver | None = None) -> str:
    """What was reached, such as `TCP and TLS 1.3 to h.example:443, certificate valid until 2027-01-31`.

    Raises TransportError, or ConfigError for TLS files that cannot be loaded.
    """
    origin = Endpoint(destination.url).origin
    context = ssl_context(destination.tls) if origin.scheme == "https" else None
    where = f"{origin.host}:{origin.port}"
    try:
        async with asyncio.timeout(destination.connect_timeout):
            guard = Guard(own_rule(destination), resolver or ThreadedResolver())
            reader, writer = await _connected(guard, origin.host.strip("[]"), origin.port, context)
        try:
            return await _reached(reader, writer, where)
        finally:
            writer.transport.abort()
    except (OSError, UnicodeError) as error:
        raise unreachable(error, where) from error


def unreachable(error: Exception, host: str) -> TransportError:
    """What an error before the first byte of HTTP means; `host` is named in the message."""
    match error:
        case RefusedError():
            return failure("blocked", f"{host} leads to {error.strerror}")
        case ssl.SSLCertVerificationError():
            return failure("certificate", f"{host} has no valid certificate: {error.verify_message}")
        case ssl.SSLError():
            return failure("tls", f"no TLS with {host}: {_in_words(error.reason)}")
        case socket.gaierror() | UnicodeError():
            return failure("dns", f"{host} cannot be looked up: {_strerror(error)}")
        case TimeoutError():
            return failure("timeout", f"no connection to {host} in time")
        case ConnectionResetError() | ConnectionAbortedError() | BrokenPipeError():
            return failure("tls", f"{host} ended the connection during the TLS handshake")
    return failure("connect", f"no connection to {host}: {_strerror(error)}")


def failure(reason: str, message: str) -> TransportError:
    """A TransportError whose message is short enough for logs and dead letters."""
    return TransportError(reason, message[:_LONGEST_MESSAGE])


async def _connected(
    guard: Guard, host: str, port: int, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first address that takes one."""
    failed: OSError = socket.gaierror(socket.EAI_NONAME, "it has no address")
    for each in await guard.resolve(host, port):
        try:
            return await asyncio.open_connection(
                each["host"], port, ssl=context, server_hostname=host if context else None
            )
        except OSError as error:
            failed = error
    raise failed


async def _reached(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: str) -> str:
    tls = writer.get_extra_info("ssl_object")
    if tls is None:
        return f"TCP to {where}"
    with suppress(TimeoutError):
        async with asyncio.timeout(_ALERT_WAIT):
            if not await reader.read(1):
                raise failure("tls", f"{where} ended the connection after the TLS handshake")
    expiry = ssl.cert_time_to_seconds(tls.getpeercert()["notAfter"])
    until = datetime.fromtimestamp(expiry, UTC).date()
    return f"TCP and {tls.version().replace('v', ' ')} to {where}, certificate valid until {until}"


def _in_words(reason: str | None) -> str:
    """`TLSV13_ALERT_CERTIFICATE_REQUIRED` for people; OpenSSL leaves it out when it was cut off."""
    return (reason or "the connection ended").lower().replace("_", " ")


def _strerror(error: Exception) -> str:
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    return str(error.strerror) if isinstance(error, socket.gaierror) else os.strerror(error.errno)

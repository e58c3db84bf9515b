"""Whether the endpoint can be reached, and what it means when it cannot.

Promise: a probe looks the name up, judges the addresses, connects and, for https, verifies the
certificate by the dialler that deliveries use, so that neither succeeds where the other fails; it sends
no HTTP.
"""

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver
from yarl import URL

from processor.config.destination.endpoint import DestinationSettings
from processor.core.request.endpoint import Endpoint
from processor.errors import TransportError
from processor.web.dialer import Dialer
from processor.web.failures import failure, unreachable
from processor.web.guard import Guard, own_rule
from processor.web.tls import ssl_context
from processor.web.ways.ways import Ways

_ALERT_WAIT = 0.5
"""In TLS 1.3 a refusal of the client's certificate comes after the handshake: wait so long for it."""


async def probe(destination: DestinationSettings, resolver: AbstractResolver | None = None) -> str:
    """What was reached, such as `TCP and TLS 1.3 to h.example:443, certificate valid until 2027-01-31`.

    Raises TransportError, or ConfigError for TLS files that cannot be loaded.
    """
    origin = Endpoint(destination.url).origin
    where = f"{origin.host}:{origin.port}"
    resolver, tls = resolver or ThreadedResolver(), destination.tls
    guard = Guard(own_rule(destination), resolver)
    dialler = Dialer(guard, ssl_context(tls), destination.connect_timeout, tls.server_name)
    ways = Ways(destination, resolver)
    way = ways.to(URL(str(origin)), dialler)
    try:
        line = await way.dials.dial(URL(str(origin)))
        try:
            if way.prefix:
                return f"TCP to the proxy; {where} is asked for {way.name}"
            return f"{await _reached(line.transport, where)} {way.name}".rstrip()
        finally:
            line.transport.abort()
            line.release()
    except TransportError as error:
        if error.reason == "reset" and origin.scheme == "https":
            raise _ended_after_handshake(where) from error
        raise
    finally:
        await dialler.close()
        await ways.close()


class _Listener(asyncio.Protocol):
    """Waits for what the other side does first: speak, or end the connection, perhaps by a TLS alert."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.spoke = False

    def data_received(self, data: bytes) -> None:  # noqa: ARG002
        self.spoke = True

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(exc)


async def _reached(transport: asyncio.Transport, where: str) -> str:
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return f"TCP to {where}"
    listener = _Listener()
    transport.set_protocol(listener)
    with suppress(TimeoutError):
        error = await asyncio.wait_for(asyncio.shield(listener.ended), _ALERT_WAIT)
        if isinstance(error, ssl.SSLError):
            raise unreachable(error, where)
        if not listener.spoke:
            raise _ended_after_handshake(where)
    expiry = ssl.cert_time_to_seconds(tls.getpeercert()["notAfter"])
    until = datetime.fromtimestamp(expiry, UTC).date()
    return f"TCP and {tls.version().replace('v', ' ')} to {where}, certificate valid until {until}"


def _ended_after_handshake(where: str) -> TransportError:
    return failure("tls", f"{where} ended the connection after the TLS handshake")

"""Through a proxy: by CONNECT to https origins; it is asked itself for those of http.

Promises: the guard judges the proxy's address, for it is the one that is dialled; certificate and name of an
https origin are verified as where it is dialled directly, and the proxy never sees what is said. Whatever
fails on the way to the proxy, or at it, is told as such (`proxy`, or that it was too slow or blocked), with
nothing left open. Of what a proxy says no more than its status is repeated. The login is UTF-8 (RFC 7617).

https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
"""

import asyncio
import re
from typing import Final

from yarl import URL

from processor import __version__
from processor.errors import TransportError
from processor.web.connection import OpenedTransport
from processor.web.dialer import Dialer
from processor.web.failures import failure

MOST_ANSWER: Final = 16 * 1024
"""Bytes of the head of an answer to CONNECT."""

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?![^ \r])")
_AS_THEY_ARE: Final = frozenset(("blocked", "connect_timeout"))
_WRONG_LOGIN: Final = 407


class Proxy:
    """One proxy: its origin, who dials it, and the field by which it knows us, a whole line or nothing."""

    def __init__(self, origin: URL, dialler: Dialer, login: str = "") -> None:
        """`login`: `name:password` in Base64, if there is one."""
        self.name = origin.host_port_subcomponent or ""
        self.field = f"Proxy-Authorization: Basic {login}\r\n" if login else ""
        self._origin = origin
        self._dialler = dialler

    async def reached(self) -> OpenedTransport:
        """A connection to the proxy itself. Raises TransportError."""
        try:
            return await self._dialler.dial(self._origin)
        except TransportError as error:
            reason = error.reason if error.reason in _AS_THEY_ARE else "proxy"
            raise failure(reason, f"the proxy: {error.message}") from error


class Forwarding:
    """To http origins: the proxy is asked for their whole URLs, on connections to itself."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    async def dial(self, origin: URL) -> OpenedTransport:  # noqa: ARG002 - requests name it
        """A connection to the proxy. Raises TransportError."""
        return await self._proxy.reached()


class Tunnels:
    """To https origins. `inner`: by whose rules they have to prove who they are."""

    def __init__(self, proxy: Proxy, inner: Dialer, connect_timeout: float) -> None:
        self._proxy = proxy
        self._inner = inner
        self._timeout = connect_timeout

    async def dial(self, origin: URL) -> OpenedTransport:
        """A connection to `origin`, secured. Raises TransportError."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._through(origin)
        except TimeoutError:
            host = origin.host_port_subcomponent
            late = f"no connection to {host} through the proxy {self._proxy.name} in time"
            raise failure("connect_timeout", late) from None

    async def _through(self, origin: URL) -> OpenedTransport:
        line = await self._proxy.reached()
        try:
            await self._connect(line.transport, origin)
            return line._replace(transport=await self._inner.secure(line.transport, origin))
        except BaseException:
            line.transport.abort()
            line.release()
            raise

    async def _connect(self, transport: asyncio.Transport, origin: URL) -> None:
        answer = _Answer(self._proxy.name)
        transport.set_protocol(answer)
        transport.write(_asked(origin, self._proxy.field))
        status = await answer.status
        if not 200 <= status <= 299:
            why = ": our login is missing or wrong" if status == _WRONG_LOGIN else ""
            raise failure("proxy", f"the proxy {self._proxy.name} answered CONNECT with {status}{why}")


class _Answer(asyncio.Protocol):
    """Reads what a proxy says to CONNECT."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._head = b""
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self.status.done():
            return
        head, end, behind = self._head.partition(b"\r\n\r\n")
        found = _STATUS.match(head)
        if end and found and (not behind or found[1][:1] != b"2"):
            self.status.set_result(int(found[1]))
        elif end or len(self._head) > MOST_ANSWER:
            self._fail("answered CONNECT with something else than an answer")

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        if not self.status.done():
            self._fail("ended the connection before it answered CONNECT")

    def _fail(self, why: str) -> None:
        self.status.set_exception(failure("proxy", f"the proxy {self._name} {why}"))


def _asked(origin: URL, field: str) -> bytes:
    host = origin.raw_host or ""
    authority = f"[{host}]:{origin.port}" if ":" in host else f"{host}:{origin.port}"
    agent = f"User-Agent: kafka-webhook-processor/{__version__}\r\n"
    return f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{agent}{field}\r\n".encode()

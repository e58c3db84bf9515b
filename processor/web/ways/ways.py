"""Which way leads to an origin: it is dialled, asked through a proxy, or by a socket of the file system.

Promise: deliveries and `check` take the same way. Hosts that events name never use the socket, and the
proxy only where the settings trust it.
"""

from typing import NamedTuple

from aiohttp.abc import AbstractResolver
from yarl import URL

from processor.config.destination.endpoint import DestinationSettings
from processor.config.destination.secrets import proxy_login
from processor.core.request.address import AddressRule
from processor.core.services.no_proxy import goes_directly
from processor.web.dialer import Dialer, Dials
from processor.web.guard import Guard
from processor.web.tls import ssl_context
from processor.web.ways.authorities import PROXY, identity
from processor.web.ways.socket_file import SocketFile
from processor.web.ways.tunnel import Forwarding, Proxy, Tunnels


class Way(NamedTuple):
    """Who opens connections on it, what stands before each target, the proxy's field, and its name."""

    dials: Dials
    prefix: str = ""
    field: str = ""
    name: str = ""

    def __repr__(self) -> str:
        """Nothing of what is secret."""
        return f"Way({self.name})"


class Ways:
    """Those of one destination."""

    def __init__(self, destination: DestinationSettings, resolver: AbstractResolver) -> None:
        """Raises ConfigError as `ssl_context` does."""
        self._socket = destination.unix_socket
        self._exceptions = destination.proxy.no_proxy
        self._timeout = destination.connect_timeout
        self._proxy: Proxy | None = None
        self._dialler: Dialer | None = None
        if url := destination.proxy.url:
            rule = AddressRule(f"{PROXY}.url", private=True)
            context = ssl_context(identity(destination.proxy), PROXY)
            self._dialler = Dialer(Guard(rule, resolver), context, self._timeout)
            self._proxy = Proxy(URL(url), self._dialler, proxy_login(destination))

    def to(self, origin: URL, dialler: Dialer, *, is_foreign: bool = False) -> Way:
        """The way to an origin, of which `dialler` has the rules."""
        if self._socket is not None and not is_foreign:
            return Way(SocketFile(self._socket, dialler, self._timeout), name=f"by the socket {self._socket}")
        proxy = self._proxy
        if proxy is None or goes_directly(origin.raw_host or "", origin.port or 0, self._exceptions):
            return Way(dialler)
        name = f"through the proxy {proxy.name}"
        if origin.scheme == "https":
            return Way(Tunnels(proxy, dialler, self._timeout), name=name)
        return Way(Forwarding(proxy), prefix=str(origin).rstrip("/"), field=proxy.field, name=name)

    async def close(self) -> None:
        """Dial no more; all connections have to be closed before."""
        if self._dialler is not None:
            await self._dialler.close()

"""Sockets that listen: on every address that a host has, of either kind.

Promise: `::`, or no host, is every address of this machine, IPv6 and IPv4; where there is no IPv6, every
one of IPv4. All sockets have the same port.
"""

import asyncio
import errno
import socket
from typing import Any

from processor.errors import ConfigError, FatalError, Problem

Address = tuple[Any, ...]

EVERYWHERE = ("", "::")


async def listening(host: str, port: int) -> list[socket.socket]:
    """Bound sockets; port 0 is any free one. Raises OSError, and UnicodeError for what no name can be."""
    if host in EVERYWHERE and socket.has_ipv6:
        try:
            return [_bound(socket.AF_INET6, ("::", port), serves_both=True)]
        except OSError as error:
            if not _is_without_ipv6():
                raise error from None
    found: list[socket.socket] = []
    try:
        for family, address in await _addresses("0.0.0.0" if host in EVERYWHERE else host):  # noqa: S104
            found.append(_bound(family, (address[0], port, *address[2:])))
            port = found[0].getsockname()[1]
    except OSError:
        for each in found:
            each.close()
        raise
    return found


def refusal(error: OSError | UnicodeError, host: str, port: int) -> ConfigError | FatalError:
    """What it means that `listening` failed.

    A port that is taken, and a name server that does not answer, may be other by the next start; all else
    is for the operator to mend.
    """
    where = f"cannot listen on {authority(host, port)}"
    why = (isinstance(error, OSError) and error.strerror) or "it is no name"
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return FatalError(f"{where}: the name {host} cannot be looked up for now; is admin.host right?")
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return FatalError(f"{where}: {why}; set admin.port, or admin.host, to what is free")
    if isinstance(error, PermissionError):
        remedy = "set it to 1024 or above; those below are for privileged users"
        return ConfigError([Problem("admin.port", f"{where}: {why}", remedy)])
    remedy = "set it to an address or name of this machine, or leave it out for all of them"
    return ConfigError([Problem("admin.host", f"{where}: {why}", remedy)])


def authority(host: str, port: int) -> str:
    """`host:port` as URLs have it: IPv6 in brackets."""
    return f"[{_bare(host) or '::'}]:{port}" if host in EVERYWHERE or ":" in host else f"{host}:{port}"


async def _addresses(host: str) -> list[tuple[int, Address]]:
    found = await asyncio.get_running_loop().getaddrinfo(_bare(host), None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _bound(family: int, address: Address, *, serves_both: bool = False) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not serves_both))
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _is_without_ipv6() -> bool:
    """Whether not even a free port can be had on IPv6."""
    try:
        _bound(socket.AF_INET6, ("::", 0), serves_both=True).close()
    except OSError:
        return True
    return False


def _bare(host: str) -> str:
    return host.removeprefix("[").removesuffix("]")

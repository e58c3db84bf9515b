"""Exceptions from a proxy: hosts that are dialled by themselves all the same.

Promises: an entry is a name (itself, and what lies below it), `.name` or `*.name` (what lies below it), an
address, a network, or `*`; each but a network and `*` may have a port. What is none of these is told as
such. A name is not looked up: networks say nothing of it.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address, ip_network

_NAME = re.compile(r"(?P<below>\*?\.)?(?P<name>[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?)\.?")
_PORT = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^\[\]:]+):(?P<port>[0-9]{1,5})")


def is_entry(entry: str) -> bool:
    """Whether it can stand among the exceptions."""
    host, _ = _apart(entry)
    return host == "*" or _is_network(host) or _NAME.fullmatch(host) is not None


def goes_directly(host: str, port: int, entries: Iterable[str]) -> bool:
    """Whether one of the entries speaks of this host, in lower case and without brackets, and port."""
    host = host.rstrip(".")
    return any(_speaks_of(entry, host, port) for entry in entries)


def _speaks_of(entry: str, host: str, port: int) -> bool:
    said, said_port = _apart(entry)
    if said == "*":
        return True
    if said_port is not None and said_port != port:
        return False
    if _is_network(said):
        return _lies_in(host, said)
    found = _NAME.fullmatch(said)
    if found is None:
        return False
    return host.endswith("." + found["name"]) or (not found["below"] and host == found["name"])


def _apart(entry: str) -> tuple[str, int | None]:
    """The host of an entry, without brackets, and its port."""
    text = entry.strip().lower()
    found = _PORT.fullmatch(text)
    host, port = (found["host"], int(found["port"])) if found else (text, None)
    return host.removeprefix("[").removesuffix("]"), port


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _lies_in(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False

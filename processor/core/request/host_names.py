"""Names of this machine: those that a request was sent to, and those to listen on.

Promise: a browser that a foreign page sends here under a name of that page's own (DNS rebinding) is told
from one whose user typed an address, a name of the machine or cluster, or one that the operator lists.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]*)(:[0-9]*)?")
_RESERVED = (".svc", ".local", ".localhost", ".internal")
"""Ends of names that nobody can register (RFC 6761, 6762; ICANN for `internal`; Kubernetes for `svc`)."""
_LABELS = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(\.[A-Za-z0-9_-]{1,63})*\.?")
NAME = re.compile(r"[A-Za-z0-9_.-]{1,253}")


def is_no_strangers(host: str, ours: Collection[str]) -> bool:
    """Whether a `Host` header names what no stranger can have, or a name of `ours` (lower case).

    None at all is no stranger's either: browsers send one.
    """
    parts = _AUTHORITY.fullmatch(host)
    if parts is None:
        return False
    name = parts[1].removesuffix(".").lower()
    return name in ours or "." not in name or name.endswith(_RESERVED) or _is_address(name)


def is_place(host: str) -> bool:
    """Whether `host` can be somewhere to listen: nothing, an address, or a name that a machine can have."""
    return not host or _is_address(host) or bool(_LABELS.fullmatch(host))


def _is_address(name: str) -> bool:
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True

"""Which sockets are made and what they dial, seen by Python's audit hook; and names that lead anywhere.

Nothing but loopback is ever dialled under the hook, whatever the code under test wants.
"""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

_seen: list[str] | None = None


@contextmanager
def watched() -> Iterator[list[str]]:
    """What happens to sockets inside: `made`, and the hosts that they dial."""
    global _seen  # noqa: PLW0603  (a hook cannot be taken away again)
    seen = _seen = []
    try:
        yield seen
    finally:
        _seen = None
    assert [host for host in seen if host != "made" and not ip_address(host).is_loopback] == []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is None:
        return
    if event == "socket.__new__":
        _seen.append("made")
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
        _seen.append(host)
        if not ip_address(host).is_loopback:
            raise PermissionError(f"a test wants to dial {host}")


sys.addaudithook(_hook)


class Names(AbstractResolver):
    """A resolver that knows these names; of several answers to one name each look-up takes the next."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The next answer, the last one for ever."""
        self.asked.append(host)
        answers = self._answers[host.partition(".")[0]]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing to close."""

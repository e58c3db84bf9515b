"""The door of every connection: which addresses are dialled, and which are refused before a socket is.

Promise: what is judged is the address that is dialled, after the name was looked up and every odd way
of writing an address was understood, each time anew. No packet goes to a refused address. Of several
addresses of a name the allowed ones are used in turn; it is refused when there are none.
"""

import errno
import socket

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from processor.config.destination.endpoint import DestinationSettings
from processor.core.request.address import AddressRule, Network, network


class RefusedError(OSError):
    """An address that no request may be sent to. Its text is the address, and what speaks against it."""

    def __init__(self, address: str, fault: str) -> None:
        super().__init__(errno.EACCES, f"{address}, {fault}")


class Guard(AbstractResolver):
    """A resolver that leaves out what may not be dialled, and the maker of sockets that refuses it."""

    def __init__(self, rule: AddressRule, resolver: AbstractResolver) -> None:
        self._rule = rule
        self._resolver = resolver
        self._turn = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name to which requests may be sent.

        RefusedError if it has only others, gaierror if it has none.
        """
        found = await self._resolver.resolve(host, port, family)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "it has no address")
        allowed = [each for each in found if not self._rule.fault(each["host"])]
        if not allowed:
            self._check(found[0]["host"])
        self._turn += 1
        return _in_turn(allowed, self._turn)

    async def close(self) -> None:
        """Close the resolver behind this one."""
        await self._resolver.close()

    def socket(self, address: AddrInfoType) -> socket.socket:
        """A socket that is about to be connected to `address`. RefusedError if it may not be."""
        family, kind, protocol, _, where = address
        self._check(where[0])
        return socket.socket(family, kind, protocol)

    def _check(self, address: str) -> None:
        if fault := self._rule.fault(address):
            raise RefusedError(address, fault)


def _in_turn(found: list[ResolveResult], turn: int) -> list[ResolveResult]:
    """Each time another first, for the system may always sort them alike; families keep their order."""
    order = []
    for family in dict.fromkeys(each["family"] for each in found):
        group = [each for each in found if each["family"] == family]
        first = (turn - 1) % len(group)
        order += group[first:] + group[:first]
    return order


def own_rule(destination: DestinationSettings) -> AddressRule:
    """Where the configured host may be: anywhere, if the operator did not say otherwise."""
    return AddressRule(
        "destination.block_private_networks",
        private=not destination.block_private_networks,
        networks=_networks(destination),
    )


def foreign_rule(destination: DestinationSettings) -> AddressRule:
    """Where a host may be that an event has named."""
    return AddressRule("destination.allowed_networks", networks=_networks(destination))


def _networks(destination: DestinationSettings) -> tuple[Network, ...]:
    return tuple(map(network, destination.allowed_networks))

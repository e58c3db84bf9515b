"""Which IP addresses a request may be sent to.

Promise: an address is judged by every address that its packets may reach: one that carries an IPv4
address inside (mapped, NAT64, 6to4, Teredo and their like) is as good as what it carries. Metadata
and link-local addresses are refused whatever the rule says, and so is what is no address.

The networks are those of IANA's special-purpose registries (RFC 6890; iana.org/assignments, of 2025:
iana-ipv4-special-registry and iana-ipv6-special-registry), written out: what `ipaddress` calls global
changes with the version of Python and has NAT64, 6to4, multicast and more in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_METADATA = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",
        "168.63.129.16/32",
        "100.100.100.200/32",
        "fe80::/10",
        "fd00:ec2::/32",
        "fd20:ce::254/128",
    )
)
"""Where clouds keep the credentials of a machine, and what is as near as they are."""

_SPECIAL = tuple(
    (ip_network(text), kind)
    for text, kind in (
        ("0.0.0.0/8", "an unspecified"),
        ("10.0.0.0/8", "a private"),
        ("100.64.0.0/10", "a carrier's private"),
        ("127.0.0.0/8", "a loopback"),
        ("172.16.0.0/12", "a private"),
        ("192.0.0.0/24", "a reserved"),
        ("192.0.2.0/24", "a documentation"),
        ("192.88.99.0/24", "a reserved"),
        ("192.168.0.0/16", "a private"),
        ("198.18.0.0/15", "a benchmarking"),
        ("198.51.100.0/24", "a documentation"),
        ("203.0.113.0/24", "a documentation"),
        ("224.0.0.0/4", "a multicast"),
        ("240.0.0.0/4", "a reserved"),
        ("::1/128", "a loopback"),
        ("fc00::/7", "a private"),
        ("ff00::/8", "a multicast"),
        ("2001:db8::/32", "a documentation"),
        ("3fff::/20", "a documentation"),
        ("2001:2::/48", "a benchmarking"),
        ("2001::/23", "a reserved"),
    )
)
"""What is not public, the narrower network first. Of IPv6, nothing outside `_GLOBAL_UNICAST` is."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_ISATAP = b"\x00\x5e\xfe"

_CARRIERS: tuple[tuple[IPv6Network, tuple[tuple[int, ...], ...]], ...] = tuple(
    (IPv6Network(text), places)
    for text, places in (
        ("::/96", ((12, 13, 14, 15),)),
        ("::ffff:0:0/96", ((12, 13, 14, 15),)),
        ("::ffff:0:0:0/96", ((12, 13, 14, 15),)),
        ("64:ff9b::/96", ((12, 13, 14, 15),)),
        ("64:ff9b:1::/48", ((6, 7, 9, 10), (7, 9, 10, 11), (9, 10, 11, 12), (12, 13, 14, 15))),
        ("2002::/16", ((2, 3, 4, 5),)),
        ("2001::/32", ((4, 5, 6, 7),)),
    )
)
"""Networks whose addresses carry IPv4 ones, and in which of their bytes: compatible, mapped, SIIT,
NAT64, NAT64 of one's own (RFC 6052 knows four places), 6to4, Teredo (the server; see `_carried`)."""


@dataclass(frozen=True, slots=True)
class AddressRule:
    """What is allowed beside public addresses: all that is no metadata (`private`), or some networks.

    `setting` is the one to name when an address is refused.
    """

    setting: str
    private: bool = False
    networks: tuple[Network, ...] = ()

    def fault(self, text: str) -> str:
        """Why no request may be sent to an address, to be read behind it; "" if one may."""
        try:
            address = ip_address(text)
        except ValueError:
            return "which is no IP address"
        reached = [address, *_carried(address)]
        if any(each in network for each in reached for network in _METADATA):
            return "a metadata or link-local address: never allowed"
        kinds = (_kind(each) for each in reached if not (self.private or self._lists(address, each)))
        return next((f"{kind} address: {self.setting}" for kind in kinds if kind), "")

    def _lists(self, *addresses: Address) -> bool:
        return any(address in network for address in addresses for network in self.networks)


def network(text: str) -> Network:
    """A network that a rule may allow, such as `10.0.0.0/8`. Raises ValueError, which says what to write."""
    try:
        found = ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is no network: write one such as 10.0.0.0/8 or fd00::/8") from None
    if any(found.network_address in never and found.prefixlen >= never.prefixlen for never in _METADATA):
        raise ValueError(f"{text} is never allowed: it holds metadata or link-local addresses")
    return found


def _carried(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses inside an IPv6 one."""
    if isinstance(address, IPv4Address):
        return
    packed = address.packed
    for carrier, places in _CARRIERS:
        if address in carrier:
            yield from (IPv4Address(bytes(packed[at] for at in place)) for place in places)
    if address.teredo:
        yield address.teredo[1]
    if packed[8] & 0xFC == 0 and packed[9:12] == _ISATAP:
        yield IPv4Address(packed[12:])


def _kind(address: Address) -> str:
    """What an address is that is not public, or ""; one that is only a carrier is nothing by itself."""
    if kind := next((kind for network, kind in _SPECIAL if address in network), ""):
        return kind
    carries = address.version == 4 or any(address in carrier for carrier, _ in _CARRIERS)
    return "" if carries or address in _GLOBAL_UNICAST else "a reserved"

"""An address is judged by every address that its packets may reach; metadata is never allowed."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.address import AddressRule, network
from tests.support.addresses import METADATA, NOT_PUBLIC, NOT_REACHABLE, PUBLIC

SETTING = "the.setting"
PUBLIC_ONLY = AddressRule(SETTING)
PRIVATE_TOO = AddressRule(SETTING, private=True)
EVERYTHING = AddressRule(SETTING, private=True, networks=(ip_network("0.0.0.0/0"), ip_network("::/0")))
NEVER = "a metadata or link-local address: never allowed"

CARRYING = {
    "compatible": "::{}",
    "mapped": "::ffff:{}",
    "translated": "::ffff:0:{}",
    "nat64": "64:ff9b::{}",
}


def allowing(*networks: str) -> AddressRule:
    return AddressRule(SETTING, networks=tuple(map(network, networks)))


def carriers(address: IPv4Address) -> list[str]:
    """The addresses that carry this one, and nothing else that counts."""
    high, low = divmod(int(address), 65536)
    return [form.format(address) for form in CARRYING.values()] + [
        f"2002:{high:x}:{low:x}::1",
        f"2606:4700::5efe:{high:x}:{low:x}",
        f"2606:4700::200:5efe:{high:x}:{low:x}",
    ]


@pytest.mark.parametrize("text", METADATA)
@pytest.mark.parametrize(
    "rule", [PUBLIC_ONLY, PRIVATE_TOO, EVERYTHING], ids=["public", "private", "everything"]
)
def test_metadata_and_link_local_addresses_are_never_allowed(rule: AddressRule, text: str) -> None:
    assert rule.fault(text) == NEVER


@pytest.mark.parametrize(("text", "kind"), NOT_PUBLIC.items())
def test_what_is_not_public_is_named_and_refused_unless_private_is_allowed(text: str, kind: str) -> None:
    assert PUBLIC_ONLY.fault(text) == f"{kind} address: {SETTING}"
    assert PRIVATE_TOO.fault(text) == ""


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_allowed(text: str) -> None:
    assert PUBLIC_ONLY.fault(text) == ""
    assert PRIVATE_TOO.fault(text) == ""


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_a_network_that_is_allowed_lifts_what_lies_in_it_and_nothing_else(text: str) -> None:
    assert allowing(text).fault(text) == ""
    assert allowing("0.0.0.0/0", "::/0").fault(text) == ""
    assert allowing("11.0.0.0/8", "2a00::/16").fault(text) != ""


def test_a_network_that_is_allowed_holds_also_for_what_carries_its_addresses() -> None:
    rule = allowing("10.0.0.0/8")
    assert [rule.fault(text) for text in carriers(IPv4Address("10.0.0.1"))] == [""] * 7
    assert all(rule.fault(text) for text in carriers(IPv4Address("192.168.0.1")))
    assert allowing("64:ff9b::/96").fault("64:ff9b::10.0.0.1") == ""
    assert rule.fault("fd00::5efe:a00:1") != ""


@given(st.ip_addresses(v=4))
def test_an_address_is_as_good_as_the_one_it_carries(address: IPv4Address) -> None:
    for rule in (PUBLIC_ONLY, PRIVATE_TOO, allowing("10.0.0.0/8", "127.0.0.0/8")):
        fault = rule.fault(str(address))
        assert [rule.fault(text) for text in carriers(address)] == [fault] * 7


@given(st.sampled_from(NOT_REACHABLE).flatmap(lambda text: st.ip_addresses(network=text)))
def test_nothing_is_allowed_that_iana_does_not_call_globally_reachable(
    address: IPv4Address | IPv6Address,
) -> None:
    assert PUBLIC_ONLY.fault(str(address))


@given(st.text() | st.sampled_from(["localhost", "0x7f.1", "127.1", "2130706433", "127.0.0.01", "①.0.0.1"]))
def test_what_is_no_address_is_refused(text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        assert EVERYTHING.fault(text) == "which is no IP address"


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8", "10.0.0.1", "fd00::/8", "0.0.0.0/0", "::/0", "169.254.0.0/15", "fe80::/9"]
)
def test_a_network_is_what_it_says(text: str) -> None:
    assert network(text) == ip_network(text)


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0.0/33", "h.example", "10.*", "fd00::/8/8"])
def test_what_is_no_network_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no network: write one such as"):
        network(text)


@pytest.mark.parametrize("text", [*METADATA[:6], "169.254.0.0/16", "fe80::/10", "fe80::/64", "fd00:ec2::/32"])
def test_a_network_of_metadata_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is never allowed"):
        network(text)

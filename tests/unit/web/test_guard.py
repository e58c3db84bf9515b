"""No packet goes to an address that is refused, however a request comes by it."""

import socket
from typing import Any

import pytest

from processor.errors import TransportError
from processor.model import Answer
from processor.web.check import probe
from processor.web.client import Client
from processor.web.guard import Guard, RefusedError, foreign_rule, own_rule
from tests.support.addresses import METADATA, NOT_PUBLIC, ODD_HOSTS, PUBLIC
from tests.support.endpoint import HOST, Endpoint, Reply, unused_port
from tests.unit.admin.asking import error, opened, post, response, send, settings
from tests.unit.web.dialling import Names, watched

pytestmark = pytest.mark.slow

CONFIGURED = "http://configured.example/hook"
LOOPBACK = ["127.0.0.0/8"]
EVERYWHERE = ["0.0.0.0/0", "::/0"]
NEVER = ("169.254.169.254", "::ffff:a9fe:a9fe", "fe80::1%1")
REFUSED = (*NEVER, "10.0.0.0", "127.255.255.255", "::1", "64:ff9b::10.0.0.1", "fd12:3456::1")
"""One of each form; all others are judged by the same rule, which has tests of its own, and so has the maker
of sockets below."""
LITERAL = [text for text in REFUSED if "%" not in text]


def bracketed(address: str) -> str:
    """As it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def dialled(seen: list[str]) -> set[str]:
    return set(seen) - {"made"}


def info(address: str) -> tuple[int, int, int, str, tuple[Any, ...]]:
    """What aiohttp hands to the maker of sockets."""
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 80, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 80))


async def asked(url: str, configured: str = CONFIGURED, names: Names | None = None, **others: Any) -> Answer:
    """The answer to a request during which no socket may be made."""
    async with opened(configured, resolver=names, **others) as client:
        with watched() as seen:
            answer = await send(client, post(url))
    assert seen == []
    return answer


def blocked(answer: Answer) -> str:
    """Why it was refused."""
    assert error(answer).reason == "blocked"
    return error(answer).message


class TestAHostThatAnEventNames:
    @pytest.mark.parametrize("address", LITERAL)
    async def test_is_refused_as_an_address(self, address: str) -> None:
        message = blocked(await asked(f"http://{bracketed(address)}:9/x"))
        assert f"leads to {address}, a" in message

    @pytest.mark.parametrize("address", REFUSED)
    async def test_is_refused_as_a_name_that_leads_there(self, address: str) -> None:
        message = blocked(await asked("http://other.example/x", names=Names(other=[[address]])))
        assert message.startswith(f"other.example leads to {address}, a")

    @pytest.mark.parametrize("address", REFUSED)
    async def test_is_refused_when_its_name_leads_there_the_second_time(self, address: str) -> None:
        names = Names(other=[[HOST], [address]])
        async with (
            Endpoint(lambda _: Reply(close=True)) as endpoint,
            opened(CONFIGURED, resolver=names, allowed_networks=[f"{HOST}/32"]) as client,
        ):
            url = f"http://other.example:{endpoint.port}/x"
            with watched() as seen:
                response(await send(client, post(url)))
                forget_names(client)
                blocked(await send(client, post(url)))
        assert len(endpoint.requests) == 1
        assert names.asked == ["other.example"] * 2
        assert dialled(seen) == {HOST}

    @pytest.mark.parametrize("host", ODD_HOSTS)
    async def test_is_refused_in_every_odd_way_to_write_it(self, host: str) -> None:
        answer = error(await asked(f"http://{host}:9/x"))
        assert answer.reason in ("blocked", "dns")

    @pytest.mark.parametrize("host", [host for host in ODD_HOSTS if host != "localhost"])
    async def test_is_refused_in_every_odd_way_when_the_resolver_understands_it(self, host: str) -> None:
        names = Names(**{host.partition(".")[0]: [[HOST]]})
        blocked(await asked(f"http://{host}:9/x", names=names))

    async def test_is_refused_at_another_port_of_the_configured_one(self) -> None:
        async with Endpoint() as endpoint, Endpoint() as other, opened(endpoint.url) as client:
            response(await send(client, post(endpoint.url)))
            blocked(await send(client, post(other.url)))
        assert other.requests == []

    async def test_is_sent_to_in_a_network_that_is_allowed(self) -> None:
        async with (
            Endpoint() as endpoint,
            opened(CONFIGURED, resolver=Names(other=[[HOST]]), allowed_networks=LOOPBACK) as client,
        ):
            response(await send(client, post(f"{endpoint.url}/x")))
            response(await send(client, post(f"http://other.example:{endpoint.port}/x")))

    @pytest.mark.parametrize("address", NEVER)
    async def test_is_refused_at_metadata_whatever_is_allowed(self, address: str) -> None:
        names = Names(other=[[address]])
        message = blocked(await asked("http://other.example/x", names=names, allowed_networks=EVERYWHERE))
        assert message.endswith(": never allowed")


class TestTheConfiguredHost:
    async def test_may_be_private(self) -> None:
        async with Endpoint() as endpoint:
            url = f"http://configured.example:{endpoint.port}/"
            async with opened(url, resolver=Names(configured=[[HOST]])) as client:
                response(await send(client, post(url)))

    @pytest.mark.parametrize("address", LITERAL)
    async def test_is_refused_as_an_address_when_private_ones_are_blocked(self, address: str) -> None:
        url = f"http://{bracketed(address)}:9/x"
        blocked(await asked(url, url, block_private_networks=True))
        assert await probed(url, block_private_networks=True) == "blocked"

    @pytest.mark.parametrize("address", REFUSED)
    async def test_is_refused_as_a_name_when_private_ones_are_blocked(self, address: str) -> None:
        def names() -> Names:
            return Names(configured=[[address]])

        message = blocked(await asked(CONFIGURED, names=names(), block_private_networks=True))
        assert message.startswith(f"configured.example leads to {address}, a")
        assert await probed(CONFIGURED, names(), block_private_networks=True) == "blocked"

    @pytest.mark.parametrize("address", NEVER)
    async def test_is_never_metadata(self, address: str) -> None:
        for networks in ([], EVERYWHERE):
            names = Names(configured=[[address]])
            message = blocked(await asked(CONFIGURED, names=names, allowed_networks=networks))
            assert message.endswith("never allowed")
            assert await probed(CONFIGURED, names, allowed_networks=networks) == "blocked"
        if "%" not in address:
            url = f"http://{bracketed(address)}/"
            assert blocked(await asked(url, url)).endswith("never allowed")
            assert await probed(url) == "blocked"

    @pytest.mark.parametrize("address", NEVER)
    async def test_is_refused_when_its_name_leads_to_metadata_the_second_time(self, address: str) -> None:
        names = Names(configured=[[HOST], [address]])
        async with Endpoint(lambda _: Reply(close=True)) as endpoint:
            url = f"http://configured.example:{endpoint.port}/x"
            async with opened(url, resolver=names) as client:
                with watched() as seen:
                    response(await send(client, post(url)))
                    forget_names(client)
                    blocked(await send(client, post(url)))
        assert dialled(seen) == {HOST}

    async def test_may_lie_in_a_network_that_is_allowed_though_private_ones_are_blocked(self) -> None:
        async with Endpoint() as endpoint:
            own = settings(endpoint.url, block_private_networks=True, allowed_networks=LOOPBACK)
            assert (await probe(own)).startswith("TCP to")
            async with opened(endpoint.url, block_private_networks=True, allowed_networks=LOOPBACK) as client:
                response(await send(client, post(endpoint.url)))

    async def test_is_named_with_what_speaks_against_it_and_nothing_secret(self) -> None:
        names = Names(hooks=[["10.0.0.1"]])
        url = "https://hooks.example/s3cret?s3cret"
        message = blocked(await asked(url, url, names, block_private_networks=True))
        assert message == (
            "hooks.example leads to 10.0.0.1, a private address: destination.block_private_networks"
        )


class TestAnAnswer:
    @pytest.mark.parametrize("status", [301, 302, 307])
    @pytest.mark.parametrize(
        "location",
        [
            "http://169.254.169.254/a",
            "http://[::1]/a",
            "file:///a",
            "//169.254.169.254/",
            "http://0xa9fea9fe/",
        ],
    )
    async def test_that_redirects_there_is_not_followed(self, location: str, status: int) -> None:
        async with (
            Endpoint(lambda _: Reply(status, (("Location", location),))) as endpoint,
            opened(endpoint.url) as client,
        ):
            with watched() as seen:
                assert response(await send(client, post(endpoint.url))).status == status
        assert dialled(seen) == {HOST}
        assert len(endpoint.requests) == 1


class TestANameWithSeveralAddresses:
    @pytest.mark.parametrize("order", [1, -1])
    async def test_leads_to_those_that_are_allowed(self, order: int) -> None:
        addresses = ["10.0.0.1", HOST, "169.254.169.254", "::1", "fe80::1"][::order]
        async with Endpoint() as endpoint:
            url = f"http://other.example:{endpoint.port}/x"
            names = Names(other=[addresses])
            async with opened(CONFIGURED, resolver=names, allowed_networks=LOOPBACK) as client:
                with watched() as seen:
                    response(await send(client, post(url)))
                assert dialled(seen) == {HOST}
            with watched() as seen:
                own = settings(url, block_private_networks=True, allowed_networks=LOOPBACK)
                await probe(own, Names(other=[addresses]))
            assert dialled(seen) == {HOST}

    @pytest.mark.parametrize("order", [1, -1])
    async def test_is_not_blocked_when_the_allowed_ones_do_not_answer(self, order: int) -> None:
        url = f"http://other.example:{unused_port()}/x"
        names = Names(other=[["10.0.0.1", HOST, "fe80::1"][::order]])
        async with opened(CONFIGURED, resolver=names, allowed_networks=LOOPBACK) as client:
            with watched() as seen:
                assert error(await send(client, post(url))).reason == "connect"
        assert dialled(seen) == {HOST}

    async def test_is_blocked_when_none_is_allowed(self) -> None:
        names = Names(other=[["10.0.0.1", "fe80::1", "127.0.0.1"]])
        assert "10.0.0.1, a private address" in blocked(await asked("http://other.example/", names=names))

    async def test_is_not_blocked_when_there_are_none(self) -> None:
        assert await probed(CONFIGURED, Names(configured=[[]])) == "dns"

    async def test_leads_a_probe_to_the_first_that_takes_a_connection(self) -> None:
        async with Endpoint() as endpoint:
            own = settings(f"http://configured.example:{endpoint.port}/")
            where = f"configured.example:{endpoint.port}"
            assert await probe(own, Names(configured=[["127.0.0.2", HOST]])) == f"TCP to {where}"


class TestTheMakerOfSockets:
    """The last door, also where the resolver let something through."""

    @pytest.mark.parametrize("address", [*METADATA, *NOT_PUBLIC])
    def test_makes_none_for_what_is_refused(self, address: str) -> None:
        for rule in (
            foreign_rule(settings(CONFIGURED)),
            own_rule(settings(CONFIGURED, block_private_networks=True)),
        ):
            with watched() as seen, pytest.raises(RefusedError):
                Guard(rule, Names()).socket(info(address))
            assert seen == []

    @pytest.mark.parametrize("address", ["", "localhost", "h.example", "0x7f.1", "127.1", "2130706433"])
    def test_makes_none_for_what_would_be_looked_up_again(self, address: str) -> None:
        everything = settings(CONFIGURED, allowed_networks=EVERYWHERE)
        for rule in (foreign_rule(everything), own_rule(everything)):
            with watched() as seen, pytest.raises(RefusedError, match="which is no IP address"):
                Guard(rule, Names()).socket(info(address))
            assert seen == []

    @pytest.mark.parametrize("address", PUBLIC)
    def test_makes_one_for_what_is_public(self, address: str) -> None:
        with (
            watched() as seen,
            Guard(foreign_rule(settings(CONFIGURED)), Names()).socket(info(address)) as made,
        ):
            assert made.family == (socket.AF_INET6 if ":" in address else socket.AF_INET)
            assert made.type == socket.SOCK_STREAM
        assert seen == ["made"]


def forget_names(client: Client) -> None:
    """As when the time has come to look names up again."""
    for dialler in (client._dialler, client._foreign_dialler):
        dialler.forget_names()


async def probed(url: str, names: Names | None = None, **others: Any) -> str:
    """Why a probe did not get there, without a socket."""
    with watched() as seen, pytest.raises(TransportError) as caught:
        await probe(settings(url, **others), names)
    assert seen == []
    return caught.value.reason


async def test_each_look_up_begins_with_another_address_of_the_same_family() -> None:
    names = Names(h=[["::1", "127.0.0.1", "127.0.0.2", "127.0.0.3"]])
    guard = Guard(own_rule(settings(CONFIGURED)), names)
    found = [[each["host"] for each in await guard.resolve("h.example")] for _ in range(4)]
    assert [hosts[0] for hosts in found] == ["::1"] * 4
    assert [hosts[1] for hosts in found] == ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.1"]
    assert all(len(set(hosts)) == 4 for hosts in found)

"""Which way a request takes: directly, through the proxy, by the socket; and what the guard judges."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from processor.errors import ConfigError
from processor.web.check import probe
from processor.web.ways.authorities import refuse_unusable
from tests.support.endpoint import HOST, Endpoint, RawServer, Reply, silent
from tests.unit.admin.asking import error, opened, post, response, send, serving, settings
from tests.unit.web.dialling import Names, watched

pytestmark = pytest.mark.slow


def named(name: str) -> Any:
    """The script of a server that says who it is."""
    return lambda _: Reply(200, body=name.encode())


async def who(client: Any, url: str) -> bytes:
    """Who answers."""
    return response(await send(client, post(url))).body


async def test_exceptions_are_dialled_and_all_else_goes_through_the_proxy() -> None:
    async with Endpoint(named("proxy")) as proxy, Endpoint(named("endpoint")) as endpoint:
        for exceptions, expected in ((["127.0.0.0/8"], b"endpoint"), (["other.example"], b"proxy")):
            said = {"url": proxy.url, "no_proxy": exceptions}
            async with opened(endpoint.url, proxy=said) as client:
                assert await who(client, f"{endpoint.url}/") == expected


async def test_hosts_that_events_name_go_through_a_trusted_proxy_too() -> None:
    async with Endpoint(named("proxy")) as proxy:
        said = {"url": proxy.url, "trusted": True}
        async with opened("http://h.example", allowed_hosts=["a.example"], proxy=said) as client:
            assert await who(client, "http://a.example/x") == b"proxy"
    assert proxy.requests[0].target == "http://a.example/x"


async def test_the_way_stays_the_same_when_certificates_change(tmp_path: Path) -> None:
    context = ssl.create_default_context()
    async with Endpoint(named("proxy")) as proxy, Endpoint(named("socket"), path=tmp_path / "s"):
        ways: list[tuple[dict[str, Any], bytes]] = [
            ({"proxy": {"url": proxy.url}}, b"proxy"),
            ({"unix_socket": tmp_path / "s"}, b"socket"),
        ]
        for said, expected in ways:
            async with opened("http://h.example", **said) as client:
                assert await who(client, "http://h.example/") == expected
                client.trust(context, context)
                assert await who(client, "http://h.example/") == expected


async def test_names_behind_a_proxy_are_not_looked_up_and_only_its_own_address_is_dialled() -> None:
    async with Endpoint(named("proxy")) as proxy:
        names = Names(proxy=[[HOST]])
        said = {"url": f"http://proxy.example:{proxy.port}"}
        async with opened("http://h.example", resolver=names, proxy=said) as client:
            with watched() as seen:
                assert await who(client, "http://h.example/") == b"proxy"
    assert names.asked == ["proxy.example"]
    assert set(seen) == {"made", HOST}


async def test_a_proxy_at_a_metadata_address_is_not_dialled() -> None:
    names = Names(proxy=[["169.254.169.254"]])
    async with opened("http://h.example", resolver=names, proxy={"url": "http://proxy.example"}) as client:
        with watched() as seen:
            answer = error(await send(client, post("http://h.example/")))
    assert answer.reason == "blocked"
    assert "169.254.169.254" in answer.message
    assert seen == []


def test_authorities_of_a_proxy_that_cannot_be_read_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"")
    proxy = settings("http://h.example", proxy={"url": "https://p", "ca_file": tmp_path / "ca.pem"}).proxy
    with pytest.raises(ConfigError) as caught:
        refuse_unusable(proxy)
    assert [problem.path for problem in caught.value.problems] == ["destination.proxy.ca_file"]


# A socket of the file system


async def test_requests_leave_by_the_socket_and_name_the_host_of_the_url(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with Endpoint(path=path) as endpoint:
        async with opened("http://h.example/", unix_socket=path, resolver=Names()) as client:
            for _ in range(3):
                assert response(await send(client, post("http://h.example/hook?a=1"))).status == 200
        reached = await probe(settings("http://h.example/", unix_socket=path))
    arrival = endpoint.requests[0]
    assert (arrival.target, arrival.header("Host")) == ("/hook?a=1", "h.example")
    assert reached == f"TCP to h.example:80 by the socket {path}"


async def test_https_over_a_socket_is_verified(
    authority: trustme.CA, stranger: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    answers = []
    for name, one in (("a", authority), ("b", stranger)):
        said: dict[str, Any] = {"unix_socket": tmp_path / name, "tls": {"ca_file": tmp_path / "ca.pem"}}
        tls = serving(one.issue_cert("h.example"))
        async with Endpoint(tls=tls, path=tmp_path / name), opened("https://h.example", **said) as client:
            answers.append(await send(client, post("https://h.example/")))
    assert response(answers[0]).status == 200
    assert error(answers[1]).reason == "certificate"


async def test_hosts_that_events_name_never_use_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with Endpoint(named("socket"), path=path), Endpoint(named("named")) as other:
        others: dict[str, Any] = {
            "allowed_hosts": [f"{HOST}:{other.port}"],
            "allowed_networks": ["127.0.0.0/8"],
        }
        async with opened("http://h.example", unix_socket=path, **others) as client:
            assert await who(client, "http://h.example/") == b"socket"
            assert await who(client, f"{other.url}/") == b"named"


async def test_a_socket_that_is_not_there_is_no_connection(tmp_path: Path) -> None:
    async with opened("http://h.example", unix_socket=tmp_path / "s") as client:
        answer = error(await send(client, post("http://h.example/")))
    assert answer.reason == "connect"
    assert answer.message == f"no connection to {tmp_path / 's'}: No such file or directory"


async def test_a_socket_whose_server_is_silent_in_the_handshake_is_given_up_in_time(tmp_path: Path) -> None:
    said: dict[str, Any] = {"unix_socket": tmp_path / "s", "connect_timeout": 0.3}
    async with RawServer(silent, path=tmp_path / "s"), opened("https://h.example", **said) as client:
        assert error(await send(client, post("https://h.example/"))).reason == "connect_timeout"


async def test_a_socket_that_speaks_http_2_only_is_told_as_that(
    authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\0\0\6\4\0\0\0\0\0\0\5\0\0\x40\0")
        await reader.read()

    tls = serving(authority.issue_cert("h.example"))
    said: dict[str, Any] = {"unix_socket": tmp_path / "s", "tls": {"ca_file": tmp_path / "ca.pem"}}
    async with RawServer(behave, tls=tls, path=tmp_path / "s"), opened("https://h.example", **said) as client:
        assert error(await send(client, post("https://h.example/"))).reason == "http2_only"

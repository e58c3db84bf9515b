"""Through a proxy: what it is asked, what it may see, and how each of its failures is told."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from processor import __version__
from processor.model import Answer
from processor.web.check import probe
from tests.servers.proxies import asked_in, tinyproxy, tunnelling
from tests.support.endpoint import (
    HOST,
    Behaviour,
    Endpoint,
    RawServer,
    answering,
    silent,
    unused_port,
)
from tests.unit.admin.asking import ask, error, opened, post, response, send, serving, settings

pytestmark = pytest.mark.slow

LOGIN = {"username": "user", "password": "pässwörd€"}
BASIC = b64encode("user:pässwörd€".encode()).decode()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who certifies the endpoints."""
    return trustme.CA()


@pytest.fixture(scope="module")
def stranger() -> trustme.CA:
    """Whom nobody trusts."""
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA, tmp_path: Path) -> dict[str, Any]:
    """TLS settings that trust the right authority."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return {"ca_file": tmp_path / "ca.pem"}


@asynccontextmanager
async def secured(authority: trustme.CA) -> AsyncIterator[Endpoint]:
    """An https endpoint."""
    async with Endpoint(tls=serving(authority.issue_cert(HOST))) as endpoint:
        yield endpoint


async def through(behaviour: Behaviour, url: str, **others: Any) -> Answer:
    """The answer to a request through a proxy that does this."""
    async with (
        RawServer(behaviour) as proxy,
        opened(url, proxy={"url": proxy.url, **LOGIN}, **others) as client,
    ):
        return await send(client, post(f"{url}/hook"))


class TestTinyproxy:
    async def test_leads_to_an_https_endpoint(
        self, authority: trustme.CA, tls: dict[str, Any], tmp_path: Path
    ) -> None:
        with tinyproxy(tmp_path, "user secret") as proxy:
            login = {"url": proxy.url, "username": "user", "password": "secret"}
            async with secured(authority) as endpoint, opened(endpoint.url, tls=tls, proxy=login) as client:
                for _ in range(3):
                    assert response(await send(client, post(f"{endpoint.url}/hook"))).status == 200
            assert asked_in(tmp_path) == [f"CONNECT {HOST}:{endpoint.port} HTTP/1.1"]
        assert [each.target for each in endpoint.requests] == ["/hook"] * 3
        assert endpoint.requests[0].header("Proxy-Authorization") is None

    async def test_is_asked_for_the_whole_url_of_an_http_endpoint(self, tmp_path: Path) -> None:
        with tinyproxy(tmp_path, "user secret") as proxy:
            login = {"url": proxy.url, "username": "user", "password": "secret"}
            async with Endpoint() as endpoint, opened(endpoint.url, proxy=login) as client:
                for _ in range(3):
                    assert response(await send(client, post(f"{endpoint.url}/hook?a=1"))).status == 200
            assert asked_in(tmp_path) == [f"POST {endpoint.url}/hook?a=1 HTTP/1.1"] * 3
        assert [each.target for each in endpoint.requests] == ["/hook?a=1"] * 3
        assert endpoint.requests[0].header("Host") == f"{HOST}:{endpoint.port}"

    async def test_that_hands_on_what_follows_a_first_request_hands_on_no_login(self, tmp_path: Path) -> None:
        with tinyproxy(tmp_path, "user secret") as proxy:
            login = {"url": proxy.url, "username": "user", "password": "secret"}
            async with Endpoint() as endpoint, opened(endpoint.url, proxy=login) as client:
                for _ in range(3):
                    assert response(await send(client, post(f"{endpoint.url}/hook"))).status == 200
        assert [each.header("Proxy-Authorization") for each in endpoint.requests] == [None] * 3

    async def test_that_refuses_our_login_is_told_as_the_proxy(
        self, authority: trustme.CA, tls: dict[str, Any], tmp_path: Path
    ) -> None:
        with tinyproxy(tmp_path, "user secret") as proxy:
            wrong = {"url": proxy.url, "username": "user", "password": "wrong"}
            async with secured(authority) as endpoint:
                answer = error(await ask(endpoint, tls=tls, proxy=wrong))
        assert answer.reason == "proxy"
        assert answer.message.startswith(f"the proxy {HOST}:")
        assert "CONNECT with 40" in answer.message
        assert "wrong" not in answer.message.replace("missing or wrong", "")
        assert endpoint.connections == 0

    async def test_that_refuses_our_login_for_a_plain_request_answers_itself(self, tmp_path: Path) -> None:
        with tinyproxy(tmp_path, "user secret") as proxy:
            async with Endpoint() as endpoint:
                answer = response(await ask(endpoint, proxy={"url": proxy.url}))
        assert answer.status in (401, 407)
        assert endpoint.connections == 0

    async def test_that_cannot_reach_the_endpoint_is_told_as_the_proxy(self, tmp_path: Path) -> None:
        with tinyproxy(tmp_path) as proxy:
            async with opened(f"https://{HOST}:{unused_port()}", proxy={"url": proxy.url}) as client:
                answer = error(await send(client, post(f"{client._endpoint.origin}/")))
        assert answer.reason == "proxy"

    async def test_is_gone_through_by_check_too(
        self, authority: trustme.CA, tls: dict[str, Any], tmp_path: Path
    ) -> None:
        with tinyproxy(tmp_path) as proxy:
            said = {"proxy": {"url": proxy.url}}
            async with secured(authority) as endpoint:
                reached = await probe(settings(endpoint.url, tls=tls, **said))
                plain = await probe(settings("http://h.example/", **said))
        name = proxy.url.removeprefix("http://")
        assert reached.startswith(f"TCP and TLS 1.3 to {HOST}:{endpoint.port}, certificate valid until")
        assert reached.endswith(f" through the proxy {name}")
        assert plain == f"TCP to the proxy; h.example:80 is asked for through the proxy {name}"


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_proxy_that_speaks_tls_has_an_authority_of_its_own(
    authority: trustme.CA,
    stranger: trustme.CA,
    tls: dict[str, Any],
    tmp_path: Path,
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    stranger.cert_pem.write_to_path(tmp_path / "other.pem")
    heads: list[bytes] = []

    async def played() -> list[Answer]:
        context = serving(stranger.issue_cert(HOST))
        async with secured(authority) as endpoint, RawServer(tunnelling(heads), tls=context) as proxy:
            said = {"url": proxy.url, **LOGIN}
            return [
                await ask(endpoint, tls=tls, proxy={**said, "ca_file": tmp_path / "other.pem"}),
                await ask(endpoint, tls=tls, proxy={**said, "ca_file": tls["ca_file"]}),
            ]

    with asyncio.Runner(loop_factory=new_loop) as loop:
        right, wrong = loop.run(played())
    assert response(right).status == 200
    assert error(wrong).reason == "proxy"
    assert error(wrong).message.startswith("the proxy: ")
    assert len(heads) == 1


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_an_endpoint_behind_a_proxy_has_to_prove_who_it_is(
    authority: trustme.CA,
    stranger: trustme.CA,
    tls: dict[str, Any],
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def played() -> Answer:
        heads: list[bytes] = []
        async with secured(stranger) as endpoint, RawServer(tunnelling(heads)) as proxy:
            return await ask(endpoint, tls=tls, proxy={"url": proxy.url})

    with asyncio.Runner(loop_factory=new_loop) as loop:
        assert error(loop.run(played())).reason == "certificate"


async def test_the_client_certificate_is_shown_to_the_endpoint_and_not_to_the_proxy(
    authority: trustme.CA, stranger: trustme.CA, tls: dict[str, Any], tmp_path: Path
) -> None:
    authority.issue_cert("us.example").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "us.pem"))
    shown: list[Any] = []
    carry = tunnelling([])

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown.append(writer.get_extra_info("peercert"))
        await carry(reader, writer)

    context = serving(authority.issue_cert(HOST))
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    inner = serving(authority.issue_cert(HOST), clients_of=authority)
    async with Endpoint(tls=inner) as endpoint, RawServer(behave, tls=context) as proxy:
        answer = await ask(
            endpoint,
            tls={**tls, "certificate_file": tmp_path / "us.pem"},
            proxy={"url": proxy.url, "ca_file": tls["ca_file"]},
        )
    assert response(answer).status == 200
    assert shown in ([{}], [None])


async def test_an_endpoint_behind_a_proxy_may_have_another_name(
    authority: trustme.CA, tls: dict[str, Any]
) -> None:
    heads: list[bytes] = []
    inner = serving(authority.issue_cert("inner.example"))
    async with Endpoint(tls=inner) as endpoint:
        said = {**tls, "server_name": "inner.example"}
        assert response(await through(tunnelling(heads), endpoint.url, tls=said)).status == 200
        assert error(await through(tunnelling(heads), endpoint.url, tls=tls)).reason == "certificate"


async def test_the_head_names_us_and_the_login_is_utf_8(authority: trustme.CA, tls: dict[str, Any]) -> None:
    heads: list[bytes] = []
    async with secured(authority) as endpoint:
        assert response(await through(tunnelling(heads), endpoint.url, tls=tls)).status == 200
    where = f"{HOST}:{endpoint.port}"
    agent = f"kafka-webhook-processor/{__version__}"
    assert heads == [
        f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\nUser-Agent: {agent}\r\n"
        f"Proxy-Authorization: Basic {BASIC}\r\n\r\n".encode()
    ]


async def test_a_plain_request_tells_the_proxy_who_we_are() -> None:
    heads: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    assert response(await through(behave, "http://h.example:81")).status == 200
    assert heads == [
        b"POST http://h.example:81/hook HTTP/1.1\r\nHost: h.example:81\r\n"
        + f"Proxy-Authorization: Basic {BASIC}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n".encode()
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 5\r\n\r\nhello",
            "with 407: our login",
        ),
        (b"HTTP/1.0 403 \r\n\r\n", "with 403"),
        (b"HTTP/1.1 502\r\n\r\n<html>secret</html>", "with 502"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "with 101"),
        (b"HTTP/1.1 200 OK\r\n\r\nsomething behind", "something else than an answer"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "something else than an answer"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "something else than an answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 17_000, "something else than an answer"),
        (b"HTTP/1.1 200 OK\r\n", "ended the connection before it answered"),
    ],
)
async def test_what_a_proxy_says_instead_is_told_in_our_words(said: bytes, told: str) -> None:
    answer = error(await through(answering(said), "https://h.example"))
    assert answer.reason == "proxy"
    assert told in answer.message
    assert "secret" not in answer.message


async def test_an_answer_that_comes_in_pieces_is_one() -> None:
    pieces = [bytes([each]) for each in b"HTTP/1.1 403 Forbidden\r\n\r\n"]
    assert "with 403" in error(await through(answering(*pieces), "https://h.example")).message


async def test_a_proxy_that_says_nothing_is_given_up_in_time() -> None:
    answer = error(await through(silent, "https://h.example", connect_timeout=0.3))
    assert answer.reason == "connect_timeout"
    assert "through the proxy" in answer.message


@pytest.mark.parametrize("url", ["http://h.example", "https://h.example"])
async def test_a_proxy_that_is_not_there_is_told_as_the_proxy(url: str) -> None:
    async with opened(url, proxy={"url": f"http://{HOST}:{unused_port()}"}) as client:
        answer = error(await send(client, post(f"{url}/")))
    assert answer.reason == "proxy"
    assert answer.message.startswith("the proxy: no connection to")


async def test_a_tunnel_that_no_tls_answers_in_is_closed() -> None:
    open_ones: list[asyncio.StreamWriter] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert await reader.read() is not None

    answer = error(await through(behave, "https://h.example"))
    assert answer.reason == "tls"
    assert len(open_ones) == 1

"""What `check --connect` says of an endpoint."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from processor.errors import ConfigError, TransportError
from processor.web.check import probe
from tests.support.endpoint import HOST, Endpoint, RawServer, plain, silent, unused_port
from tests.unit.admin.asking import SECONDS, serving, settings
from tests.unit.web.dialling import Names


@pytest.fixture
def tls(authority: trustme.CA, tmp_path: Path) -> dict[str, Any]:
    """Settings that trust the right authority."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return {"ca_file": tmp_path / "ca.pem"}


async def reason(url: str, **others: Any) -> str:
    """Why the endpoint cannot be reached."""
    with pytest.raises(TransportError) as caught:
        await probe(settings(url, **others))
    assert len(caught.value.message) <= 200
    return caught.value.reason


async def test_a_plain_endpoint_is_reached_without_a_request() -> None:
    came: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.read())

    async with RawServer(behave) as server:
        assert await probe(settings(f"{server.url}/hook?secret")) == f"TCP to {HOST}:{server.port}"
    assert b"".join(came) == b""


async def test_a_tls_endpoint_is_reached_and_its_certificate_read(
    authority: trustme.CA, tls: dict[str, Any]
) -> None:
    leaf = authority.issue_cert(HOST, not_after=datetime(2037, 5, 6, tzinfo=UTC))
    async with Endpoint(tls=serving(leaf)) as endpoint:
        said = await probe(settings(endpoint.url, tls=tls))
    assert said == f"TCP and TLS 1.3 to {HOST}:{endpoint.port}, certificate valid until 2037-05-06"
    assert endpoint.requests == []


async def test_a_certificate_that_does_not_verify_is_named(stranger: trustme.CA, tls: dict[str, Any]) -> None:
    async with Endpoint(tls=serving(stranger.issue_cert(HOST))) as endpoint:
        assert await reason(endpoint.url, tls=tls) == "certificate"


async def test_a_missing_client_certificate_is_noticed(authority: trustme.CA, tls: dict[str, Any]) -> None:
    context = serving(authority.issue_cert(HOST), clients_of=authority)
    async with Endpoint(tls=context) as endpoint:
        assert await reason(endpoint.url, tls=tls) == "tls"


async def test_a_client_certificate_is_shown(
    authority: trustme.CA, tls: dict[str, Any], tmp_path: Path
) -> None:
    authority.issue_cert("us.example").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "us.pem"))
    context = serving(authority.issue_cert(HOST), clients_of=authority)
    async with Endpoint(tls=context) as endpoint:
        shown = {**tls, "certificate_file": tmp_path / "us.pem"}
        assert (await probe(settings(endpoint.url, tls=shown))).startswith("TCP and TLS 1.3")


async def test_a_port_without_tls_is_no_tls_endpoint() -> None:
    async with RawServer(plain) as server:
        assert await reason(server.url.replace("http", "https")) == "tls"


async def test_a_port_that_nobody_listens_on_is_said() -> None:
    assert await reason(f"http://{HOST}:{unused_port()}") == "connect"


@pytest.mark.parametrize("host", ["name.invalid", f"{'a' * 70}.invalid"])
async def test_a_name_that_does_not_exist_is_said(host: str) -> None:
    assert await reason(f"http://{host}") == "dns"


async def test_an_address_that_does_not_answer_does_not_hide_one_that_does() -> None:
    async with Endpoint() as endpoint:
        with unanswering("127.0.0.2", endpoint.port):
            names = Names(configured=[["127.0.0.2", HOST]])
            said = await probe(settings(f"http://configured.example:{endpoint.port}/"), names)
    assert said == f"TCP to configured.example:{endpoint.port}"


@contextmanager
def unanswering(host: str, port: int) -> Iterator[None]:
    """A listener that has no room for another connection: whoever dials it hears nothing."""
    with socket.create_server((host, port), backlog=0) as full, ExitStack() as waiting:
        for _ in range(3):
            caller = waiting.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        yield


async def test_a_handshake_that_hangs_times_out() -> None:
    async with RawServer(silent) as server:
        assert await reason(server.url.replace("http", "https"), connect_timeout=SECONDS) == "connect_timeout"


async def test_files_that_cannot_be_loaded_are_a_problem_of_the_configuration(tls: dict[str, Any]) -> None:
    tls["ca_file"].write_bytes(b"")
    with pytest.raises(ConfigError):
        await probe(settings(f"https://{HOST}", tls=tls))

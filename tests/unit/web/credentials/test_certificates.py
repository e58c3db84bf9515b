"""Certificates and authorities that change under way: nothing is refused in between, and the old ones end."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from processor.config.destination.tls import TlsSettings
from processor.model import Response
from processor.web.credentials.certificates import Certificates, Renewal
from tests.support.endpoint import HOST, RawServer
from tests.support.patience import PATIENCE
from tests.unit.web.credentials.rig import Rig, opened
from tests.unit.web.test_tls import locked

pytestmark = pytest.mark.slow


class Guarded:
    """A server that wants a certificate of ours; `shown`: the names on those of each request."""

    def __init__(self, certificate: trustme.LeafCert, *trusted: trustme.CA) -> None:
        self.shown: list[str] = []
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self.tls)
        for each in trusted:
            each.configure_trust(self.tls)
        self.tls.verify_mode = ssl.CERT_REQUIRED

    async def behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: dict[str, Any] = writer.get_extra_info("peercert")
        name = peer["subjectAltName"][0][1]
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(2)
            self.shown.append(name)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


class Files:
    """Those of `destination.tls`."""

    def __init__(self, folder: Path) -> None:
        self.ca, self.certificate, self.key = (folder / name for name in ("ca.pem", "us.pem", "us.key"))

    def settings(self) -> dict[str, str]:
        return {
            "ca_file": str(self.ca),
            "certificate_file": str(self.certificate),
            "key_file": str(self.key),
        }


def identity(authority: trustme.CA, name: str) -> tuple[bytes, bytes]:
    leaf = authority.issue_cert(name)
    return leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes()


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> Files:
    found = Files(tmp_path)
    found.ca.write_bytes(authority.cert_pem.bytes())
    certificate, key = identity(authority, "first.example")
    found.certificate.write_bytes(certificate)
    found.key.write_bytes(key)
    return found


async def send(rig: Rig) -> int:
    answer = await rig.send()
    assert isinstance(answer, Response), answer
    return answer.status


async def test_a_pair_that_is_swapped_half_way_leaves_the_one_before_until_it_is_whole(
    authority: trustme.CA, files: Files
) -> None:
    guarded = Guarded(authority.issue_cert(HOST), authority)
    async with (
        RawServer(guarded.behave, tls=guarded.tls) as server,
        opened(server.url, every=0.02, tls=files.settings()) as rig,
    ):
        assert rig.heard.certificates.keys() == {"client", "authority"}
        assert await send(rig) == 200
        certificate, key = identity(authority, "second.example")
        files.certificate.write_bytes(certificate)
        await until(lambda: rig.heard.faults)
        assert "is not that of the certificate" in rig.heard.faults[0][1]
        assert await send(rig) == 200
        files.key.write_bytes(key)
        await until(lambda: rig.heard.reloaded)
        sent = await asyncio.gather(*[send(rig) for _ in range(4)])
        assert sent == [200] * 4
        assert guarded.shown == ["first.example"] * 2 + ["second.example"] * 4
        assert len(rig.heard.faults) == 1


async def test_what_is_under_way_when_it_is_swapped_is_answered_and_its_connection_is_the_last_of_the_old(
    authority: trustme.CA, files: Files
) -> None:
    guarded = Guarded(authority.issue_cert(HOST), authority)
    gate = asyncio.Event()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: dict[str, Any] = writer.get_extra_info("peercert")
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(2)
            guarded.shown.append(peer["subjectAltName"][0][1])
            await gate.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with (
        RawServer(behave, tls=guarded.tls) as server,
        opened(server.url, every=0.02, tls=files.settings()) as rig,
    ):
        first = asyncio.ensure_future(send(rig))
        await until(lambda: guarded.shown)
        certificate, key = identity(authority, "second.example")
        files.certificate.write_bytes(certificate)
        files.key.write_bytes(key)
        await until(lambda: rig.heard.reloaded)
        gate.set()
        assert await first == 200
        assert await send(rig) == 200
        assert guarded.shown == ["first.example", "second.example"]
        await until(lambda: not rig.client.retired())


def test_what_has_not_changed_is_not_made_anew(files: Files) -> None:
    tls = TlsSettings.model_validate(files.settings())
    certificates = Certificates(tls, shows_all=False)
    assert certificates.look() == Renewal(None, "")
    files.ca.write_bytes(files.ca.read_bytes() + b"\n")
    assert certificates.look().contexts is not None
    assert certificates.look() == Renewal(None, "")
    files.key.unlink()
    fault = certificates.look().fault
    assert "cannot be read" in fault
    assert certificates.look() == Renewal(None, fault)
    certificates.locked_by("another")
    assert Certificates(TlsSettings(), shows_all=True).has_files() is False


async def test_an_authority_that_is_taken_away_is_trusted_no_more_and_another_one_is(
    authority: trustme.CA, stranger: trustme.CA, files: Files
) -> None:
    old, new = (Guarded(each.issue_cert(HOST), authority) for each in (authority, stranger))
    async with RawServer(old.behave, tls=old.tls) as before, RawServer(new.behave, tls=new.tls) as after:
        said: dict[str, Any] = {"allowed_hosts": [after.url], "allowed_networks": ["127.0.0.0/8"]}
        said["allowed_hosts_get_secrets"] = True
        async with opened(before.url, every=0.02, tls=files.settings(), **said) as rig:
            assert await send(rig) == 200
            assert not isinstance(await rig.send(after.url + "/"), Response)
            files.ca.write_bytes(stranger.cert_pem.bytes())
            await until(lambda: rig.heard.reloaded)
            assert isinstance(await rig.send(after.url + "/"), Response)
            assert not isinstance(await rig.send(), Response)


@pytest.fixture
def password(files: Files, tmp_path: Path) -> Path:
    """The file of the password by which our key is locked: `first`."""
    file = tmp_path / "password"
    locked(files.key, b"first")
    file.write_text("first")
    return file


def renew(files: Files, authority: trustme.CA, password: Path) -> None:
    """Another certificate, with a key behind the password `second`."""
    certificate, key = identity(authority, "second.example")
    files.certificate.write_bytes(certificate)
    files.key.write_bytes(key)
    locked(files.key, b"second")
    password.write_text("second")


async def test_a_key_with_another_password_is_opened_with_that(
    authority: trustme.CA, files: Files, password: Path
) -> None:
    guarded = Guarded(authority.issue_cert(HOST), authority)
    named = {"destination.tls.key_password": password}
    async with RawServer(guarded.behave, tls=guarded.tls) as server:
        tls = {**files.settings(), "key_password": "first"}
        async with opened(server.url, named, every=0.02, tls=tls) as rig:
            assert await send(rig) == 200
            renew(files, authority, password)
            await until(lambda: "destination.tls" in rig.heard.reloaded)
            assert await send(rig) == 200
            assert guarded.shown == ["first.example", "second.example"]
            assert rig.secrets.strike("second") == "***"


async def test_so_is_the_key_that_a_token_endpoint_knows_us_by(
    authority: trustme.CA, files: Files, password: Path
) -> None:
    guarded = Guarded(authority.issue_cert(HOST), authority)
    named = {"destination.auth.tls.key_password": password}
    async with RawServer(guarded.behave, tls=guarded.tls) as issuer:
        tls = {**files.settings(), "key_password": "first"}
        auth = {
            "type": "oauth2",
            "token_url": issuer.url,
            "client_id": "a",
            "client_auth": "mtls",
            "tls": tls,
        }
        async with opened("http://127.0.0.1/", named, every=0.02, auth=auth) as rig:
            await until(lambda: guarded.shown == ["first.example"])
            renew(files, authority, password)
            await until(lambda: guarded.shown[-1] == "second.example")
            assert rig.heard.reloaded == ["destination.auth.tls.key_password"]
            assert rig.secrets.strike("second") == "***"

"""Who is spoken to over TLS, who is not, and what is said of files that cannot be used."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from processor.config.destination.tls import TlsSettings
from processor.errors import ConfigError, TransportError
from processor.web.check import probe
from processor.web.tls import ssl_context
from tests.support.endpoint import HOST, Endpoint, RawServer, Reply, plain
from tests.unit.admin.asking import ask, error, opened, post, response, send, serving, settings


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    """The right authority's certificate."""
    return written(tmp_path / "ca.pem", authority.cert_pem.bytes())


@pytest.fixture
def ours(authority: trustme.CA, tmp_path: Path) -> dict[str, Any]:
    """Settings with a client certificate and its key."""
    leaf = authority.issue_cert("us.example")
    return {
        "certificate_file": written(tmp_path / "us.pem", leaf.cert_chain_pems[0].bytes()),
        "key_file": written(tmp_path / "us.key", leaf.private_key_pem.bytes()),
    }


def written(file: Path, content: bytes) -> Path:
    """The file, with that content."""
    file.write_bytes(content)
    return file


def locked(key: Path, password: bytes) -> None:
    """Encrypt a key in place."""
    private = load_pem_private_key(key.read_bytes(), None)
    encryption = BestAvailableEncryption(password)
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


def refuse(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Take one connection, refuse the client with an alert, which asyncio's servers do not send."""
    connection, _ = listener.accept()
    with connection, connection.dup() as wire:
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)
        wire.shutdown(socket.SHUT_WR)
        while wire.recv(65536):
            pass


class TestAnEndpoint:
    async def test_of_the_given_authority_is_spoken_to(self, authority: trustme.CA, ca_file: Path) -> None:
        async with Endpoint(tls=serving(authority.issue_cert(HOST))) as endpoint:
            for _ in range(2):
                assert response(await ask(endpoint, tls={"ca_file": ca_file})).status == 200

    async def test_keeps_its_connection(self, authority: trustme.CA, ca_file: Path) -> None:
        async with (
            Endpoint(tls=serving(authority.issue_cert(HOST))) as endpoint,
            opened(endpoint.url, tls={"ca_file": ca_file}) as client,
        ):
            for _ in range(3):
                response(await send(client, post(endpoint.url, bytes(100_000))))
        assert endpoint.connections == 1

    async def test_may_answer_at_length(self, authority: trustme.CA, ca_file: Path) -> None:
        async with Endpoint(
            lambda _: Reply(body=bytes(1_000_000)), tls=serving(authority.issue_cert(HOST))
        ) as endpoint:
            assert response(await ask(endpoint, tls={"ca_file": ca_file})).status == 200

    @pytest.mark.parametrize("own_authority", [True, False])
    async def test_of_another_authority_gets_nothing(
        self, stranger: trustme.CA, ca_file: Path, own_authority: bool
    ) -> None:
        tls = {"ca_file": ca_file} if own_authority else {}
        async with Endpoint(tls=serving(stranger.issue_cert(HOST))) as endpoint:
            answer = error(await ask(endpoint, tls=tls))
        assert answer.reason == "certificate"
        assert "unable to get local issuer certificate" in answer.message
        assert endpoint.requests == []

    async def test_that_certifies_itself_gets_nothing(self, stranger: trustme.CA, ca_file: Path) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        with stranger.cert_pem.tempfile() as certificate, stranger.private_key_pem.tempfile() as key:
            context.load_cert_chain(certificate, key)
        async with Endpoint(tls=context) as endpoint:
            answer = error(await ask(endpoint, tls={"ca_file": ca_file}))
        assert answer.reason == "certificate"
        assert "self-signed" in answer.message

    async def test_with_an_expired_certificate_gets_nothing(
        self, authority: trustme.CA, ca_file: Path
    ) -> None:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        expired = authority.issue_cert(HOST, not_before=yesterday - timedelta(days=9), not_after=yesterday)
        async with Endpoint(tls=serving(expired)) as endpoint:
            answer = error(await ask(endpoint, tls={"ca_file": ca_file}))
        assert answer.reason == "certificate"
        assert "expired" in answer.message

    async def test_of_another_name_gets_nothing(self, authority: trustme.CA, ca_file: Path) -> None:
        async with Endpoint(tls=serving(authority.issue_cert("other.example"))) as endpoint:
            answer = error(await ask(endpoint, tls={"ca_file": ca_file}))
        assert answer.reason == "certificate"
        assert f"not valid for '{HOST}'" in answer.message

    async def test_is_offered_http1_and_nothing_else(self, authority: trustme.CA, ca_file: Path) -> None:
        chosen = list[str | None]()

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            chosen.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
            await plain(reader, writer)

        context = serving(authority.issue_cert(HOST))
        context.set_alpn_protocols(["h2", "http/1.1"])
        async with RawServer(behave, tls=context) as server:
            assert response(await ask(server, tls={"ca_file": ca_file})).status == 400
        assert chosen == ["http/1.1"]

    async def test_that_speaks_http2_only_is_told_so(self) -> None:
        """It refuses the handshake with an alert, as nginx and Node do."""

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65536)
            writer.write(bytes((21, 3, 3, 0, 2, 2, 120)))

        async with RawServer(behave) as server, opened(f"https://{HOST}:{server.port}") as client:
            answer = error(await send(client, post(f"https://{HOST}:{server.port}")))
        assert answer.reason == "http2_only", answer
        assert "speaks HTTP/2 only" in answer.message

    @pytest.mark.parametrize("name", ["elsewhere.example", "other.example", None])
    async def test_proves_the_name_that_is_set_in_place_of_its_host(
        self, authority: trustme.CA, ca_file: Path, name: str | None
    ) -> None:
        context, asked = serving(authority.issue_cert("elsewhere.example")), list[str | None]()
        context.sni_callback = lambda _, name, __: asked.append(name)
        async with Endpoint(tls=context) as endpoint:
            said = {"ca_file": ca_file} | ({"server_name": name} if name else {})
            answer = await ask(endpoint, tls=said)
            checked = settings(endpoint.url, tls=said)
            if name == "elsewhere.example":
                assert response(answer).status == 200
                assert "TLS" in await probe(checked)
            else:
                assert error(answer).reason == "certificate"
                with pytest.raises(TransportError, match="certificate"):
                    await probe(checked)
        assert set(asked) == {name}

    async def test_that_an_event_names_proves_its_own_name(
        self, authority: trustme.CA, ca_file: Path
    ) -> None:
        context = serving(authority.issue_cert("elsewhere.example"))
        tls = {"ca_file": ca_file, "server_name": "elsewhere.example"}
        async with (
            Endpoint(tls=context) as endpoint,
            opened("https://h.example", tls=tls, allowed_networks=["127.0.0.0/8"]) as client,
        ):
            assert error(await send(client, post(endpoint.url))).reason == "certificate"

    async def test_is_shown_our_certificate(
        self, authority: trustme.CA, ca_file: Path, ours: dict[str, Any]
    ) -> None:
        context = serving(authority.issue_cert(HOST), clients_of=authority)
        async with Endpoint(tls=context) as endpoint:
            assert response(await ask(endpoint, tls={"ca_file": ca_file, **ours})).status == 200

    async def test_that_demands_a_certificate_we_do_not_have_gets_nothing(
        self, authority: trustme.CA, ca_file: Path
    ) -> None:
        context = serving(authority.issue_cert(HOST), clients_of=authority)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        async with Endpoint(tls=context) as endpoint:
            assert error(await ask(endpoint, tls={"ca_file": ca_file})).reason == "tls"
        assert endpoint.requests == []

    @pytest.mark.parametrize("may_see_it", [False, True])
    async def test_that_an_event_names_is_shown_our_certificate_only_where_the_settings_say_so(
        self, authority: trustme.CA, ca_file: Path, ours: dict[str, Any], *, may_see_it: bool
    ) -> None:
        context = serving(authority.issue_cert(HOST), clients_of=authority)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        said: dict[str, Any] = {"allowed_networks": ["127.0.0.0/8"], "allowed_hosts_get_secrets": may_see_it}
        async with (
            Endpoint(tls=context) as endpoint,
            opened("https://h.example", tls={"ca_file": ca_file, **ours}, **said) as client,
        ):
            answer = await send(client, post(endpoint.url))
        assert len(endpoint.requests) == may_see_it
        assert may_see_it or error(answer).reason == "tls"

    async def test_that_refuses_us_after_the_handshake_is_understood(
        self, authority: trustme.CA, ca_file: Path
    ) -> None:
        context = serving(authority.issue_cert(HOST), clients_of=authority)
        with socket.create_server((HOST, 0)) as listener:
            refusing = asyncio.create_task(asyncio.to_thread(refuse, listener, context))
            url = f"https://{HOST}:{listener.getsockname()[1]}"
            async with opened(url, tls={"ca_file": ca_file}) as client:
                answer = error(await send(client, post(url)))
            await refusing
        assert answer.reason == "client_certificate"
        assert "certificate required" in answer.message

    async def test_that_speaks_only_old_tls_gets_nothing(self, authority: trustme.CA, ca_file: Path) -> None:
        context = serving(authority.issue_cert(HOST))
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        async with Endpoint(tls=context) as endpoint:
            assert error(await ask(endpoint, tls={"ca_file": ca_file})).reason == "tls"

    async def test_that_speaks_no_tls_gets_nothing(self) -> None:
        async with RawServer(plain) as server:
            url = server.url.replace("http", "https")
            async with opened(url) as client:
                answer = error(await send(client, post(url)))
        assert answer.reason == "tls"
        assert "wrong version number" in answer.message

    async def test_that_hangs_up_in_the_handshake_is_tried_again_later(self) -> None:
        async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.read(1)

        async with RawServer(hang_up) as server:
            url = server.url.replace("http", "https")
            async with opened(url) as client:
                assert error(await send(client, post(url))).reason == "tls"


class TestFiles:
    def test_that_are_right_make_a_context_that_verifies(self, ca_file: Path, ours: dict[str, Any]) -> None:
        context = ssl_context(TlsSettings(ca_file=ca_file, **ours))
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2

    def test_replace_the_authorities_of_the_system(self, ca_file: Path) -> None:
        assert len(ssl_context(TlsSettings(ca_file=ca_file)).get_ca_certs()) == 1

    def test_may_hold_certificate_and_key_together(self, ours: dict[str, Any], tmp_path: Path) -> None:
        both = ours["key_file"].read_bytes() + ours["certificate_file"].read_bytes()
        ssl_context(TlsSettings(certificate_file=written(tmp_path / "both.pem", both)))

    def test_may_be_encrypted(self, ours: dict[str, Any]) -> None:
        locked(ours["key_file"], b"open")
        ssl_context(TlsSettings.model_validate({**ours, "key_password": "open"}))

    def test_need_no_password_to_be_given_one(self, ours: dict[str, Any]) -> None:
        ssl_context(TlsSettings.model_validate({**ours, "key_password": "needless"}))

    @pytest.mark.parametrize("name", ["ca_file", "certificate_file", "key_file"])
    @pytest.mark.parametrize("content", [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
    def test_that_are_no_pem_are_named(
        self, ca_file: Path, ours: dict[str, Any], name: str, content: bytes
    ) -> None:
        files = {"ca_file": ca_file, **ours}
        files[name].write_bytes(content)
        [problem] = problems(files)
        assert problem.path == f"destination.tls.{name}"
        assert str(files[name]) in problem.message

    @pytest.mark.parametrize("name", ["ca_file", "certificate_file", "key_file"])
    def test_that_have_gone_are_named(self, ca_file: Path, ours: dict[str, Any], name: str) -> None:
        files = {"ca_file": ca_file, **ours}
        settings = TlsSettings(**files)
        files[name].unlink()
        [problem] = problems(settings)
        assert problem.path == f"destination.tls.{name}"
        assert problem.message == f"{files[name]} cannot be read: No such file or directory"

    def test_that_do_not_belong_together_are_named(self, stranger: trustme.CA, ours: dict[str, Any]) -> None:
        ours["key_file"].write_bytes(stranger.issue_cert("x").private_key_pem.bytes())
        [problem] = problems(ours)
        assert problem.path == "destination.tls.key_file"
        assert "is not that of the certificate" in problem.message

    def test_that_are_encrypted_need_a_password(self, ours: dict[str, Any]) -> None:
        locked(ours["key_file"], b"open")
        [problem] = problems(ours)
        assert "is encrypted" in problem.message
        assert problem.remedy == "set destination.tls.key_password"

    @pytest.mark.parametrize("password", ["wrong", "w" * 2000])
    def test_that_are_encrypted_need_the_right_password(self, ours: dict[str, Any], password: str) -> None:
        locked(ours["key_file"], b"open")
        [problem] = problems({**ours, "key_password": password})
        assert problem.path == "destination.tls.key_password"
        assert password not in str(problem)

    def test_of_a_key_without_a_certificate_are_too_few(self, ours: dict[str, Any]) -> None:
        [problem] = problems({"key_file": ours["key_file"]})
        assert problem.path == "destination.tls.key_file"
        assert problem.remedy == "set destination.tls.certificate_file"

    def test_are_all_named_at_once(self, ca_file: Path, ours: dict[str, Any]) -> None:
        files = {"ca_file": ca_file, **ours}
        for file in files.values():
            file.write_bytes(b"")
        paths = [problem.path for problem in problems(files)]
        assert paths == ["destination.tls.ca_file", "destination.tls.certificate_file"]


def problems(said: dict[str, Any] | TlsSettings) -> Any:
    """What is wrong with these settings."""
    settings = said if isinstance(said, TlsSettings) else TlsSettings.model_validate(said)
    with pytest.raises(ConfigError) as caught:
        ssl_context(settings)
    return caught.value.problems

"""Who we are to the webhook: what goes with a request, and what is fetched or read anew."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from processor.config.destination.auth import AuthSettings
from processor.core.redaction import Secrets
from processor.errors import ConfigError, TransportError
from processor.model import Answer, Request, Response
from processor.web.credentials.check import probe
from processor.web.credentials.door import FRESH_FILE_SECONDS
from processor.web.credentials.files import Secret, stamp_of
from tests.support import builders
from tests.support.endpoint import Arrival, Endpoint, Reply, unused_port
from tests.support.oauth import TokenEndpoint, guarded
from tests.support.patience import PATIENCE
from tests.unit.web.credentials.rig import opened

pytestmark = pytest.mark.slow

CLIENT = {
    "type": "oauth2",
    "client_id": "crm webhook:eu",
    "client_secret": "p+ss/w0rd:%&ü€, and 32 bytes at least",
}
PASSWORD = {"type": "basic", "username": "Aladdin", "password": "open sesame"}


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


def status(answer: Answer) -> int:
    assert isinstance(answer, Response), answer
    return answer.status


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (PASSWORD, "Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ({**PASSWORD, "username": "test", "password": "123£"}, "Authorization", "Basic dGVzdDoxMjPCow=="),
        ({"type": "bearer", "token": "abc.def"}, "Authorization", "Bearer abc.def"),
        ({"type": "api_key", "name": "X-Key", "value": "k1-k2"}, "X-Key", "k1-k2"),
    ],
)
async def test_what_is_configured_goes_with_each_request(
    auth: dict[str, Any], header: str, value: str
) -> None:
    async with Endpoint() as endpoint, opened(endpoint.url, auth=auth) as rig:
        for _ in range(2):
            assert status(await rig.send()) == 200
        assert [each.header(header) for each in endpoint.requests] == [value, value]
        assert rig.secrets.strike(value.split()[-1]) == "***"


async def test_a_key_in_the_query_is_put_on_when_it_leaves_and_an_events_own_gives_way() -> None:
    auth = {"type": "api_key", "name": "api key", "value": "a&b c", "in": "query"}
    async with Endpoint() as endpoint, opened(endpoint.url, auth=auth) as rig:
        for path in ("/", "/?a=1", "/?api%20key=mine&b=2&api+key="):
            assert status(await rig.send(endpoint.url + path)) == 200
        assert [each.target for each in endpoint.requests] == [
            "/?api%20key=a%26b%20c",
            "/?a=1&api%20key=a%26b%20c",
            "/?b=2&api%20key=a%26b%20c",
        ]
        assert rig.secrets.strike("?api%20key=a%26b%20c") == "?api%20key=***"


async def test_without_anything_to_prove_requests_go_to_the_client_itself() -> None:
    async with Endpoint() as endpoint, opened(endpoint.url) as rig:
        assert rig.credentials.sender is rig.client
        assert rig.credentials.fault() is None


@pytest.mark.parametrize(("has_all", "expected"), [(False, None), (True, "Bearer abc")])
async def test_a_host_that_an_event_names_gets_it_only_where_that_is_said(
    has_all: bool, expected: str | None
) -> None:
    async with Endpoint() as own, Endpoint() as other:
        more: dict[str, Any] = {
            "allowed_hosts": [f"127.0.0.1:{other.port}"],
            "allowed_networks": ["127.0.0.0/8"],
            "allowed_hosts_get_secrets": has_all,
        }
        async with opened(own.url, auth={"type": "bearer", "token": "abc"}, **more) as rig:
            assert status(await rig.send(other.url + "/")) == 200
            assert status(await rig.send()) == 200
        assert other.requests[0].header("Authorization") == expected
        assert own.requests[0].header("Authorization") == "Bearer abc"


@pytest.mark.parametrize(("may", "expected"), [(True, ["theirs"]), (False, ["Bearer abc"])])
async def test_an_events_own_header_wins_only_where_that_is_said(may: bool, expected: list[str]) -> None:
    auth = {"type": "bearer", "token": "abc", "event_may_override": may}
    async with Endpoint(lambda _: Reply(401)) as endpoint, opened(endpoint.url, auth=auth) as rig:
        assert status(await rig.send(headers=(("authorization", "theirs"),))) == 401
        found = [value for name, value in endpoint.requests[0].headers if name.lower() == "authorization"]
        assert found == expected
        assert rig.heard.refusals == (not may)


class TestAToken:
    @pytest.mark.parametrize("way", ["basic", "post", "client_secret_jwt"])
    async def test_is_fetched_once_and_goes_with_each_request(self, way: str) -> None:
        async with TokenEndpoint() as issuer, Endpoint(guarded(issuer.accepts)) as endpoint:
            auth = {**CLIENT, "token_url": issuer.url, "client_auth": way, "scopes": ["a", "b"]}
            async with opened(endpoint.url, auth={**auth, "audience": "crm", "resource": "r"}) as rig:
                answers = await asyncio.gather(*[rig.send() for _ in range(20)])
                assert set(map(status, answers)) == {200}
                assert (issuer.refused, rig.heard.fetched) == ([], ["granted"])
                form = issuer.asked[0]
                assert (form["scope"], form["audience"], form["resource"]) == ("a b", "crm", "r")
                assert rig.secrets.strike("x token-1 y") == "x *** y"

    async def test_is_asked_for_by_what_a_key_has_signed(self) -> None:
        key = generate_private_key(SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        async with TokenEndpoint() as issuer, Endpoint(guarded(issuer.accepts)) as endpoint:
            public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            issuer.keys["crm"] = public.decode()
            auth = {"type": "oauth2", "token_url": issuer.url, "client_id": "crm", "private_key": pem}
            async with opened(endpoint.url, auth={**auth, "client_auth": "private_key_jwt"}) as rig:
                assert status(await rig.send()) == 200

    async def test_is_asked_for_by_the_assertion_that_stands_in_the_file_now(self, tmp_path: Path) -> None:
        file = tmp_path / "assertion"
        file.write_text("first\n")
        async with TokenEndpoint() as issuer, Endpoint(guarded(issuer.accepts)) as endpoint:
            issuer.assertions = {"second"}
            auth = {
                "type": "oauth2",
                "token_url": issuer.url,
                "client_id": "crm",
                "assertion_file": str(file),
            }
            async with opened(endpoint.url, auth={**auth, "client_auth": "assertion_file"}) as rig:
                await until(lambda: rig.heard.fetched)
                (refused,) = rig.heard.fetched
                assert refused.startswith("refused: status 401, invalid_client")
                file.write_text("second\n")
                assert status(await rig.send()) == 200

    async def test_that_is_revoked_is_fetched_again_once_and_all_that_it_refused_are_sent_again(self) -> None:
        async with (
            TokenEndpoint() as issuer,
            Endpoint(guarded(issuer.accepts)) as endpoint,
            opened(endpoint.url, fresh=0.0, auth={**CLIENT, "token_url": issuer.url}) as rig,
        ):
            assert status(await rig.send()) == 200
            issuer.revoke()
            issuer.gate = asyncio.Event()
            sent = [rig.send() for _ in range(8)]
            await until(lambda: rig.heard.refusals == 8)
            more = [rig.send() for _ in range(8)]
            issuer.gate.set()
            assert {status(each) for each in await asyncio.gather(*sent, *more)} == {200}
            assert rig.heard.fetched == ["granted"] * 2
            assert len(endpoint.requests) == 1 + 8 + 16

    async def test_that_one_request_is_refused_with_is_good_for_others_while_none_is_to_be_had(self) -> None:
        def script(arrival: Arrival) -> Reply:
            return Reply(401 if arrival.target == "/other" else 200)

        async with TokenEndpoint() as issuer, Endpoint(script) as endpoint:
            auth = {**CLIENT, "token_url": issuer.url}
            async with opened(endpoint.url, fresh=0.0, auth=auth) as rig:
                assert status(await rig.send()) == 200
                issuer.fault = Reply(503)
                for _ in range(2):
                    refused = rig.send(endpoint.url + "/other")
                    await until(lambda: rig.heard.refusals)
                    answers = await asyncio.gather(*[rig.send() for _ in range(4)])
                    assert status(await refused) == 401
                    assert set(map(status, answers)) == {200}
                    assert rig.credentials.fault() is None
                issuer.fault = None
                await until(lambda: rig.heard.fetched[-1] == "granted" != rig.heard.fetched[-2])
                assert status(await rig.send()) == 200

    async def test_that_is_always_refused_is_not_fetched_for_each_request(self) -> None:
        async with (
            TokenEndpoint() as issuer,
            Endpoint(lambda _: Reply(401)) as endpoint,
            opened(endpoint.url, auth={**CLIENT, "token_url": issuer.url}) as rig,
        ):
            for _ in range(5):
                answers = await asyncio.gather(*[rig.send() for _ in range(8)])
                assert set(map(status, answers)) == {401}
            assert rig.heard.fetched == ["granted"]

    async def test_that_is_not_to_be_had_lets_nothing_leave_until_it_is(self) -> None:
        async with TokenEndpoint() as issuer, Endpoint(guarded(issuer.accepts)) as endpoint:
            issuer.fault = Reply(503, body=b"hunter2")
            auth = {**CLIENT, "token_url": issuer.url}
            async with opened(endpoint.url, auth=auth, request_timeout=0.3) as rig:
                answer = await rig.send()
                assert isinstance(answer, TransportError)
                assert (answer.reason, answer.message) == ("credentials", "none is granted: status 503")
                assert rig.credentials.fault() == "none is granted: status 503"
                assert endpoint.requests == []
                issuer.fault = None
                await until(lambda: rig.credentials.fault() is None)
                assert status(await rig.send()) == 200

    @pytest.mark.parametrize(
        ("fault", "expected"),
        [
            (Reply(302, (("Location", "/oauth/token"),)), "refused: status 302"),
            (Reply(200, body=b" " * 70_000), "malformed: "),
            (Reply(200, body=b'{"access_token":"a b"}'), "refused: status 200 with a token that cannot be"),
            (Reply(200, body=b"hunter2"), "refused: status 200 with something else"),
        ],
    )
    async def test_that_is_none_is_told_and_not_used(self, fault: Reply, expected: str) -> None:
        async with TokenEndpoint() as issuer, Endpoint() as endpoint:
            issuer.fault = fault
            async with opened(endpoint.url, auth={**CLIENT, "token_url": issuer.url}) as rig:
                await until(lambda: rig.heard.fetched)
                assert rig.heard.fetched[0].startswith(expected)
                assert "hunter2" not in rig.heard.fetched[0]
                assert len(issuer.requests) == 1

    async def test_whose_issuer_is_not_there_is_asked_for_until_it_is(self) -> None:
        url = f"http://127.0.0.1:{unused_port()}/token"
        async with (
            Endpoint() as endpoint,
            opened(endpoint.url, auth={**CLIENT, "token_url": url}, request_timeout=0.2) as rig,
        ):
            answer = await rig.send()
            assert isinstance(answer, TransportError)
            assert answer.reason == "credentials"
            assert rig.heard.fetched[0].startswith("unreachable: ")

    async def test_is_no_other_because_what_it_is_asked_for_with_is(self, tmp_path: Path) -> None:
        file, name = tmp_path / "secret", "destination.auth.client_secret"
        file.write_text("another, which is 32 bytes long too")
        gate = asyncio.Event()

        async def refuse(_: Arrival) -> Reply:
            await gate.wait()
            return Reply(401)

        async with TokenEndpoint() as issuer, Endpoint(refuse) as endpoint:
            auth = {**CLIENT, "token_url": issuer.url}
            async with opened(endpoint.url, {name: file}, auth=auth) as rig:
                answer = rig.send()
                await until(lambda: endpoint.requests)
                rig.credentials.look()
                await until(lambda: rig.heard.reloaded)
                gate.set()
                assert status(await answer) == 401
                assert len(endpoint.requests) == 1

    async def test_is_asked_for_with_the_secret_that_stands_in_the_file_now(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("wrong")
        name = "destination.auth.client_secret"
        async with TokenEndpoint() as issuer, Endpoint(guarded(issuer.accepts)) as endpoint:
            auth = {**CLIENT, "token_url": issuer.url, "client_secret": "wrong"}
            async with opened(endpoint.url, {name: file}, every=0.02, auth=auth) as rig:
                await until(lambda: rig.heard.fetched)
                file.write_text("p+ss/w0rd:%&ü€, and 32 bytes at least\n")
                assert status(await rig.send()) == 200
                assert rig.heard.reloaded == [name]
                assert rig.secrets.strike("p+ss/w0rd:%&ü€, and 32 bytes at least") == "***"


class TestASecretInAFile:
    async def test_that_has_changed_is_used_at_once_where_the_one_before_is_refused(
        self, tmp_path: Path
    ) -> None:
        file = tmp_path / "token"
        file.write_text("first\n")
        right = "Bearer first"
        script = guarded(lambda said: said == right)
        async with Endpoint(script) as endpoint:
            auth = {"type": "bearer", "token": "first"}
            async with opened(endpoint.url, {"destination.auth.token": file}, auth=auth) as rig:
                assert status(await rig.send()) == 200
                right = "Bearer second"
                await until_stale()
                file.write_text("second\n")
                answers = await asyncio.gather(*[rig.send() for _ in range(8)])
                assert set(map(status, answers)) == {200}
                assert rig.secrets.strike("first second") == "*** ***"

    async def test_that_changes_behind_a_look_is_used_at_once_where_the_one_before_is_refused(
        self, tmp_path: Path
    ) -> None:
        file, started, go_on = tmp_path / "token", threading.Event(), threading.Event()
        file.write_text("first\n")
        right = "Bearer first"

        def hold(_: str) -> str:
            started.set()
            go_on.wait(PATIENCE)
            return ""

        (tmp_path / "slow").write_text("other")
        async with Endpoint(guarded(lambda said: said == right)) as endpoint:
            auth = {"type": "bearer", "token": "first"}
            async with opened(endpoint.url, {"destination.auth.token": file}, auth=auth) as rig:
                rig.credentials.watch(Secret("slow", tmp_path / "slow", "", hold), lambda _: "")
                await rig.credentials.open(rig.heard)
                await until_stale()
                rig.credentials.look()
                await until(started.is_set)  # the token has been looked at
                right = "Bearer second"
                file.write_text("second\n")
                answer = rig.send()
                await until(lambda: rig.heard.refusals)
                go_on.set()
                assert status(await answer) == 200

    async def test_that_is_no_key_leaves_the_one_before(self, tmp_path: Path) -> None:
        file, name = tmp_path / "key", "destination.auth.private_key"
        key = generate_private_key(SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw"))
        async with TokenEndpoint() as issuer, Endpoint(guarded(issuer.accepts)) as endpoint:
            public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            issuer.keys["crm"] = public.decode()
            auth = {"type": "oauth2", "token_url": issuer.url, "client_id": "crm", "private_key": pem}
            auth["client_auth"] = "private_key_jwt"
            for content in (b"no key", locked):
                file.write_bytes(content)
                async with opened(endpoint.url, {name: file}, every=0.01, fresh=0.0, auth=auth) as rig:
                    await until(lambda: rig.heard.faults or rig.heard.reloaded)
                    assert [setting for setting, _ in rig.heard.faults] == [name]
                    issuer.revoke()
                    assert status(await rig.send()) == 200

    async def test_that_is_still_the_same_is_no_reason_to_send_again(self, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text("first\n")
        async with Endpoint(lambda _: Reply(401)) as endpoint:
            auth = {"type": "bearer", "token": "first"}
            async with opened(endpoint.url, {"destination.auth.token": file}, auth=auth) as rig:
                await until_stale()
                assert status(await rig.send()) == 401
                assert len(endpoint.requests) == 1

    @pytest.mark.parametrize("is_mounted", [True, False])
    async def test_is_seen_within_seconds_also_behind_a_link(self, tmp_path: Path, is_mounted: bool) -> None:
        file = tmp_path / "key"
        if is_mounted:  # as Kubernetes mounts secrets
            for name in ("one", "two"):
                (tmp_path / name).mkdir()
                (tmp_path / name / "key").write_text(name)
            (tmp_path / "..data").symlink_to("one")
            file.symlink_to("..data/key")
        else:
            file.write_text("one")
        async with Endpoint() as endpoint:
            files = {"destination.headers.X-Secret": file}
            async with opened(endpoint.url, files, every=0.02, headers={"X-Secret": "one"}) as rig:
                said = (("X-Own", "1"), ("X-Secret", "one"))
                await rig.send(headers=said)
                if is_mounted:
                    (tmp_path / "..new").symlink_to("two")
                    (tmp_path / "..new").replace(tmp_path / "..data")
                else:
                    file.write_text("two")
                await until(lambda: rig.heard.reloaded)
                await rig.send(headers=said)
                await rig.send(headers=(("X-Secret", "an event's own"),))
                found = [each.header("X-Secret") for each in endpoint.requests]
                assert found == ["one", "two", "an event's own"]
                assert endpoint.requests[1].header("X-Own") == "1"

    async def test_may_hold_all_headers(self, tmp_path: Path) -> None:
        file, said = tmp_path / "headers", {"X-A": "one", "X-B": "two"}
        file.write_text('{"X-A": "one", "X-B": "two"}')
        named = {"destination.headers": file}
        async with Endpoint() as endpoint, opened(endpoint.url, named, every=0.02, headers=said) as rig:
            await until(lambda: rig.heard.reloaded)
            put(file, b"[no mapping")
            await until(lambda: rig.heard.faults)
            put(file, b"X-B: three\nX-C: four")
            await until(lambda: len(rig.heard.reloaded) > 1)
            await rig.send(headers=tuple(said.items()))
            arrived = endpoint.requests[0]
            assert [arrived.header(name) for name in ("X-A", "X-B", "X-C")] == ["one", "three", None]

    async def test_that_cannot_be_used_leaves_the_one_before_and_is_told_once(self, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text("first")
        name = "destination.auth.token"
        async with Endpoint() as endpoint:
            auth = {"type": "bearer", "token": "first"}
            async with opened(endpoint.url, {name: file}, every=0.01, auth=auth) as rig:
                put(file, b"")
                await until(lambda: (name, "is empty") in rig.heard.faults)
                put(file, b"\xff")
                await until(lambda: (name, "cannot be read: not UTF-8 text") in rig.heard.faults)
                put(file, b"a b")
                await until(lambda: "cannot be sent" in rig.heard.faults[-1][1])
                file.unlink()
                await until(lambda: "No such file" in rig.heard.faults[-1][1])
                await asyncio.gather(*[rig.send() for _ in range(3)])
                assert {each.header("Authorization") for each in endpoint.requests} == {"Bearer first"}
                assert rig.heard.reloaded == []
                put(file, b"second")
                await until(lambda: rig.heard.reloaded)
                assert len(rig.heard.faults) == 4

    async def test_of_another_room_is_told_to_it(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("first")
        told = list[str]()

        def use(text: str) -> str:
            told.append(text)
            return "it is none"

        async with Endpoint() as endpoint, opened(endpoint.url) as rig:
            rig.credentials.watch(Secret("destination.signature.secrets.0", file, "first"), use)
            await rig.credentials.open(rig.heard)
            file.write_text("second")
            rig.credentials.look()
            await until(lambda: told)
            assert told == ["second"]
            await until(lambda: rig.heard.faults)
            assert rig.heard.faults == [("destination.signature.secrets.0", "it is none")]


async def test_what_waits_is_answered_when_it_is_too_late_or_all_is_closed() -> None:
    async with TokenEndpoint() as issuer, Endpoint() as endpoint:
        issuer.gate = asyncio.Event()
        async with opened(endpoint.url, auth={**CLIENT, "token_url": issuer.url}, request_timeout=30) as rig:
            called_off = asyncio.get_running_loop().create_future()
            cancel = rig.credentials.sender.send(request(endpoint), called_off.set_result)
            cancel()
            waiting = rig.send()
        answer = await waiting
        assert isinstance(answer, TransportError)
        assert (answer.reason, called_off.done()) == ("reset", False)


async def test_nothing_leaves_once_nothing_may_be_sent_any_more() -> None:
    async with TokenEndpoint() as issuer, Endpoint(guarded(issuer.accepts)) as endpoint:
        issuer.gate = asyncio.Event()
        async with opened(endpoint.url, auth={**CLIENT, "token_url": issuer.url}) as rig:
            waiting = rig.send()
            rig.leased = False
            issuer.gate.set()
            answer = await waiting
            assert isinstance(answer, TransportError)
            assert (answer.reason, endpoint.requests) == ("connect_timeout", [])


STS = (
    b"<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
    b"<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s3cr3t/x</SecretAccessKey>"
    b"<SessionToken>t0ken==</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>"
    b"</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
)
AWS = {"type": "aws_sigv4", "region": "eu-west-1", "service": "execute-api"}


class TestAws:
    async def test_keys_sign_the_request_as_it_leaves(self) -> None:
        auth = {**AWS, "access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJalrXUtnFEMI"}
        async with Endpoint() as endpoint, opened(endpoint.url, auth=auth) as rig:
            assert status(await rig.send()) == 200
            assert endpoint.requests[0].header("X-Amz-Date") == "20150830T123600Z"
            said = endpoint.requests[0].header("Authorization") or ""
            assert said.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/execute-api/")

    async def test_a_role_is_taken_on_by_the_token_that_the_platform_writes(self, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text("projected\n")
        async with Endpoint(lambda _: Reply(200, body=STS)) as sts, Endpoint() as endpoint:
            environ = {
                "AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
                "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
                "AWS_ENDPOINT_URL_STS": sts.url,
            }
            async with opened(endpoint.url, environ=environ, auth=AWS) as rig:
                assert status(await rig.send()) == 200
                assert b"WebIdentityToken=projected" in sts.requests[0].body
                assert endpoint.requests[0].header("X-Amz-Security-Token") == "t0ken=="
                assert rig.secrets.strike("s3cr3t/x t0ken== projected") == "*** *** ***"

    async def test_a_containers_endpoint_gives_keys_and_expired_ones_are_renewed(
        self, tmp_path: Path
    ) -> None:
        file = tmp_path / "token"
        file.write_text("let me in")
        given = 0

        def give(arrival: Arrival) -> Reply:
            nonlocal given
            given += 1
            assert arrival.header("Authorization") == "let me in"
            keys = f'"AccessKeyId":"ASIA{given}","SecretAccessKey":"s","Token":"t{given}"'
            return Reply(200, body=f'{{{keys},"Expiration":"2999-01-01T00:00:00Z"}}'.encode())

        def webhook(arrival: Arrival) -> Reply:
            is_old = arrival.header("X-Amz-Security-Token") == "t1"
            return Reply(403, body=b'{"__type":"ExpiredTokenException"}') if is_old else Reply(200)

        async with Endpoint(give) as platform, Endpoint(webhook) as endpoint:
            environ = {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": platform.url + "/v1",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file),
            }
            async with opened(endpoint.url, environ=environ, fresh=0.0, auth=AWS) as rig:
                assert status(await rig.send()) == 200
                assert given == 2

    async def test_without_keys_and_without_a_platform_is_no_configuration(self) -> None:
        with pytest.raises(ConfigError, match="aws_sigv4 has no keys"):
            async with opened("http://h.example", auth=AWS):
                pass


def put(file: Path, content: bytes) -> None:
    """Let that stand there, at once and as a whole."""
    new = file.with_name("new")
    new.write_bytes(content)
    new.replace(file)


async def until_stale() -> None:
    """What was read is so old that a refusal may be due to its age."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await until(lambda: loop.time() - begun > FRESH_FILE_SECONDS)


def request(endpoint: Endpoint) -> Request:
    return builders.request(endpoint.url + "/")


class TestACheck:
    async def test_asks_for_a_token_and_tells_its_life(self) -> None:
        async with TokenEndpoint() as issuer:
            auth = AuthSettings.model_validate({**CLIENT, "token_url": issuer.url})
            found = await probe(auth, Secrets(), {})
            assert (found.ok, found.detail) == (True, "gives a token, good for 3600 s")
            assert found.what == f"token endpoint {issuer.url.removesuffix('/oauth/token')}"
            issuer.clients.clear()
            found = await probe(auth, Secrets(), {})
            assert (found.ok, found.is_away) == (False, False)
            assert (
                found.detail == "status 401, invalid_client (it does not take client_id and what proves it)"
            )

    async def test_of_an_issuer_that_is_not_there_says_that_it_is_away(self) -> None:
        url = f"http://127.0.0.1:{unused_port()}/token"
        found = await probe(AuthSettings.model_validate({**CLIENT, "token_url": url}), Secrets(), {})
        assert (found.ok, found.is_away) == (False, True)

    async def test_without_a_platform_says_what_is_missing(self) -> None:
        found = await probe(AuthSettings.model_validate(AWS), Secrets(), {})
        assert (found.ok, found.what) == (False, "credentials of the platform")


def test_a_file_is_told_from_one_that_was_there_before_with_the_same_time_and_size(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    before, status = stamp_of(file), file.stat()
    file.write_text("two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert stamp_of(file) != before

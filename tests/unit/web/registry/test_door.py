"""The door of the schema registry: what is asked, by whom, and what each answer comes to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from processor.config.services.registry import SchemaRegistrySettings
from processor.core.record.frame import Schema
from processor.core.record.registry.answers import Away, Missing, Result
from processor.core.record.registry.references import Whole
from processor.core.redaction import Secrets
from processor.errors import ConfigError, EventError
from processor.telemetry.facts import Facts
from processor.web.registry.door import MOST_AT_ONCE, Registry
from processor.web.services import service
from tests.support.endpoint import Arrival, Endpoint, Reply, unused_port
from tests.support.registry import FakeRegistry

SEVEN = Schema("id", 7)
TEXT = '"string"'


class Heard(Facts):
    """What was told of questions."""

    def __init__(self) -> None:
        self.results: list[str] = []

    def registry_answered(self, *, is_found: bool) -> None:
        self.results.append("found" if is_found else "missing")

    def registry_failed(self, result: str, reason: str, /) -> None:
        assert reason
        self.results.append(result)


class Rig:
    """A door to a registry; `heard` is told of questions."""

    def __init__(self, door: Registry[Whole], heard: Heard, secrets: Secrets) -> None:
        self.door, self.heard, self.secrets = door, heard, secrets

    async def ask(self, schema: Schema = SEVEN) -> Whole | EventError | Missing | Away:
        told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.door.fetch(schema, told.set_result)
        assert not told.done()
        answer: Whole | EventError | Missing | Away = await told
        return answer


@asynccontextmanager
async def opened(
    url: str,
    made: Callable[[Whole], Whole] = lambda whole: whole,
    files: dict[str, Path] | None = None,
    **said: Any,
) -> AsyncIterator[Rig]:
    secrets, heard = Secrets(), Heard()
    settings = SchemaRegistrySettings.model_validate({"url": url, **said})
    door = Registry(settings, made, files=files or {}, secrets=secrets)
    await door.open(heard)
    try:
        yield Rig(door, heard, secrets)
    finally:
        await door.close()


async def test_a_schema_comes_with_all_that_it_refers_to() -> None:
    refers = [{"name": "common/money.proto", "subject": "common/money.proto", "version": 3}]
    seven = {"schema": "root", "schemaType": "PROTOBUF", "references": refers}
    async with (
        FakeRegistry({"7": seven}, {"common/money.proto/3": {"schema": "money"}}) as registry,
        opened(registry.url) as rig,
    ):
        whole = await rig.ask()
        assert whole == Whole("schema 7", "root", "PROTOBUF", {"common/money.proto": "money"})
        assert registry.asked() == ["/schemas/ids/7", "/subjects/common%2Fmoney.proto/versions/3"]
        assert rig.heard.results == ["found", "found"]


async def test_a_guid_and_the_ids_of_others_are_asked_for_where_they_are() -> None:
    guid = "89791762-2336-4186-9674-299b90a802e2"
    async with (
        FakeRegistry({f"guid:{guid}": {"schema": "a"}, "9": {"schema": "b"}}) as registry,
        opened(registry.url) as rig,
    ):
        assert await rig.ask(Schema("guid", guid)) == Whole(f"schema {guid}", "a", "AVRO")
        assert await rig.ask(Schema("global_id", 9)) == await rig.ask(Schema("content_id", 9))
        assert registry.asked() == [f"/schemas/guids/{guid}", "/schemas/ids/9", "/schemas/ids/9"]


async def test_what_is_not_there_is_missing_and_so_is_what_refers_to_what_is_not() -> None:
    refers = [{"name": "a", "subject": "a", "version": 1}]
    eight = {"schema": "x", "references": refers}
    async with FakeRegistry({"8": eight}) as registry, opened(registry.url) as rig:
        assert await rig.ask() == Missing("404, error code 40403")
        answer = await rig.ask(Schema("id", 8))
        assert isinstance(answer, Missing)
        assert "40401" in answer.message
        assert rig.heard.results == ["missing", "found", "missing"]


@pytest.mark.parametrize(
    "schema", [Schema("guid", "89791762-2336-4186-9674-299b90a802e2"), Schema("global_id", 2**40)]
)
async def test_a_registry_without_the_path_that_a_record_names_by_chance_has_no_such_schema(
    schema: Schema,
) -> None:
    def answer(arrival: Arrival) -> Reply:
        return Reply(200, body=b"[]") if arrival.target == "/subjects" else Reply(404, body=b"<html>")

    async with Endpoint(answer) as endpoint, opened(endpoint.url) as rig:
        assert isinstance(await rig.ask(schema), Missing)
        assert isinstance(await rig.ask(), Away)
        endpoint.script = lambda _: Reply(404)
        assert isinstance(await rig.ask(schema), Away)


def _break(whole: Whole) -> Whole:
    raise RuntimeError


async def test_what_nobody_expects_holds_the_record_and_is_told() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    async with FakeRegistry({"7": {"schema": TEXT}}) as registry, opened(registry.url, _break) as rig:
        assert isinstance(await rig.ask(), Away)
    assert isinstance(told[0]["exception"], RuntimeError)


async def test_what_refers_to_itself_is_the_schemas_fault() -> None:
    refers = [{"name": "a", "subject": "a", "version": 1}]
    itself = {"schema": "x", "references": refers}
    async with FakeRegistry({"7": itself}, {"a/1": itself}) as registry, opened(registry.url) as rig:
        answer = await rig.ask()
        assert isinstance(answer, EventError)
        assert (answer.code, "schema 7 refers to itself" in answer.message) == ("invalid_schema", True)


def _refuse(whole: Whole) -> Whole:
    raise EventError("invalid_schema", f"{whole.name} is none")


def _lack(whole: Whole) -> Whole:
    raise ImportError(name="google")


async def test_what_is_made_of_it_may_refuse_it_and_what_is_not_installed_is_no_fault_of_it() -> None:
    async with FakeRegistry({"7": {"schema": TEXT}}) as registry:
        async with opened(registry.url, _refuse) as rig:
            answer = await rig.ask()
            assert isinstance(answer, EventError)
        async with opened(registry.url, _lack) as rig:
            lacked = await rig.ask()
            assert isinstance(lacked, Away)
            assert "install kafka-webhook-processor[formats]" in lacked.reason


@pytest.mark.parametrize(
    ("fault", "result", "word"),
    [
        (Reply(500), Result.SERVER_ERROR, "500"),
        (Reply(503, body=b"hunter2"), Result.SERVER_ERROR, "503"),
        (Reply(429), Result.THROTTLED, "429"),
        (Reply(401), Result.UNAUTHORIZED, "schema_registry.username"),
        (Reply(403), Result.FORBIDDEN, "right"),
        (Reply(404, body=b"<html>"), Result.WRONG_PATH, "base path"),
        (Reply(302, (("Location", "http://127.0.0.1:1/hunter2"),)), Result.MALFORMED, "redirects"),
        (Reply(200, (("Content-Type", "text/html"),), b"<html>hunter2"), Result.MALFORMED, "HTML"),
        (Reply(200, body=b"hunter2"), Result.MALFORMED, "not JSON"),
        (Reply(200, (("Content-Encoding", "gzip"),), b"\x1f\x8b"), Result.MALFORMED, "not JSON"),
        (Reply(200, body=b" " * (service.MOST_BYTES + 1)), Result.MALFORMED, "more than"),
    ],
)
async def test_what_is_the_operators_fault_is_told_with_its_remedy_and_not_repeated(
    fault: Reply, result: Result, word: str
) -> None:
    async with FakeRegistry({"7": {"schema": TEXT}}) as registry, opened(registry.url) as rig:
        registry.fault = fault
        answer = await rig.ask()
        assert isinstance(answer, Away)
        assert (answer.result, word in answer.reason) == (result, True)
        assert f"127.0.0.1:{registry.port}" in answer.reason
        assert "hunter2" not in answer.reason
        assert rig.heard.results == [result.value]
        registry.fault = None
        assert isinstance(await rig.ask(), Whole)


async def test_one_that_is_not_there_and_one_that_hangs_are_told_in_time() -> None:
    async with opened(f"http://127.0.0.1:{unused_port()}") as rig:
        answer = await rig.ask()
        assert isinstance(answer, Away)
        assert answer.result is Result.UNREACHABLE
    async with FakeRegistry() as registry, opened(registry.url, timeout=0.05) as rig:
        registry.is_answering = False
        answer = await rig.ask()
        assert isinstance(answer, Away)
        assert answer.result is Result.UNANSWERED


async def test_a_name_is_looked_up_and_one_that_is_none_is_told() -> None:
    async with FakeRegistry({"7": {"schema": TEXT}}) as registry:
        async with opened(registry.url.replace("127.0.0.1", "localhost")) as rig:
            assert isinstance(await rig.ask(), Whole)
        async with opened("http://nobody.invalid") as rig:
            answer = await rig.ask()
            assert isinstance(answer, Away)
            assert (answer.result, "nobody.invalid" in answer.reason) == (Result.UNREACHABLE, True)


async def test_the_first_that_answers_counts_and_is_asked_first_from_then_on() -> None:
    async with FakeRegistry({"7": {"schema": TEXT}}) as registry, FakeRegistry() as other:
        other.fault = Reply(500)
        async with opened(f"{other.url},{registry.url}/") as rig:
            for _ in range(2):
                assert isinstance(await rig.ask(), Whole)
            assert (len(other.requests), len(registry.requests)) == (1, 2)
            assert rig.heard.results == ["server_error", "found", "found"]
            registry.fault = Reply(503)
            answer = await rig.ask()
            assert isinstance(answer, Away)


async def test_a_login_goes_with_each_question_and_the_one_that_stands_in_the_file_now(
    tmp_path: Path,
) -> None:
    file = tmp_path / "password"
    file.write_text("first-password\n")
    async with FakeRegistry({"7": {"schema": TEXT}}) as registry:
        registry.login = "Basic a2V5OnNlY29uZC1wYXNzd29yZA=="
        async with opened(
            registry.url,
            files={"schema_registry.password": file},
            username="key",
            password="first-password",
        ) as rig:
            answer = await rig.ask()
            assert isinstance(answer, Away)
            assert answer.result is Result.UNAUTHORIZED
            file.write_text("second-password\n")
            assert isinstance(await rig.ask(), Whole)
            assert rig.secrets.strike("second-password and a2V5OnNlY29uZC1wYXNzd29yZA==") == "*** and ***"
            file.unlink()
            assert isinstance(await rig.ask(), Whole)


async def test_the_name_of_a_login_may_change_too_and_is_no_secret(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("username", "password", "timeout")}
    said: dict[str, Any] = {"username": "old-key", "password": "old-secret", "timeout": "5"}
    for name, text in said.items():
        files[name].write_text(text)
    async with FakeRegistry({"7": {"schema": TEXT}}) as registry:
        named = {f"schema_registry.{name}": file for name, file in files.items()}
        async with opened(registry.url, files=named, **said) as rig:
            files["username"].write_text("new-key")
            files["password"].write_text("new-secret")
            registry.login = "Basic bmV3LWtleTpuZXctc2VjcmV0"
            assert isinstance(await rig.ask(), Whole)
            assert rig.secrets.strike("new-key 5 new-secret") == "new-key 5 ***"


async def test_a_bearer_token_goes_with_each_question() -> None:
    async with FakeRegistry({"7": {"schema": TEXT}}) as registry:
        registry.login = "Bearer abc"
        async with opened(registry.url, token="abc") as rig:
            assert isinstance(await rig.ask(), Whole)


OAUTH = {"client_id": "id", "client_secret": "hunter2", "scope": "a b"}


async def test_a_token_is_asked_for_once_and_again_when_it_is_refused() -> None:
    async with FakeRegistry({"7": {"schema": TEXT}, "8": {"schema": TEXT}}) as registry:
        registry.tokens = [
            {"access_token": name, "expires_in": 300} for name in ("first-token", "second-token")
        ]
        oauth = {
            **OAUTH,
            "token_url": f"{registry.origin}/token",
            "logical_cluster": "lsrc-1",
            "identity_pool": "pool-1",
        }
        async with opened(registry.url, oauth=oauth) as rig:
            registry.login = "Bearer first-token"
            assert all(
                isinstance(each, Whole) for each in await asyncio.gather(rig.ask(), rig.ask(Schema("id", 8)))
            )
            posts = [each for each in registry.requests if each.method == "POST"]
            assert len(posts) == 1
            assert posts[0].body == b"grant_type=client_credentials&scope=a+b"
            assert posts[0].header("Authorization") == "Basic aWQ6aHVudGVyMg=="
            registry.login = "Bearer second-token"
            assert isinstance(await rig.ask(), Whole)
            last = registry.requests[-1]
            assert last.header("target-sr-cluster") == "lsrc-1"
            assert last.header("Confluent-Identity-Pool-Id") == "pool-1"
            assert rig.secrets.strike("first-token second-token aWQ6aHVudGVyMg==") == "*** *** ***"


async def test_no_token_and_one_that_is_refused_again_are_the_operators_fault() -> None:
    async with FakeRegistry({"7": {"schema": TEXT}}) as registry:
        oauth = {**OAUTH, "token_url": f"{registry.origin}/token"}
        async with opened(registry.url, oauth=oauth) as rig:
            answer = await rig.ask()
            assert isinstance(answer, Away)
            assert (answer.result, "invalid_client" in answer.reason) == (Result.UNAUTHORIZED, True)
            registry.tokens = [{"access_token": name} for name in "abc"]
            registry.login = "Bearer nobody"
            answer = await rig.ask()
            assert isinstance(answer, Away)
            assert (answer.result, len(registry.tokens)) == (Result.UNAUTHORIZED, 1)


async def test_the_certificate_of_the_registry_is_verified_and_ours_is_shown(
    authority: trustme.CA, stranger: trustme.CA, tmp_path: Path
) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    ca, own = tmp_path / "ca.pem", tmp_path / "own.pem"
    authority.cert_pem.write_to_path(str(ca))
    authority.issue_cert("us@example.org").private_key_and_cert_chain_pem.write_to_path(str(own))

    def answer(_: object) -> Reply:
        return Reply(200, body=b'{"schema":"x"}')

    tls = {"ca_file": str(ca), "certificate_file": str(own)}
    async with Endpoint(answer, tls=server) as endpoint:
        async with opened(endpoint.url, tls=tls) as rig:
            assert isinstance(await rig.ask(), Whole)
        async with opened(endpoint.url) as rig:
            found = await rig.ask()
            assert isinstance(found, Away)
            assert (found.result, "certificate" in found.reason) == (Result.UNREACHABLE, True)
        async with opened(endpoint.url, tls={"ca_file": str(ca)}) as rig:
            assert isinstance(await rig.ask(), Away)
            identity = rig.door._identity
            stranger.cert_pem.write_to_path(str(ca))
            identity.read()
            found = await rig.ask()
            assert isinstance(found, Away)
            assert found.result is Result.UNREACHABLE
    with pytest.raises(ConfigError, match=r"schema_registry\.tls\.key_file"):
        async with opened(endpoint.url, tls={"key_file": str(own)}):
            pass


@pytest.mark.slow
async def test_schemas_for_which_it_hangs_keep_nobody_waiting_who_asks_for_another() -> None:
    def answer(arrival: Arrival) -> Reply | Awaitable[Reply]:
        if arrival.target == "/schemas/ids/7":
            return Reply(200, body=b'{"schema":"\\"string\\""}')
        return asyncio.get_running_loop().create_future()

    order: list[int] = []
    hanging = [Schema("id", 100 + number) for number in range(MOST_AT_ONCE)]

    async def ask(rig: Rig, schema: Schema) -> object:
        answer = await rig.ask(schema)
        order.append(int(schema.value))
        return answer

    async with Endpoint(answer) as endpoint, opened(endpoint.url, timeout=2.0) as rig:
        first = await asyncio.gather(*(rig.ask(schema) for schema in hanging))
        assert {each.result for each in first if isinstance(each, Away)} == {Result.UNANSWERED}
        await asyncio.gather(*(ask(rig, schema) for schema in (*hanging, SEVEN)))
    assert order[0] == SEVEN.value


async def test_what_is_asked_for_when_it_is_closed_is_never_answered() -> None:
    async with FakeRegistry() as registry:
        registry.is_answering = False
        async with opened(registry.url) as rig:
            rig.door.fetch(SEVEN, _never)
            while not registry.requests:
                await asyncio.sleep(0)


def _never(answer: object) -> None:
    raise AssertionError(answer)


async def test_what_any_registry_answers_tells_whether_this_is_one() -> None:
    async with FakeRegistry() as registry, opened(registry.url) as rig:
        assert await rig.door.greet() == registry.url
        registry.fault = Reply(200, body=b"<html>")
        assert isinstance(await rig.door.greet(), Away)
        registry.fault = Reply(401)
        assert isinstance(await rig.door.greet(), Away)

"""What `check` says of ids and signatures: each fault with its place and the way out, and never a secret."""

import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from processor.config import loading
from processor.config.schema import of_file
from processor.config.settings import Settings
from processor.core.dead_letter import Failure, write_down
from processor.core.request.signing.keys import UnusableSecretError
from processor.core.request.transform import Method
from processor.errors import ConfigError
from tests.support.builders import record

SYMMETRIC = "whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM="
OTHER = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
SEED = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
STANDARD = {"scheme": "standard_webhooks", "secrets": [SYMMETRIC]}
MESSAGES = {"scheme": "http_message_signatures", "secrets": [SYMMETRIC]}
BASE = {
    "kafka": {"bootstrap_servers": "127.0.0.1:9092", "group_id": "group", "topics": ["events"]},
    "dead_letter": {"topic": "events.dlq"},
    "tracing": {"propagate": False},
}


SCHEMA = jsonschema.Draft202012Validator(of_file())


def load(folder: Path, destination: dict[str, Any], **environ: str) -> Settings:
    file = folder / "settings.yaml"
    said = {**BASE, "destination": {"url": "https://h.example/hook", **destination}}
    file.write_text(yaml.safe_dump(said), encoding="utf-8")
    return loading.load(file, environ)


def messages(**more: Any) -> dict[str, Any]:
    return {"signature": {**MESSAGES, **more}}


REFUSED: list[tuple[dict[str, Any], str]] = [
    *(
        (
            {"method": method, "signature": {"scheme": scheme, "secrets": [SYMMETRIC]}},
            f"{scheme} signs the body alone, and with {method} events travel in the query: write http_mess",
        )
        for method in ("GET", "DELETE")
        for scheme in ("standard_webhooks", "svix", "github", "stripe", "segment")
    ),
    ({"method": "GET", **messages(components=["@method"])}, "none of them covers it: add @target-uri"),
    (
        {"method": "GET", **messages(components=["@target-uri", "content-type"])},
        "'content-type' is no header of",
    ),
    (messages(components=["@method", "x-nobody"]), "'x-nobody' is no header of every request: take it out"),
    (messages(components=["@status"]), "@status is none: write @method, @target-uri, @authority"),
    (messages(components=["a b"]), "'a b' is no header of every request"),
    (messages(components=["@method", "@METHOD"]), "@method stands there twice: name it once"),
    ({"signature": {"scheme": "standard_webhooks"}}, "destination.signature.secrets: there is none: write"),
    ({"signature": {**STANDARD, "secrets": [SYMMETRIC, "whsec_abcd"]}}, "secret 2: it has 3 bytes"),
    ({"signature": {**STANDARD, "secrets": ["hunter2-hunter2"]}}, "secret 1: it is no Base64"),
    (messages(algorithm="ed25519"), "secret 1: it is no key of ed25519"),
    (messages(key_id=["a", "b"]), "destination.signature.key_id: there are 1 secrets: give one to each"),
    ({"signature": {"secrets": [SYMMETRIC]}}, "secrets: requests are not signed without a scheme: write"),
    (
        {"signature": {**STANDARD, "header": "X-Y"}},
        "header: standard_webhooks has names of its own: leave it out",
    ),
    (
        {"signature": {**STANDARD, "tag": "x"}},
        "tag: is for http_message_signatures, not for standard_webhooks",
    ),
    ({"id": None, "signature": STANDARD}, "standard_webhooks signs the id, and destination.id is off"),
    (
        {"id": None, "idempotency_key": {}},
        "destination.idempotency_key: is the id, and destination.id is off",
    ),
    (
        {"id": None, **messages(nonce=True)},
        "destination.signature.nonce: is the id, and destination.id is off",
    ),
    ({"headers": {"Webhook-Id": "x"}}, "leave it out here, or give that another name"),
    (
        {"headers": {"webhook_id": "x"}},
        "destination.headers: webhook_id is made for each attempt by destination.id",
    ),
    (
        {"headers": {"webhook-id": "{{ event.id }}"}},
        "destination.headers: webhook-id is made for each attempt",
    ),
    (
        {"headers": {"X-Signature": "x"}, "signature": {"scheme": "segment", "secrets": ["s"]}},
        "X-Signature is made",
    ),
    ({"headers": {"Content-Digest": "x"}, **messages()}, "Content-Digest is made for each attempt"),
    ({"forward_headers": ["webhook-id"]}, "write destination.id: {from: header:NAME}"),
    (
        {"attempt_header": "Webhook-Id"},
        "destination.attempt_header: Webhook-Id is the header of destination.id.header",
    ),
    ({"attempt_header": "webhook_timestamp", "signature": STANDARD}, "webhook-timestamp is the header of"),
    (
        {"auth": {"type": "api_key", "name": "key", "value": "a-key-of-ours", "in": "query"}, **messages()},
        "@target-uri would hold the key of destination.auth",
    ),
    (
        {"auth": {"type": "api_key", "name": "Webhook-Signature", "value": "a-key"}, "signature": STANDARD},
        "destination.auth: webhook-signature is made for each attempt",
    ),
    (
        {"id": {"header": "Content-Type"}},
        "destination.id.header: Content-Type says something else of requests: give another name",
    ),
    ({"attempt_header": "Traceparent"}, "Traceparent says something else of requests"),
    ({"id": {"header": "Host"}}, "Host belongs to the connection"),
    ({"id": {"header": "a b"}}, "is no name of a header"),
    ({"id": {"from": "offset"}}, "must be one of coordinates, message_id, header:NAME"),
    ({"id": {"from": "header:"}}, "must be one of coordinates, message_id, header:NAME"),
]


@pytest.mark.parametrize(("destination", "told"), REFUSED, ids=str)
def test_what_cannot_be_is_refused_with_its_place_and_the_way_out(
    tmp_path: Path, destination: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, destination)
    assert told in str(raised.value)
    assert SYMMETRIC not in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_header_in_a_file_cannot_be_signed(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("x")
    said = {"headers": {"X-Own": {"from_file": str(tmp_path / "own")}}, **messages(components=["x-own"])}
    with pytest.raises(ConfigError, match="X-Own stands in a file, which may change behind the signature"):
        load(tmp_path, said)


TAKEN: list[dict[str, Any]] = [
    {},
    {"id": None},
    {"id": {"from": "none"}, "headers": {"webhook-id": "x"}},
    {"id": {"from": None, "header": None}, "idempotency_key": None, "signature": None},
    {"signature": {**STANDARD, "secrets": {"from_file": __file__}, "scheme": "github"}},
    {"attempt_header": None, "signature": {**MESSAGES, "expires_after": None, "tag": None, "key_id": None}},
    {"id": {"header": None}, "signature": STANDARD},
    {"signature": {**STANDARD, "secrets": [SYMMETRIC, SEED]}},
    messages(),
    {"method": "GET", **messages()},
    {"method": "DELETE", **messages(components=["@method", "@query"])},
    {
        **messages(components=["x-own", "x-told", "content-length", "host"]),
        "headers": {"X-Own": "{{ event.id }}"},
        "forward_headers": ["X-Told"],
    },
    messages(algorithm="ed25519", secrets=[SEED], key_id="k1"),
    {"signature": {"scheme": "github", "secrets": ["correct horse, battery"]}},
    {"forward_headers": ["webhook-*"]},
]


@pytest.mark.parametrize("destination", TAKEN, ids=str)
def test_what_can_be_is_taken_and_signs(tmp_path: Path, destination: dict[str, Any]) -> None:
    settings = load(tmp_path, destination)
    SCHEMA.validate(yaml.safe_load((tmp_path / "settings.yaml").read_text(encoding="utf-8")))
    made = settings.attempt_headers()
    is_off = not settings.destination.signature.scheme and settings.destination.id.source == "none"
    assert (made is None) is is_off


def test_without_the_library_check_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    with pytest.raises(ConfigError, match=r"secret 1: an ed25519 key needs .* pip install '.*\[keys\]'"):
        load(tmp_path, {"signature": {**STANDARD, "secrets": [SEED]}})


@pytest.mark.parametrize(
    ("destination", "told"),
    [
        ({"signature": {"scheme": "github", "secrets": ["new", "old"]}}, "github has room for one signature"),
        (messages(components=["@method"]), "without content-digest nothing of the event is signed"),
        ({"method": "PUT", "idempotency_key": {}}, "PUT has none, POST and PATCH have"),
    ],
)
def test_what_is_hardly_meant_is_told(tmp_path: Path, destination: dict[str, Any], told: str) -> None:
    assert any(told in warning for warning in load(tmp_path, destination).warnings())
    assert load(tmp_path, {"signature": STANDARD, "idempotency_key": {}}).warnings() == []


def test_secrets_come_from_files_variables_and_lists_of_them_and_are_known_as_secrets(tmp_path: Path) -> None:
    both = tmp_path / "both"
    both.write_text(f"{SYMMETRIC}\n{OTHER}\n", encoding="utf-8")
    settings = load(
        tmp_path,
        {"signature": {**STANDARD, "secrets": [{"from_file": str(both)}, {"from_env": "SEED"}, SYMMETRIC]}},
        SEED=SEED,
    )
    assert settings.signing_secrets is not None
    assert [key.version for key in settings.signing_secrets.keys] == ["v1", "v1", "v1a", "v1"]
    for text in (SYMMETRIC, OTHER, SEED, SEED.removeprefix("whsk_")):
        assert text in settings.secrets
        assert text not in repr(settings)
    assert settings.files["destination.signature.secrets.0"] == both
    alone = load(tmp_path, {"signature": {**STANDARD, "secrets": {"from_file": str(both)}}})
    assert alone.signing_secrets is not None
    assert len(alone.signing_secrets.keys) == 2


def test_a_secret_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    missing = {"signature": {**STANDARD, "secrets": [SYMMETRIC, {"from_env": "NOBODY"}]}}
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, missing)
    (problem,) = raised.value.problems
    assert problem.path == "destination.signature.secrets.1"
    assert problem.message == "the environment variable NOBODY is not set"


def test_a_variable_or_the_file_that_it_names_may_hold_them(tmp_path: Path) -> None:
    name = "WEBHOOK_PROCESSOR__DESTINATION__SIGNATURE__SECRETS"
    placeholder_like = "${NOT_A_PLACEHOLDER}"
    scheme = {"signature": {"scheme": "github"}}
    assert load(tmp_path, scheme, **{name: placeholder_like}).signing_secrets
    mounted = tmp_path / "mounted"
    mounted.write_text("new\nold\n", encoding="utf-8")
    settings = load(tmp_path, scheme, **{f"{name}_FILE": str(mounted)})
    assert settings.signing_secrets is not None
    assert len(settings.signing_secrets.keys) == 2
    with pytest.raises(ConfigError, match="which nothing fills in"):
        load(tmp_path, {"signature": {"scheme": "github", "secrets": [placeholder_like]}})


def test_others_replace_them_while_the_process_runs(tmp_path: Path) -> None:
    settings = load(tmp_path, {"signature": STANDARD})
    assert settings.signing_secrets is not None
    assert settings.signing_secrets.replace([OTHER])
    assert OTHER in settings.secrets
    with pytest.raises(UnusableSecretError):
        settings.signing_secrets.replace([""])


def test_with_an_idempotency_key_a_conflict_is_tried_again_by_the_methods_that_carry_one(
    tmp_path: Path,
) -> None:
    for method in Method:
        policy = load(tmp_path, {"method": method.value, "idempotency_key": {}}).retry_policy()
        assert (409 in policy.retried_statuses) is (method in ("POST", "PATCH"))
    assert 409 not in load(tmp_path, {}).retry_policy().retried_statuses
    assert 409 not in load(tmp_path, {"idempotency_key": None}).retry_policy().retried_statuses


@pytest.mark.parametrize("said", [None, "null"])
def test_null_switches_the_id_off_and_an_empty_section_does_not(tmp_path: Path, said: Any) -> None:
    assert load(tmp_path, {"id": said}).attempt_headers() is None
    variable = {"WEBHOOK_PROCESSOR__DESTINATION__ID__FROM": "null"}
    assert load(tmp_path, {}, **variable).attempt_headers() is None
    assert load(tmp_path, {"id": {}}).attempt_headers() is not None


def test_a_dead_letter_carries_the_id_whatever_is_sent(tmp_path: Path) -> None:
    failure = Failure("invalid_event", "x", "VALUE_CONVERTER", "x")
    for destination, carried in (
        ({}, b"events-0-1-0"),
        ({"id": {"header": None}}, b"events-0-1-0"),
        ({"id": None}, None),
    ):
        letter = write_down(load(tmp_path, destination).dead_letter_policy(), record(1), failure)
        assert dict(letter.headers).get("__webhook_processor.id") == carried

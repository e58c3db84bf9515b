"""Worked cases of signatures, each computed by an independent library, as `preview --at` shows them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from processor.core.request.signing.message_signatures import content_digest, parameters, signature_base
from processor.core.request.signing.policy import Digest
from tests.unit.cli.test_commands import BASE
from tests.unit.cli.typing import Done, asked

pytestmark = pytest.mark.slow

Vector = dict[str, Any]
VECTORS: list[Vector] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "signing.json").read_text(encoding="utf-8")
)["vectors"]
SCHEMES = {
    "standard-webhooks-v1": "standard_webhooks",
    "standard-webhooks-v1a": "standard_webhooks",
    "svix": "svix",
    "github": "github",
    "segment": "segment",
    "stripe": "stripe",
}
OF_BODIES = [vector for vector in VECTORS if vector["scheme"] in SCHEMES]
OF_MESSAGES = [vector for vector in VECTORS if vector["scheme"] == "rfc9421"]
OF_DIGESTS = [vector for vector in VECTORS if vector["scheme"] == "content-digest"]
URL = "https://crm.example.com/hooks"
AT = 1764252000
SYMMETRIC = "whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM="


def named(vector: Vector) -> str:
    return f"{vector['scheme']}: {vector['name']}"


def line(body: str, *, event_id: str | None = None, stands: dict[str, Any] | None = None) -> str:
    """A record, as `preview --records` reads it; with an id that it brings, or where it stands."""
    headers = (
        [] if event_id is None else [["__webhook_processor.id", base64.b64encode(event_id.encode()).decode()]]
    )
    value = base64.b64encode(body.encode()).decode()
    return json.dumps({"value_base64": value, "headers": headers, **(stands or {})})


def preview(folder: Path, destination: dict[str, Any], text: str, *options: str) -> Done:
    """With values that are sent as they are, an empty one too."""
    file = folder / "settings.yaml"
    said = {**BASE, "record": {"value": "raw"}, "destination": {"url": URL, **destination}}
    file.write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    return asked("preview", "-c", str(file), "--records", *options, text=text)


def shown(done: Done) -> dict[str, str]:
    """The headers, by names in lower case."""
    assert done.returncode == 0, done.stderr
    return {name.lower(): value for name, value in json.loads(done.stdout)["headers"].items()}


@pytest.mark.parametrize("vector", OF_BODIES, ids=named)
def test_a_body_is_signed_as_the_scheme_s_own_library_does_it(tmp_path: Path, vector: Vector) -> None:
    given = vector["given"]
    signature = {"scheme": SCHEMES[vector["scheme"]], "secrets": given["secrets"]}
    text = line(given["body"], event_id=given.get("id"))
    at = str(given.get("timestamp", AT))
    headers = shown(preview(tmp_path, {"signature": signature}, text, "--at", at))
    expected = {name.lower(): value for name, value in vector["expected_headers"].items()}
    assert expected.items() <= headers.items()


@pytest.mark.parametrize("vector", OF_MESSAGES, ids=named)
def test_a_message_is_signed_as_the_standard_prints_it(tmp_path: Path, vector: Vector) -> None:
    given, expected = vector["given"], vector["expected_headers"]
    (algorithm, secret), *_ = given["key"].items()
    signature = {
        "scheme": "http_message_signatures",
        "secrets": [secret],
        "algorithm": algorithm.removesuffix("-seed"),
        "components": given["components"],
        "key_id": given["keyid"],
        "label": given["label"],
        "algorithm_parameter": "alg=" in expected["Signature-Input"],
        "nonce": "nonce" in given,
        "tag": given.get("tag"),
        "expires_after": given["expires"] - given["created"] if "expires" in given else None,
    }
    ours = (
        "content-length",
        "host",
        "webhook-id",
        *(["content-digest"] if "content-digest" in given["components"] else []),
    )
    headers = {name: value for name, value in given["headers"].items() if name.lower() not in ours}
    text = line(given["body"], event_id=given["headers"].get("webhook-id", "events-3-1"))
    destination = {"url": given["url"], "method": given["method"], "headers": headers, "signature": signature}
    made = shown(preview(tmp_path, destination, text, "--at", str(given["created"])))
    assert made["signature-input"] == expected["Signature-Input"]
    assert made["signature"] == expected["Signature"]


@pytest.mark.parametrize("vector", OF_MESSAGES, ids=named)
def test_what_is_signed_of_a_message_is_the_base_that_the_standard_asks_for(vector: Vector) -> None:
    given = vector["given"]
    values = {name.lower(): value for name, value in given["headers"].items()}
    covered = given["signature_base"].splitlines()[:-1]
    values |= {name.strip('"'): value for name, value in (each.split(": ", 1) for each in covered)}
    said = parameters(
        tuple(given["components"]),
        given["created"],
        key_id=given["keyid"],
        algorithm="hmac-sha256" if "alg=" in given["signature_base"] else None,
        expires=given.get("expires"),
        nonce=given.get("nonce"),
        tag=given.get("tag"),
    )
    assert (
        signature_base({name: values[name] for name in given["components"]}, said) == given["signature_base"]
    )


@pytest.mark.parametrize("vector", OF_DIGESTS, ids=named)
def test_a_digest_is_of_what_is_sent(vector: Vector) -> None:
    given = vector["given"]
    digest = content_digest(Digest(given["algorithm"]), given["body"].encode())
    assert {"Content-Digest": digest} == vector["expected_headers"]


@pytest.mark.parametrize("form", ["bare", "quoted"])
def test_an_idempotency_key_is_the_id(tmp_path: Path, form: str) -> None:
    (vector,) = (vector for vector in VECTORS if vector["scheme"] == "idempotency-key")
    text = line("{}", event_id=vector["given"]["id"])
    made = shown(preview(tmp_path, {"idempotency_key": {"format": form}}, text))
    (quoted,) = vector["expected_headers"].values()
    assert made["idempotency-key"] == (quoted if form == "quoted" else quoted.strip('"'))


def test_the_id_is_made_of_where_a_record_stands_and_left_out_where_it_stands_nowhere(tmp_path: Path) -> None:
    stands = {"topic": "events.v1.eu", "partition": 0, "offset": 7, "timestamp_ms": 1764251999123}
    signature = {"scheme": "standard_webhooks", "secrets": [SYMMETRIC]}
    headers = shown(preview(tmp_path, {"signature": signature}, line("{}", stands=stands)))
    assert headers["webhook-id"] == "events~v1~eu-0-7-1764251999123"
    assert headers.keys() >= {"webhook-timestamp", "webhook-signature"}
    nowhere = shown(preview(tmp_path, {"signature": signature}, line("{}")))
    assert not [name for name in nowhere if name.startswith("webhook-")]


def test_the_id_may_be_what_the_event_or_its_record_says(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    destination: dict[str, Any] = {"url": URL, "id": {"from": "message_id", "header": "X-Id"}}
    file.write_text(yaml.safe_dump({**BASE, "destination": destination}), encoding="utf-8")
    events = '{"messageId":"m-1"}', '{"messageId":"m.1"}', '{"messageId":1}', '{"messageId":"m-2","x":null}'
    done = asked("preview", "-c", str(file), text="\n".join(events))
    made = [json.loads(each)["headers"].get("X-Id") for each in done.stdout.splitlines()]
    assert made == ["m-1", None, None, "m-2"]
    destination["id"] = {"from": "header:ce_id"}
    file.write_text(yaml.safe_dump({**BASE, "destination": destination}), encoding="utf-8")
    record = json.dumps({"value_base64": "e30=", "headers": [["ce_id", "YS0x"]]})
    done = asked("preview", "-c", str(file), "--records", text=record)
    assert json.loads(done.stdout)["headers"]["webhook-id"] == "a-1"


def test_without_ids_and_signatures_a_request_is_what_its_record_became(tmp_path: Path) -> None:
    stands = {"topic": "events", "partition": 0, "offset": 7}
    for off in (None, {"from": "none"}, {"from": None}):
        headers = shown(preview(tmp_path, {"id": off}, line("{}", stands=stands)))
        assert headers.keys() == {"user-agent", "content-type"}


@pytest.mark.parametrize("at", ["2h", "earliest", "-5", "1764252000.5.1", "9" * 12, "x"])
def test_what_is_no_second_is_refused(tmp_path: Path, at: str) -> None:
    done = preview(tmp_path, {}, line("{}"), "--at", at)
    assert done.returncode == 2
    assert "--at" in done.stderr


def test_a_request_leaves_at_a_fraction_of_a_second_too(tmp_path: Path) -> None:
    signature = {"scheme": "stripe", "secrets": ["s"]}
    made = shown(preview(tmp_path, {"signature": signature}, line("{}"), "--at", "1764252000.999"))
    assert made["stripe-signature"].startswith("t=1764252000,v1=")

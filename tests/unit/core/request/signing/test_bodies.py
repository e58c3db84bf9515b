"""Whatever is sent, by whatever secrets, the verifiers of those who made the schemes up take it."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime

import pytest
import standardwebhooks
import svix.webhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.signing.policy import Scheme
from tests.unit.core.request.signing.signed import OTHER, SEED, SYMMETRIC, request, signed

secrets = st.binary(min_size=24, max_size=64).map(lambda key: f"whsec_{base64.b64encode(key).decode()}")
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60).filter(str.strip)
ids = st.from_regex(r"\A[A-Za-z0-9_~-]{1,255}\Z")
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).map(lambda value: json.dumps(value, ensure_ascii=False).encode(errors="replace"))
bodies = documents | st.binary(max_size=80) | st.none()
NOW = st.just(0.0).map(lambda _: time.time())
BODY = b'{"a":"1.2"}\n'


@given(
    secret=secrets, event_id=ids, body=st.text(st.characters(exclude_categories=["Cs"])), at=st.floats(0, 2e9)
)
def test_standard_webhooks_are_what_the_published_library_makes(
    secret: str, event_id: str, body: str, at: float
) -> None:
    made = signed(Scheme.STANDARD_WEBHOOKS, [secret], request(body.encode()), event_id=event_id, at=at)
    when = datetime.fromtimestamp(int(at), UTC)
    assert made == {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": standardwebhooks.Webhook(secret).sign(event_id, when, body),
    }


@given(both=st.lists(secrets, min_size=1, max_size=3), event_id=ids, body=documents, now=NOW)
def test_every_secret_verifies_while_they_rotate(
    both: list[str], event_id: str, body: bytes, now: float
) -> None:
    made = signed(Scheme.STANDARD_WEBHOOKS, [*both, SEED], request(body), event_id=event_id, at=now)
    as_svix = signed(Scheme.SVIX, both, request(body), event_id=event_id, at=now, id_header=None)
    assert set(as_svix) == {"svix-id", "svix-timestamp", "svix-signature"}
    for secret in both:
        standardwebhooks.Webhook(secret).verify(body, made, json_parse=False)
        svix.webhooks.Webhook(secret).verify(body, as_svix)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(both[0]).verify(body + b" ", made)


@given(event_id=ids, body=bodies)
def test_a_private_key_signs_as_v1a(event_id: str, body: bytes | None) -> None:
    made = signed(Scheme.STANDARD_WEBHOOKS, [SEED, SYMMETRIC], request(body), event_id=event_id)
    first, second = made["webhook-signature"].split(" ")
    assert second.startswith("v1,")
    public = base64.b64decode("A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=")
    version, _, signature = first.partition(",")
    assert version == "v1a"
    said = f"{event_id}.{made['webhook-timestamp']}.".encode() + (body or b"")
    Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(signature), said)


@pytest.mark.slow
@given(both=st.lists(texts, min_size=1, max_size=3), body=documents, now=NOW)
def test_stripe_s_library_takes_what_stands_in_its_header(both: list[str], body: bytes, now: float) -> None:
    import stripe  # it loads hundreds of modules, and is asked here alone

    (said,) = signed(Scheme.STRIPE, both, request(body), at=now, id_header=None).values()
    for secret in (each.strip() for each in both):
        assert stripe.WebhookSignature.verify_header(body.decode(), said, secret, tolerance=600)


@given(secret=texts, body=bodies)
def test_github_s_and_segment_s_are_of_the_body_alone(secret: str, body: bytes | None) -> None:
    key = secret.strip().encode()
    github = signed(Scheme.GITHUB, [secret, "another"], request(body), id_header=None)
    segment = signed(Scheme.SEGMENT, [secret], request(body), id_header=None, header="X-S")
    assert github == {
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, body or b"", hashlib.sha256).hexdigest()
    }
    assert segment == {"X-S": hmac.new(key, body or b"", hashlib.sha1).hexdigest()}


def test_the_next_attempt_has_the_same_id_and_another_signature() -> None:
    first, later = (
        signed(Scheme.STANDARD_WEBHOOKS, [SYMMETRIC, OTHER], request(BODY), at=at)
        for at in (1764252000.0, 1764252007.0)
    )
    assert first["webhook-id"] == later["webhook-id"]
    assert first["webhook-signature"] != later["webhook-signature"]
    assert int(later["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 7


def test_the_id_stands_once_where_it_has_the_name_that_the_scheme_asks_for() -> None:
    elsewhere = signed(Scheme.STANDARD_WEBHOOKS, [SYMMETRIC], request(BODY), id_header="X-Event")
    assert elsewhere["X-Event"] == elsewhere["webhook-id"] == "events-0-1"
    same = signed(Scheme.STANDARD_WEBHOOKS, [SYMMETRIC], request(BODY), id_header="Webhook-Id")
    assert [name for name in same if name.lower() == "webhook-id"] == ["Webhook-Id"]

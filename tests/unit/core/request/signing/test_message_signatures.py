"""RFC 9421: whatever is sent, the published verifier takes it, and what it says it covers, it covers."""

import base64
import datetime
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    algorithms,
)
from http_message_signatures.structures import CaseInsensitiveDict
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.signing.message_signatures import DERIVED, content_digest
from processor.core.request.signing.policy import Algorithm, Digest, Scheme
from processor.model import Headers, Request
from tests.unit.core.request.signing.signed import OTHER, SEED, SYMMETRIC, request, signed

MESSAGES = Scheme.HTTP_MESSAGE_SIGNATURES
USUAL = ("@method", "@target-uri", "content-digest", "content-type", "webhook-id")
JSON: Headers = (("User-Agent", "RudderLabs"), ("Content-Type", "application/json"))
KEYS = {"k1": SYMMETRIC, "k2": OTHER}
SYMMETRIC_ALGORITHM, PRIVATE_ALGORITHM = algorithms.HMAC_SHA256, algorithms.ED25519

paths = st.sampled_from(["/hooks", "/", "/a%20b/c", "/x?param=Value&Pet=dog", "/x?", "/x?a=%C3%BC"])
origins = st.sampled_from(
    ["https://crm.example.com", "https://crm.example.com:8443", "http://h.example:81", "https://[::1]:8443"]
)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
components = st.lists(
    st.sampled_from([*DERIVED, "content-digest", "content-length", "x-a", "webhook-id"]),
    min_size=1,
    unique=True,
)


class Resolver(HTTPSignatureKeyResolver):
    """Symmetric keys by their ids, and the one private key by any other."""

    def resolve_public_key(self, key_id: str) -> object:
        """The key that verifies."""
        secret = KEYS.get(key_id)
        if secret is not None:
            return base64.b64decode(secret.removeprefix("whsec_"))
        return self.resolve_private_key(key_id).public_key()

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        """The key that signs."""
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(SEED.removeprefix("whsk_")))


def message(asked: Request, made: Mapping[str, str]) -> SimpleNamespace:
    """A request as the library takes it."""
    headers: Any = CaseInsensitiveDict()  # type: ignore[no-untyped-call]
    headers.update({**dict(asked.headers), **made})
    if asked.body is not None:
        headers["Content-Length"] = str(len(asked.body))
    return SimpleNamespace(method=asked.method, url=asked.url, headers=headers)


def verified(
    asked: Request, made: Mapping[str, str], algorithm: type = SYMMETRIC_ALGORITHM, label: str = "sig1"
) -> list[str]:
    """The components that the published library finds covered."""
    verifier = HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=Resolver())
    verifier.allow_label_only_selection = True
    with pytest.warns(UserWarning, match="label"):
        (result,) = verifier.verify(message(asked, made), expect_label=label)
    return [each.strip('"') for each in result.covered_components if each != '"@signature-params"']


@given(
    covered=components,
    origin=origins,
    path=paths,
    value=values,
    body=st.binary(max_size=50),
    digest=st.sampled_from(Digest),
)
def test_whatever_is_covered_the_published_library_verifies_it(
    covered: list[str], origin: str, path: str, value: str, body: bytes, digest: Digest
) -> None:
    asked = request(body, url=origin + path, headers=(*JSON, ("X-A", value)))
    at = time.time()
    made = signed(
        MESSAGES, [SYMMETRIC], asked, at=at, components=tuple(covered), key_ids=("k1",), digest=digest
    )
    assert verified(asked, made) == covered
    private = signed(
        MESSAGES,
        [SEED],
        asked,
        at=at,
        components=tuple(covered),
        key_ids=("private",),
        algorithm=Algorithm.ED25519,
    )
    assert verified(asked, private, PRIVATE_ALGORITHM) == covered


@given(body=st.binary(max_size=50), other=st.binary(max_size=50))
def test_what_is_covered_cannot_be_changed(body: bytes, other: bytes) -> None:
    asked = request(body, headers=JSON)
    made = signed(MESSAGES, [SYMMETRIC], asked, at=time.time(), components=USUAL, key_ids=("k1",))
    assert made["Content-Digest"] == content_digest(Digest.SHA_256, body)
    assert (made["Content-Digest"] == content_digest(Digest.SHA_256, other)) is (body == other)
    for changed in (
        asked._replace(method="PUT"),
        asked._replace(url=asked.url + "?x"),
        asked._replace(headers=(("Content-Type", "text/plain"),)),
    ):
        with pytest.raises(InvalidSignature):
            verified(changed, made)


@given(
    nonce=st.booleans(),
    tag=st.none() | values.filter(bool),
    expires=st.none() | st.integers(1, 1000),
    names_algorithm=st.booleans(),
)
def test_what_it_says_of_itself_is_as_the_published_library_writes_it(
    nonce: bool, tag: str | None, expires: int | None, names_algorithm: bool
) -> None:
    asked, created = request(b"{}", headers=JSON), int(time.time())
    made = signed(
        MESSAGES,
        [SYMMETRIC],
        asked,
        at=created + 0.5,
        components=("@method", "content-type"),
        key_ids=("k1",),
        names_algorithm=names_algorithm,
        expires_after=expires,
        has_nonce=nonce,
        tag=tag,
    )
    theirs = message(asked, {})
    HTTPMessageSigner(signature_algorithm=SYMMETRIC_ALGORITHM, key_resolver=Symmetric()).sign(
        theirs,
        key_id="k1",
        created=datetime.datetime.fromtimestamp(created, datetime.UTC),
        expires=None if expires is None else datetime.datetime.fromtimestamp(created + expires, datetime.UTC),
        nonce="events-0-1" if nonce else None,
        tag=tag,
        label="sig1",
        include_alg=names_algorithm,
        covered_component_ids=("@method", "content-type"),
    )
    assert made["Signature-Input"] == theirs.headers["Signature-Input"]
    assert made["Signature"] == theirs.headers["Signature"]


class Symmetric(Resolver):
    """Signs with symmetric keys."""

    def resolve_private_key(self, key_id: str) -> object:  # type: ignore[override]
        """The same that verifies."""
        return self.resolve_public_key(key_id)


def test_while_secrets_rotate_each_signs_with_a_label_and_a_key_id_of_its_own() -> None:
    asked = request(b"{}", headers=JSON)
    made = signed(MESSAGES, [SYMMETRIC, OTHER], asked, at=time.time(), components=USUAL, key_ids=("k1", "k2"))
    assert verified(asked, made) == verified(asked, made, label="sig2") == list(USUAL)
    assert (
        signed(MESSAGES, [SYMMETRIC, OTHER], asked, components=USUAL, label="x")["Signature"].count("x2=")
        == 1
    )


def test_of_what_is_asked_for_that_is_covered_which_the_request_has_in_plain_characters() -> None:
    asked = request(None, method="GET", headers=(("X-A", "é"),))
    covered = ("@method", "x-a", "x-b", "content-length", "content-type")
    assert signed(MESSAGES, [SYMMETRIC], asked, components=covered)["Signature-Input"].startswith(
        'sig1=("@method");created=1764252000;alg='
    )
    deleted = request(None, method="DELETE", headers=())
    assert '"content-length"' in signed(MESSAGES, [SYMMETRIC], deleted, components=covered)["Signature-Input"]


@pytest.mark.parametrize(
    ("host", "authority"), [("Tenant.example", "tenant.example"), ("t.example:443", "t.example")]
)
def test_who_is_asked_is_whom_the_host_header_names(host: str, authority: str) -> None:
    asked = request(b"", headers=(("Host", host),))
    for component, url in (
        ("@authority", f"https://{authority}/hooks"),
        ("@target-uri", f"https://{authority}/hooks"),
    ):
        made = signed(MESSAGES, [SYMMETRIC], asked, at=time.time(), components=(component,), key_ids=("k1",))
        assert verified(request(b"", url=url), made) == [component]

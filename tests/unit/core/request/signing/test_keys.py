"""A secret is taken whole and exactly, or refused in words that hold nothing of it."""

import base64
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from processor.core.request.signing import keys
from processor.core.request.signing.keys import UnusableSecretError, each_of, key, parts
from processor.core.request.signing.policy import Algorithm, Scheme
from tests.unit.core.request.signing.signed import SEED, SYMMETRIC

STANDARD, MESSAGES = Scheme.STANDARD_WEBHOOKS, Scheme.HTTP_MESSAGE_SIGNATURES
HMAC, PRIVATE = Algorithm.HMAC_SHA256, Algorithm.ED25519


def pem_of(private: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def text_of(content: bytes, prefix: str = "whsk_") -> str:
    return prefix + base64.b64encode(content).decode()


@given(st.binary(min_size=32, max_size=32))
def test_a_private_key_is_the_same_however_it_is_written(seed: bytes) -> None:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    written = [text_of(seed), text_of(seed).rstrip("="), text_of(seed + public), pem_of(private)]
    made = {key(STANDARD, HMAC, text).sign(b"a.", b"b") for text in written}
    made |= {key(MESSAGES, PRIVATE, text).sign(b"a.", b"b") for text in [*written, text_of(seed, "")]}
    assert made == {private.sign(b"a.b")}


@given(st.binary(min_size=24, max_size=64))
def test_a_symmetric_secret_may_lack_its_prefix_and_its_padding(secret: bytes) -> None:
    text = text_of(secret, "whsec_")
    written = [text, text.rstrip("="), text_of(secret, "")]
    made = {key(scheme, HMAC, each).sign(b"a.", b"b") for each in written for scheme in (STANDARD, MESSAGES)}
    assert len(made) == 1


SEED_BYTES = bytes(range(32))
REFUSED = [
    (STANDARD, HMAC, "whsec_" + "A" * 30, "it has 22 bytes, and has to have 24 to 64"),
    (STANDARD, HMAC, text_of(b"x" * 65, ""), "it has 65 bytes, and has to have 24 to 64"),
    (STANDARD, HMAC, "whsec_", "it is no Base64"),
    (STANDARD, HMAC, "correct horse battery staple", "it is no Base64"),
    (STANDARD, HMAC, "whsec_" + "A" * 32 + "*", "it is no Base64"),
    (STANDARD, HMAC, "whsec_" + "A" * 33, "it is no Base64"),
    (STANDARD, HMAC, "whpk_" + "A" * 43, "is a public key"),
    (STANDARD, HMAC, "whsk_" + "A" * 44, "no ed25519 private key"),
    (STANDARD, HMAC, text_of(SEED_BYTES + bytes(32)), "its public half is not that of its private one"),
    (STANDARD, HMAC, pem_of(ec.generate_private_key(ec.SECP256R1())), "no ed25519 private key"),
    (MESSAGES, PRIVATE, SYMMETRIC, "it is no key of ed25519"),
    (MESSAGES, HMAC, SEED, "it is no key of hmac-sha256"),
    (MESSAGES, HMAC, "", "it is no Base64"),
    (Scheme.GITHUB, HMAC, "", "it is empty"),
    (Scheme.STRIPE, HMAC, "\ud800", "no text"),
]


@pytest.mark.parametrize(("scheme", "algorithm", "text", "told"), REFUSED)
def test_what_is_no_secret_is_refused_in_words_that_hold_nothing_of_it(
    scheme: Scheme, algorithm: Algorithm, text: str, told: str
) -> None:
    with pytest.raises(UnusableSecretError, match=told) as raised:
        key(scheme, algorithm, text)
    assert not any(len(part) > 6 and part in str(raised.value) for part in parts(text))


def test_without_the_library_a_private_key_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    with pytest.raises(UnusableSecretError, match=r"pip install 'kafka-webhook-processor\[keys\]'"):
        key(STANDARD, HMAC, SEED)
    key(STANDARD, HMAC, SYMMETRIC)


def test_a_file_may_hold_several_secrets_one_a_line_or_one_a_block() -> None:
    pem = pem_of(ed25519.Ed25519PrivateKey.generate())
    assert each_of(f"a\r\n\n {SYMMETRIC} \n{pem}{pem}b c") == [
        "a",
        SYMMETRIC,
        pem.strip(),
        pem.strip(),
        "b c",
    ]
    assert each_of(" \n") == []


def test_the_parts_of_a_secret_are_secrets() -> None:
    assert SYMMETRIC.removeprefix("whsec_") in parts(SYMMETRIC)
    pem = pem_of(ed25519.Ed25519PrivateKey.generate())
    assert pem.splitlines()[1] in parts(pem)
    assert parts("plain") == {"plain"}


def test_one_key_signs_any_number_of_requests_each_by_itself() -> None:
    made = keys.Hmac(b"x", "sha256")
    assert made.sign(b"a", b"b") == made.sign(b"", b"ab") == made.sign(b"a", b"b")

"""Private keys: which can be used, and what is said of others."""

import sys
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from processor.core.services import keys


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey | ed25519.Ed25519PrivateKey,
) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_a_key_that_jws_has_no_algorithm_for_is_none() -> None:
    others = (
        rsa.generate_private_key(65537, 1024),
        ec.generate_private_key(ec.SECP256K1()),
        ed448.Ed448PrivateKey.generate(),
    )
    assert all("holds no private key that can be used" in keys.fault_of(pem(each)) for each in others)
    assert keys.fault_of(pem(ed25519.Ed25519PrivateKey.generate())) == ""


def test_what_is_no_key_or_encrypted_is_told_and_not_repeated() -> None:
    locked = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
    )
    unknown = bytes.fromhex("302e020100300506032b657904220420") + bytes(32)
    strange = f"-----BEGIN PRIVATE KEY-----\n{b64encode(unknown).decode()}\n-----END PRIVATE KEY-----"
    for text in ("hunter2", "", locked.decode(), strange):
        assert "holds no private key" in keys.fault_of(text)
        assert "hunter2" not in keys.fault_of(text)


def test_without_the_library_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    assert keys.fault_of("anything") == keys.MISSING

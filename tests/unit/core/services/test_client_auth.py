"""How who asks for a token proves who it is, compared with published cases and with PyJWT."""

import base64
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from processor.core.services.client_auth import ASSERTION, Client, question, signed

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "signing.json").read_text(encoding="utf-8"))
CASES = {each["scheme"]: each for each in VECTORS["vectors"] if each["scheme"].startswith("oauth2")}
CLIENT = Client(url="https://idp.example.com/token", client_id="crm-webhook", form=(("scope", "a b"),))
KEYS: dict[str, Any] = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


def pem_of(key: Any) -> str:
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text.decode()


def client(**more: Any) -> Client:
    said = {"url": CLIENT.url, "client_id": CLIENT.client_id, "form": CLIENT.form, **more}
    return Client(**said)


def test_id_and_secret_are_form_encoded_before_base64() -> None:
    case = CASES["oauth2-client"]
    asked = question(
        client(client_id=case["given"]["client_id"], secret=case["given"]["client_secret"]), 0.0, ""
    )
    assert asked.headers == {"Accept": "application/json", **case["expected_headers"]}
    assert asked.form == {"grant_type": "client_credentials", "scope": "a b"}
    assert asked.secrets == (asked.headers["Authorization"].removeprefix("Basic "),)


def test_a_client_with_a_key_signs_as_published() -> None:
    case = CASES["oauth2-client-assertion"]
    seed = base64.b64decode(case["given"]["ed25519-seed"])
    pem = pem_of(ed25519.Ed25519PrivateKey.from_private_bytes(seed))
    (expected,) = case["expected_headers"].values()
    said = client(method="private_key_jwt", private_key=pem, key_id="k1")
    asked = question(said, case["given"]["claims"]["iat"] + 5, case["given"]["claims"]["jti"])
    assert asked.form["client_assertion"] == expected
    assert signed({"alg": "EdDSA", "kid": "k1", "typ": "JWT"}, case["given"]["claims"], pem) == expected


@pytest.mark.parametrize("algorithm", KEYS)
def test_what_a_key_signs_pyjwt_verifies(algorithm: str) -> None:
    key = KEYS[algorithm]()
    said = client(method="private_key_jwt", private_key=pem_of(key), audience="https://issuer")
    asked = question(said, 4e9, "n1")
    form = asked.form
    assert (form["client_assertion_type"], form["client_id"]) == (ASSERTION, "crm-webhook")
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    options: Any = {"verify_iat": False, "verify_exp": False}
    claims = jwt.decode(
        form["client_assertion"], public, algorithms=[algorithm], audience="https://issuer", options=options
    )
    assert (claims["iss"], claims["sub"], claims["jti"]) == ("crm-webhook", "crm-webhook", "n1")
    assert (claims["exp"] - claims["iat"], claims["iat"]) == (60, 4e9 - 5)
    assert "Authorization" not in asked.headers


def test_a_secret_may_sign_too() -> None:
    secret = "s" * 32
    form = question(client(method="client_secret_jwt", secret=secret), 0.0, "n1").form
    options: Any = {"verify_exp": False}
    claims = jwt.decode(
        form["client_assertion"], secret, algorithms=["HS256"], audience=CLIENT.url, options=options
    )
    assert claims["sub"] == "crm-webhook"


def test_each_other_way_says_what_it_has_to_and_no_more() -> None:
    post = question(client(method="post", secret="s"), 0.0, "")
    assert post.form.keys() - {"grant_type", "scope"} == {"client_id", "client_secret"}
    mtls = question(client(method="mtls"), 0.0, "")
    assert mtls.form.keys() - {"grant_type", "scope"} == {"client_id"}
    said = question(client(method="assertion_file", assertion="projected"), 0.0, "")
    assert (said.form["client_assertion"], said.secrets) == ("projected", ("projected",))
    assert all("Authorization" not in each.headers for each in (post, mtls, said))
    assert "'s'" not in repr(client(secret="s"))

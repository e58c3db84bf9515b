"""Keys: secrets as they are written, made into what signs.

Promises: a secret is taken whole and exactly, or refused with what is wrong with it, in words that hold
nothing of it; what is prepared for a key once is not done again for every request.
"""

import binascii
import hmac
import re
from base64 import b64decode
from collections.abc import Callable
from typing import Protocol

from processor.core.request.signing import ed25519
from processor.core.request.signing.policy import Algorithm, Scheme

_SYMMETRIC, _PRIVATE, _PUBLIC = "whsec_", "whsk_", "whpk_"
"""What secrets of Standard Webhooks begin with."""
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_IN_A_FILE = re.compile(r"-----BEGIN [^-]*-----.*?-----END [^-]*-----|[^\r\n]+", re.DOTALL)
_PKCS8_ED25519 = bytes.fromhex("302e020100300506032b657004220420")
"""How a private key begins that holds a seed of ed25519 and nothing else (RFC 8410, 7)."""
_FEWEST, _MOST = 24, 64
"""Bytes of a symmetric secret of Standard Webhooks."""
_HEX = {Scheme.GITHUB: "sha256", Scheme.STRIPE: "sha256", Scheme.SEGMENT: "sha1"}
"""Schemes whose secrets are texts as they stand."""


class UnusableSecretError(ValueError):
    """It is no secret of the scheme; the message says why, and holds nothing of it."""


class Key(Protocol):
    """What signs."""

    version: str
    """How Standard Webhooks tells signatures apart."""

    def sign(self, before: bytes, body: bytes) -> bytes:
        """The signature of both, one behind the other, which nobody has to join."""
        ...


class Hmac:
    """A symmetric key (RFC 2104)."""

    version = "v1"

    def __init__(self, secret: bytes, digest: str) -> None:
        self._keyed = hmac.new(secret, digestmod=digest)

    def sign(self, before: bytes, body: bytes) -> bytes:
        code = self._keyed.copy()
        code.update(before)
        code.update(body)
        return code.digest()


class Ed25519:
    """A private key, by its seed."""

    version = "v1a"

    def __init__(self, seed: bytes) -> None:
        try:
            self._sign: Callable[[bytes], bytes] = ed25519.signer(seed)
        except ImportError:
            raise UnusableSecretError(ed25519.MISSING) from None

    def sign(self, before: bytes, body: bytes) -> bytes:
        return self._sign(before + body)


def each_of(text: str) -> list[str]:
    """The secrets in a text: one a line, or one a PEM block."""
    return [found.strip() for found in _IN_A_FILE.findall(text) if found.strip()]


def parts(text: str) -> set[str]:
    """A secret, and what in it is one by itself."""
    if block := _PEM.search(text):
        return {"".join(block[2].split()), *filter(None, block[2].split())}
    bare = text.removeprefix(_SYMMETRIC).removeprefix(_PRIVATE)
    return {text, bare, bare.rstrip("=")} - {""}


def key(scheme: Scheme, algorithm: Algorithm, text: str) -> Key:
    """What a secret signs with. Raises UnusableSecretError."""
    if scheme in _HEX:
        return Hmac(_as_it_stands(text), _HEX[scheme])
    if text.startswith(_PUBLIC):
        raise UnusableSecretError(f"{_PUBLIC}… is a public key: what signs is the private one, {_PRIVATE}…")
    if scheme.covers_chosen_parts:
        is_private = algorithm is Algorithm.ED25519
        if is_private and not text.startswith(_SYMMETRIC):
            return _private(text)
        if is_private or text.startswith(_PRIVATE) or _PEM.search(text):
            raise UnusableSecretError(f"it is no key of {algorithm}: say which algorithm it is for")
        return Hmac(_symmetric(text), "sha256")
    if text.startswith(_PRIVATE) or _PEM.search(text):
        return _private(text)
    secret = _symmetric(text)
    if not _FEWEST <= len(secret) <= _MOST:
        raise UnusableSecretError(f"it has {len(secret)} bytes, and has to have {_FEWEST} to {_MOST}")
    return Hmac(secret, "sha256")


def _as_it_stands(text: str) -> bytes:
    try:
        if text:
            return text.encode()
    except UnicodeEncodeError:
        pass
    raise UnusableSecretError("it is empty, or no text")


def _symmetric(text: str) -> bytes:
    secret = _decoded(text.removeprefix(_SYMMETRIC))
    if not secret:
        raise UnusableSecretError(f"it is no Base64: write {_SYMMETRIC}… or the Base64 of its bytes")
    return secret


def _private(text: str) -> Ed25519:
    """A seed, a seed and its public key as libsodium has them, or a private key in PEM."""
    block = _PEM.search(text)
    content = _decoded("".join(block[2].split()) if block else text.removeprefix(_PRIVATE)) or b""
    if block:
        content = content.removeprefix(_PKCS8_ED25519) if content.startswith(_PKCS8_ED25519) else b""
    if len(content) not in (ed25519.LENGTH, *(() if block else (2 * ed25519.LENGTH,))):
        raise UnusableSecretError(
            f"it is no ed25519 private key: write {_PRIVATE}… with 32 or 64 bytes as Base64, or PEM (PKCS#8)"
        )
    seed, public = content[: ed25519.LENGTH], content[ed25519.LENGTH :]
    made = Ed25519(seed)
    if public and public != ed25519.public_key(seed):
        raise UnusableSecretError("its public half is not that of its private one: it was put together wrong")
    return made


def _decoded(text: str) -> bytes | None:
    """What Base64 says, with or without its padding; None: it is none."""
    digits = text.rstrip("=")
    try:
        return b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None

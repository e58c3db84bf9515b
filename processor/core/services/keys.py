"""Private keys: what is signed with one, behind the door of `cryptography`, the extra `keys`.

Promise: a key is judged when the configuration is; what is told of one repeats nothing of it.

https://www.rfc-editor.org/rfc/rfc7518#section-3
"""

from typing import Any

MISSING = "needs cryptography, which is not there: install kafka-webhook-processor[keys]"
_CURVES = {"secp256r1": ("ES256", 32), "secp384r1": ("ES384", 48), "secp521r1": ("ES512", 66)}


def fault_of(pem: str) -> str:
    """What is wrong with a private key, or nothing."""
    try:
        algorithm_of(pem)
    except ImportError:
        return MISSING
    except (ValueError, TypeError):
        return "holds no private key that can be used: give RSA, EC (P-256, P-384, P-521) or Ed25519 as PEM"
    return ""


def algorithm_of(pem: str) -> str:
    """What JWS calls that which the key signs with. Raises ValueError, ImportError."""
    return _algorithm(_load(pem))


def signature(pem: str, message: bytes) -> bytes:
    """As JWS has it. Raises ValueError, ImportError."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    key = _load(pem)
    algorithm = _algorithm(key)
    if algorithm == "EdDSA":
        return bytes(key.sign(message))
    if algorithm == "RS256":
        return bytes(key.sign(message, padding.PKCS1v15(), hashes.SHA256()))
    size = _CURVES[key.curve.name][1]
    digest = {"ES256": hashes.SHA256(), "ES384": hashes.SHA384(), "ES512": hashes.SHA512()}[algorithm]
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _load(pem: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(pem.encode(), None)
    except UnsupportedAlgorithm as error:
        raise ValueError("an algorithm that is not known") from error


def _algorithm(key: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if isinstance(key, Ed25519PrivateKey):
        return "EdDSA"
    if isinstance(key, RSAPrivateKey) and key.key_size >= 2048:
        return "RS256"
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name][0]
    raise ValueError("a key that JWS has no algorithm for")

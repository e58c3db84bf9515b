"""Ed25519: the one door to the library that signs with private keys, the extra `keys`.

It is loaded when the first key is: it takes a tenth of a second and 16 MB, and hardly anybody has such keys.
"""

from collections.abc import Callable

LENGTH = 32
"""Bytes of a seed, and of a public key."""
MISSING = (
    "an ed25519 key needs the library cryptography: pip install 'kafka-webhook-processor[keys]' (it is in "
    "the image)"
)


def signer(seed: bytes) -> Callable[[bytes], bytes]:
    """What signs with the key of a seed. Raises ImportError without the library."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed).sign


def public_key(seed: bytes) -> bytes:
    """Its public half. Raises ImportError without the library."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()

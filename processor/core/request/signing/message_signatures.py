"""HTTP message signatures (RFC 9421), with a digest of what is sent (RFC 9530).

Promises: what a signature says that it covers is on the request as it says; of the components that are
asked for those are covered that the request has, but for headers that are not ASCII, which the standard has
no way to sign. Id, number of the attempt and digest are among them, since they are made before.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256, sha512
from typing import Final

from processor.core.request.attempt_headers import Leaving
from processor.core.request.endpoint import origin_of
from processor.core.request.signing.policy import Digest, SignaturePolicy
from processor.core.request.signing.secrets import SigningSecrets
from processor.model import Headers, Request

DIGEST_HEADER: Final = "Content-Digest"
DIGEST: Final = DIGEST_HEADER.lower()
LENGTH: Final = "content-length"
DERIVED: Final = (
    "@method",
    "@target-uri",
    "@authority",
    "@scheme",
    "@request-target",
    "@path",
    "@query",
)
"""Components that are no header (2.2)."""
NAMES: Final = ("Signature-Input", "Signature")
_HASHES = {Digest.SHA_256: sha256, Digest.SHA_512: sha512}
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
_TO_ESCAPE = re.compile(r'(["\\])')


class MessageSignatures:
    """One for each secret, each with a label and, if it is said, a key id of its own."""

    def __init__(self, policy: SignaturePolicy, secrets: SigningSecrets) -> None:
        self._policy = policy
        self._secrets = secrets
        self._has_digest = DIGEST in policy.components
        self.is_for_all_hosts = policy.is_for_all_hosts

    def make(self, leaving: Leaving) -> Headers:
        policy, request = self._policy, leaving.request
        digest: Headers = ()
        if self._has_digest:
            digest = ((DIGEST_HEADER, content_digest(policy.digest, request.body or b"")),)
        values = _values(request, (*leaving.made, *digest))
        covered = {
            name: text
            for name in policy.components
            if (text := values.get(name)) is not None and text.isascii()
        }
        created = int(leaving.at)
        inputs, signatures = [], []
        for number, key in enumerate(self._secrets.keys):
            label = _numbered(policy.label, number)
            said = parameters(
                tuple(covered),
                created,
                key_id=policy.key_ids[number] if policy.key_ids else None,
                algorithm=policy.algorithm if policy.names_algorithm else None,
                expires=None if policy.expires_after is None else created + policy.expires_after,
                nonce=leaving.event_id if policy.has_nonce else None,
                tag=policy.tag,
            )
            base = signature_base(covered, said).encode()
            inputs.append(f"{label}={said}")
            signatures.append(f"{label}=:{b64encode(key.sign(base, b'')).decode()}:")
        return (*digest, *zip(NAMES, (", ".join(inputs), ", ".join(signatures)), strict=True))


def content_digest(digest: Digest, body: bytes) -> str:
    """The value of `Content-Digest`."""
    made = _HASHES[digest](body).digest()
    return f"{digest}=:{b64encode(made).decode()}:"


def parameters(
    components: tuple[str, ...],
    created: int,
    *,
    key_id: str | None = None,
    algorithm: str | None = None,
    expires: int | None = None,
    nonce: str | None = None,
    tag: str | None = None,
) -> str:
    """What a signature covers, and what it says of itself (2.3)."""
    said = [f"({' '.join(map(_quoted, components))})", f"created={created}"]
    for name, text in (("keyid", key_id), ("alg", algorithm)):
        said += [] if text is None else [f"{name}={_quoted(text)}"]
    said += [] if expires is None else [f"expires={expires}"]
    for name, text in (("nonce", nonce), ("tag", tag)):
        said += [] if text is None else [f"{name}={_quoted(text)}"]
    return ";".join(said)


def signature_base(covered: Mapping[str, str], said: str) -> str:
    """The text that is signed (2.5)."""
    lines = [f"{_quoted(name)}: {value}" for name, value in covered.items()]
    return "\n".join((*lines, f'"@signature-params": {said}'))


def _values(request: Request, made: Headers) -> dict[str, str]:
    """All that a signature may cover of a request, by its component's name."""
    found = {name.lower(): value.strip() for name, value in (*request.headers, *made)}
    if request.body is not None or request.method != "GET":
        found[LENGTH] = str(len(request.body or b""))
    found.update(_derived(request.method, request.url, found.get("host")))
    return found


@lru_cache(maxsize=64)
def _derived(method: str, url: str, host: str | None) -> Mapping[str, str]:
    """What is no header; who is asked stands in `Host`, where that is another than in the URL.

    Remembered: most requests ask for the same.
    """
    scheme, _, authority = origin_of(url).partition("://")
    target = url[len(f"{scheme}://{authority}") :]
    if host is not None:
        authority = host.lower().removesuffix(_DEFAULT_PORTS[scheme])
    path, mark, query = target.partition("?")
    return {
        "@method": method,
        "@target-uri": f"{scheme}://{authority}{target}",
        "@authority": authority,
        "@scheme": scheme,
        "@request-target": target,
        "@path": path,
        "@query": f"?{query}" if mark else "?",
    }


@lru_cache(maxsize=256)
def _quoted(text: str) -> str:
    """A string of a structured field (RFC 8941, 3.3.3). Remembered: nearly all are said in the settings."""
    return '"' + _TO_ESCAPE.sub(r"\\\1", text) + '"'


@lru_cache(maxsize=64)
def _numbered(label: str, number: int) -> str:
    """The labels of several: `sig1`, `sig2`, …"""
    found = re.fullmatch(r"(.*?)([0-9]*)", label)
    assert found is not None
    return label if not number else f"{found[1]}{int(found[2] or 1) + number}"

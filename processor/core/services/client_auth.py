"""Client authentication: how who asks for a token proves who it is.

Promise: in exactly one way, as RFC 6749 (2.3), RFC 7523 and RFC 8705 have it; id and secret are form-encoded
before Base64. What is signed is made for one question, by its own number. Times are timestamps.
"""

import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from processor.core.services import keys

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFE = 60
"""Seconds of what is signed; clocks may differ, so it begins a little earlier."""
_EARLIER = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who asks, how it proves that, and what for.

    `form`: fields of the question beside those of the client. `audience` is who reads what is signed.
    """

    url: str
    client_id: str
    method: str = "basic"
    secret: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    assertion: str = field(default="", repr=False)
    key_id: str | None = None
    audience: str = ""
    form: tuple[tuple[str, str], ...] = field(default=(), repr=False)


class Question(NamedTuple):
    """What is sent to a token endpoint; `secrets` are what in it proves who asks."""

    headers: dict[str, str]
    form: dict[str, str]
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Nothing of what is secret."""
        return f"Question({[*self.headers]}, {[*self.form]})"


def question(client: Client, at: float, number: str) -> Question:
    """That of a client at this time; `number` is used once. Raises ValueError and ImportError for its key."""
    form = {"grant_type": "client_credentials", **dict(client.form)}
    headers = {"Accept": "application/json"}
    match client.method:
        case "basic":
            login = f"{quote_plus(client.client_id)}:{quote_plus(client.secret)}"
            basic = b64encode(login.encode()).decode()
            return Question({**headers, "Authorization": f"Basic {basic}"}, form, (basic,))
        case "post":
            return Question(headers, {**form, "client_id": client.client_id, "client_secret": client.secret})
        case "mtls":
            return Question(headers, {**form, "client_id": client.client_id})
        case "assertion_file":
            said = client.assertion
        case _:
            said = _signed(client, at, number)
    proof = {"client_id": client.client_id, "client_assertion_type": ASSERTION, "client_assertion": said}
    return Question(headers, {**form, **proof}, (said,))


def _signed(client: Client, at: float, number: str) -> str:
    issued = int(at) - _EARLIER
    claims = {
        "iss": client.client_id,
        "sub": client.client_id,
        "aud": client.audience or client.url,
        "jti": number,
        "iat": issued,
        "exp": issued + _LIFE,
    }
    algorithm = "HS256" if client.method == "client_secret_jwt" else keys.algorithm_of(client.private_key)
    header = {"alg": algorithm, **({"kid": client.key_id} if client.key_id else {}), "typ": "JWT"}
    return signed(header, claims, client.private_key or client.secret)


def signed(header: dict[str, Any], claims: dict[str, Any], key: str) -> str:
    """A JWT, signed by what `alg` of its header says. Raises ValueError, ImportError."""
    text = ".".join(map(_part, (header, claims)))
    if header["alg"] == "HS256":
        return f"{text}.{_text(hmac.digest(key.encode(), text.encode(), 'sha256'))}"
    return f"{text}.{_text(keys.signature(key, text.encode()))}"


def _part(members: dict[str, Any]) -> str:
    return _text(json.dumps(members, separators=(",", ":")).encode())


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()

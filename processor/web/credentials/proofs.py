"""Proofs by the settings: what is put on requests, made of the secrets of now.

Promise: a secret, and what in a header is secret by itself, is known as one before a proof holds it.
"""

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote

from processor.config.destination.auth import SECRETS, AuthSettings
from processor.core import credentials
from processor.core.redaction import Secrets
from processor.core.services.proof import MASK, Proof
from processor.core.services.sigv4 import AwsKeys, Sigv4
from processor.model import Headers, Request

AUTH, HEADERS = "destination.auth.", "destination.headers."
Granted = str | AwsKeys | None


class Proofs:
    """Makes them. `texts` are secrets by the names of their settings, those of headers as configured."""

    def __init__(self, auth: AuthSettings, headers: Mapping[str, str], secrets: Secrets) -> None:
        """`headers`: those whose values stand in files, as they were read at the start."""
        self._auth = auth
        self._configured = headers
        self._secrets = secrets
        self._texts: dict[str, str] = {}

    def text(self, name: str) -> str:
        """What the setting `name` of `destination.auth` is now."""
        return self._texts.get(AUTH + name) or self._auth.plain(name)

    def read(self, name: str, text: str) -> None:
        """A setting was read anew, by its whole name."""
        self._texts[name] = text
        if name.startswith(HEADERS) or name == f"{AUTH}value":
            self._secrets.add(name, *credentials.parts(text))
        elif name.removeprefix(AUTH) in SECRETS:
            self._secrets.add(name, text)

    def made(self, granted: Granted = None) -> Proof:
        """The one of now; `granted`: what a token endpoint or a platform gave."""
        auth = self._auth
        replaced = {
            (name.lower(), old): self._texts[HEADERS + name]
            for name, old in self._configured.items()
            if self._texts.get(HEADERS + name, old) != old
        }
        query, signs = None, None
        if auth.type == "api_key" and auth.in_ == "query":
            query = str(auth.name), self.text("value")
            self._secrets.add(f"{AUTH}query", self.text("value"), quote(self.text("value"), safe=""))
        if auth.type == "aws_sigv4":
            signs = Sigv4(str(auth.region), str(auth.service), self._keys(granted))
        return Proof(
            self._headers(granted),
            replaced=replaced,
            query=query,
            signs=signs,
            may_override=auth.event_may_override,
        )

    def _headers(self, granted: Granted) -> Headers:
        auth = self._auth
        match auth.type:
            case "basic":
                login = b64encode(f"{self.text('username')}:{self.text('password')}".encode()).decode()
                self._secrets.add(f"{AUTH}login", login)
                return (("Authorization", f"Basic {login}"),)
            case "bearer":
                return (("Authorization", f"Bearer {self.text('token')}"),)
            case "oauth2":
                return (("Authorization", f"Bearer {granted}"),)
            case "api_key" if auth.in_ == "header":
                return ((str(auth.name), self.text("value")),)
        return ()

    def _keys(self, granted: Granted) -> AwsKeys:
        if isinstance(granted, AwsKeys):
            return granted
        return AwsKeys(*map(self.text, ("access_key_id", "secret_access_key", "session_token")))


def shown(auth: AuthSettings, request: Request, at: float) -> Request:
    """`request` as it would leave at that time, a timestamp: its signature made, tokens and keys masked."""
    proofs = Proofs(auth, {}, Secrets())
    for name in ("token", "value"):
        if auth.plain(name):
            proofs.read(AUTH + name, MASK)
    proof = proofs.made(MASK)
    if auth.type == "aws_sigv4" and auth.access_key_id is None:
        proof = Proof((("Authorization", MASK),), may_override=auth.event_may_override)
    made = proof.put_on(request, at) or request
    return made._replace(url=made.url.replace(quote(MASK, safe=""), MASK))

"""A token endpoint for tests, and a webhook behind it that takes what it granted last.

It speaks RFC 6749 (4.4 and 2.3) as strictly as it says: one way to prove who asks, form-encoded before
Base64. Its answers may have any of the oddities that real ones have.
"""

import asyncio
import json
from base64 import b64decode
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote_plus

import jwt

from tests.support.endpoint import Arrival, Endpoint, Reply

JSON = (("Content-Type", "application/json"),)


class TokenEndpoint:
    """Grants `token-1`, `token-2` …, each with the members of `oddities` too (None: without that member).

    `fault` is answered to all while there is one; `gate` is waited for before an answer. `clients` are ids
    with their secrets, `keys` with the public keys, in PEM, that they sign with, by an algorithm of `by`.
    """

    def __init__(self) -> None:
        self.clients = {"crm webhook:eu": "p+ss/w0rd:%&ü€, and 32 bytes at least"}
        self.keys: dict[str, str] = {}
        self.by = ["RS256", "ES256", "EdDSA"]
        self.assertions: set[str] = set()
        self.oddities: dict[str, Any] = {"expires_in": 3600}
        self.fault: Reply | None = None
        self.gate: asyncio.Event | None = None
        self.granted = 0
        self.refused: list[str] = []
        self.asked: list[dict[str, str]] = []
        self._endpoint = Endpoint(self._answer)

    @property
    def url(self) -> str:
        return f"{self._endpoint.url}/oauth/token"

    @property
    def requests(self) -> list[Arrival]:
        """All that came."""
        return self._endpoint.requests

    def accepts(self, authorization: str | None) -> bool:
        """Whether that is the token that was granted last."""
        return self.granted > 0 and authorization == f"Bearer token-{self.granted}"

    def revoke(self) -> None:
        """What was granted is good no more."""
        self.granted += 1

    async def __aenter__(self) -> Self:
        await self._endpoint.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._endpoint.__aexit__(kind, error, trace)

    async def _answer(self, arrival: Arrival) -> Reply:
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            return self.fault
        form = dict(parse_qsl(arrival.body.decode(), keep_blank_values=True, strict_parsing=True))
        self.asked.append(form)
        if (why := self._fault_of(arrival, form)) is not None:
            self.refused.append(why)
            is_client = why == "invalid_client"
            return Reply(401 if is_client else 400, JSON, json.dumps({"error": why}).encode())
        self.granted += 1
        said = {"access_token": f"token-{self.granted}", "token_type": "Bearer", **self.oddities}
        kept = {name: value for name, value in said.items() if value is not None}
        return Reply(200, JSON, json.dumps(kept).encode())

    def _fault_of(self, arrival: Arrival, form: dict[str, str]) -> str | None:
        if arrival.method != "POST" or arrival.header("Accept") != "application/json":
            return "invalid_request"
        if form.get("grant_type") != "client_credentials":
            return "unsupported_grant_type"
        ways = [self._basic, self._post, self._assertion]
        found = [answer for answer in (way(arrival, form) for way in ways) if answer is not None]
        if len(found) != 1:
            return "invalid_request"
        return None if found[0] else "invalid_client"

    def _basic(self, arrival: Arrival, _: dict[str, str]) -> bool | None:
        header = arrival.header("Authorization")
        if header is None:
            return None
        name, _colon, secret = b64decode(header.removeprefix("Basic ")).decode().partition(":")
        return self.clients.get(unquote_plus(name)) == unquote_plus(secret)

    def _post(self, _: Arrival, form: dict[str, str]) -> bool | None:
        if "client_secret" not in form:
            return None
        return self.clients.get(form.get("client_id", "")) == form["client_secret"]

    def _assertion(self, _: Arrival, form: dict[str, str]) -> bool | None:
        said = form.get("client_assertion")
        if said is None:
            return None
        if said in self.assertions:
            return True
        client = form["client_id"]
        key = self.keys.get(client, self.clients.get(client, ""))
        by = self.by if client in self.keys else ["HS256"]
        try:
            claims = jwt.decode(
                said, key, algorithms=by, audience=self.url, options={"require": ["jti", "exp"]}
            )
        except jwt.InvalidTokenError:
            return False
        return bool(claims["iss"] == claims["sub"] == client)


def guarded(
    accepts: Callable[[str | None], bool], status: int = 401
) -> Callable[[Arrival], Reply | Awaitable[Reply]]:
    """The script of a webhook that takes only requests with such an `Authorization`."""
    return lambda arrival: Reply(200 if accepts(arrival.header("Authorization")) else status)

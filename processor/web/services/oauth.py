"""OAuth 2.0 client credentials: who fetches the tokens that requests carry.

Promises: a token is asked for by one question at a time, however many wait for it; it is known as a secret
before anybody gets it; while one is good nobody waits, and none waits longer than the question may take.

https://www.rfc-editor.org/rfc/rfc6749#section-4.4
"""

import asyncio
import base64
import ssl
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote_plus

from processor.core.redaction import Secrets
from processor.core.services.token import Refused, Token, read
from processor.errors import TransportError
from processor.web.services.service import Service


class TokenError(Exception):
    """No token is to be had; the message says why."""


class ClientCredentials(NamedTuple):
    """Who asks for a token, where, and for what."""

    url: str
    client_id: str
    client_secret: str
    scope: str | None = None


class Tokens:
    """Those of one client. `source` names them among the secrets."""

    def __init__(self, service: Service, secrets: Secrets, source: str, now: Callable[[], float]) -> None:
        self._service = service
        self._secrets = secrets
        self._source = source
        self._now = now
        self._token = Token()
        self._asking: asyncio.Task[str | None] | None = None

    async def get(self, client: ClientCredentials, context: ssl.SSLContext) -> str:
        """A token that is good now. Raises TokenError."""
        if self._token.is_due(self._now()) and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask(client, context))
        if (token := self._token.usable(self._now())) is not None:
            return token
        assert self._asking is not None
        await asyncio.wait((self._asking,))
        fault = "the client is closed" if self._asking.cancelled() else self._asking.result()
        if (token := self._token.usable(self._now())) is None:
            raise TokenError(fault or "it gives a token that is over at once")
        return token

    def refused(self, token: str) -> None:
        """It was not taken: the next one who asks gets another."""
        self._token.refused(token)

    async def close(self) -> None:
        """Nobody is asked for one any more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait((self._asking,))

    async def _ask(self, client: ClientCredentials, context: ssl.SSLContext) -> str | None:
        """Ask; why there is none."""
        asked_at = self._now()
        form = {"grant_type": "client_credentials", **({"scope": client.scope} if client.scope else {})}
        login = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
        basic = base64.b64encode(login.encode()).decode()
        self._secrets.add(f"{self._source} login", basic)
        headers = {"Authorization": f"Basic {basic}", "Accept": "application/json"}
        try:
            reply = await self._service.ask(client.url, context, headers, form)
        except TransportError as error:
            return error.message
        answer = read(reply.status, reply.body)
        if isinstance(answer, Refused):
            return answer.reason
        self._secrets.add(self._source, answer.text)
        self._token.granted(answer, asked_at)
        return None

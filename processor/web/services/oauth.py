"""OAuth 2.0 client credentials: who fetches the tokens that requests carry.

Promises: a token is asked for by one question at a time, however many wait for it; it is known as a secret
before anybody gets it; while one is good nobody waits, and none waits longer than the question may take.

https://www.rfc-editor.org/rfc/rfc6749#section-4.4
"""

import asyncio
import ssl
import time
import uuid
from collections.abc import Callable

from processor.core.redaction import Secrets
from processor.core.services.client_auth import Client, question
from processor.core.services.token import DEFAULT_LIFE, Granted, Refused, Token, read
from processor.errors import TransportError
from processor.web.services.service import Service


class TokenError(Exception):
    """No token is to be had; the message says why."""


def _half() -> float:
    return 0.5


async def ask(
    service: Service,
    client: Client,
    context: ssl.SSLContext,
    known: Callable[..., None],
    member: str = "access_token",
    default: float = DEFAULT_LIFE,
) -> Granted | Refused:
    """Ask for a token; `known` is told what in question and answer is secret, before it is used.

    Raises TransportError, and ValueError or ImportError for a key that cannot be used.
    """
    headers, form, proofs = question(client, time.time(), uuid.uuid4().hex)
    if proofs:
        known(" login", *proofs)
    reply = await service.ask(client.url, context, headers, form)
    answer = read(reply.status, reply.body, member, default)
    if isinstance(answer, Granted):
        known("", answer.text)
    return answer


class Tokens:
    """Those of one client. `source` names them among the secrets."""

    def __init__(
        self,
        service: Service,
        secrets: Secrets,
        source: str,
        now: Callable[[], float],
        chance: Callable[[], float] = _half,
    ) -> None:
        self._service = service
        self._secrets = secrets
        self._source = source
        self._now = now
        self._chance = chance
        self._token = Token()
        self._asking: asyncio.Task[str | None] | None = None

    async def get(self, client: Client, context: ssl.SSLContext) -> str:
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

    async def _ask(self, client: Client, context: ssl.SSLContext) -> str | None:
        """Ask; why there is none."""
        asked_at = self._now()
        try:
            answer = await ask(self._service, client, context, self._learn)
        except TransportError as error:
            return error.message
        if isinstance(answer, Refused):
            return answer.reason
        self._token.granted(answer, asked_at, self._chance())
        return None

    def _learn(self, kind: str, *texts: str) -> None:
        self._secrets.add(self._source + kind, *texts)

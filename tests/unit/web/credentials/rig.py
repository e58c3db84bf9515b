"""Credentials in front of a real client, for tests."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from processor.config.destination.endpoint import DestinationSettings
from processor.config.destination.secrets import secrets_of
from processor.core.redaction import Secrets
from processor.core.request.endpoint import Endpoint
from processor.core.services.refusals import FRESH_SECONDS
from processor.model import Answer, Request
from processor.telemetry.facts import Facts
from processor.web.client import Client
from processor.web.credentials.door import Credentials


class Heard(Facts):
    """What was told of credentials."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.refusals = 0
        self.reloaded: list[str] = []
        self.faults: list[tuple[str, str]] = []
        self.certificates: dict[str, float] = {}

    def credential_fetched(self, outcome: str, until: float, /) -> None:
        assert until > 0
        self.fetched.append(outcome)

    def credential_not_fetched(self, outcome: str, reason: str, /) -> None:
        assert reason
        self.fetched.append(f"{outcome}: {reason}")

    def credential_refused(self, status: int, /) -> None:
        self.refusals += status > 0

    def credential_reloaded(self, setting: str, /) -> None:
        self.reloaded.append(setting)

    def credential_not_reloaded(self, setting: str, reason: str, /) -> None:
        self.faults.append((setting, reason))

    def certificate_read(self, which: str, since: float, until: float, /) -> None:
        assert since < until
        self.certificates[which] = until


class Rig:
    """`leased` may be set to False: nothing may be sent any more."""

    def __init__(self, destination: DestinationSettings, secrets: Secrets) -> None:
        self.destination, self.secrets, self.heard, self.leased = destination, secrets, Heard(), True
        self.credentials: Credentials
        self.client: Client

    def send(self, url: str | None = None, **more: Any) -> "asyncio.Future[Answer]":
        """One request; its answer."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        request = Request(
            "POST", url or Endpoint(self.destination.url).url, (("X-Own", "1"),), b"{}"
        )._replace(**more)
        self.credentials.sender.send(request, answer.set_result)
        assert not answer.done()
        return answer


@asynccontextmanager
async def opened(
    url: str,
    files: Mapping[str, Path] | None = None,
    environ: Mapping[str, str] | None = None,
    every: float = 3600.0,
    fresh: float = FRESH_SECONDS,
    **said: Any,
) -> AsyncIterator[Rig]:
    """Credentials of a destination with these settings, which look at files `every` so many seconds."""
    destination = DestinationSettings(url=url, **said)
    rig = Rig(destination, secrets_of(destination, ()))
    rig.client = Client(destination, 8)
    rig.credentials = Credentials(
        destination,
        rig.client,
        files=files or {},
        secrets=rig.secrets,
        may_send=lambda: rig.leased,
        wall_clock=lambda: 1_440_938_160.0,
        chance=lambda: 0.5,
        environ=environ or {},
        every=every,
        fresh=fresh,
    )
    await rig.client.open(rig.heard)
    await rig.credentials.open(rig.heard)
    try:
        yield rig
    finally:
        await rig.credentials.close()
        await rig.client.close()

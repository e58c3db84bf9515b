"""Values that a schema registry frames: the rooms that their preparation takes, put together.

Promise: `run`, `preview` and `check` ask the same door, and without `record.value: registry` nothing of it is
there.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from processor.clock import Clock
from processor.config.settings import Settings
from processor.core.record.registry.answers import Away, Result
from processor.core.record.registry.schemas import Schemas, SchemasPolicy
from processor.formats.registry import made
from processor.model import Finding
from processor.telemetry.facts import Facts
from processor.traffic.preparation import Preparation
from processor.traffic.schemas.decoding import Decoder, Decoding
from processor.web.registry.door import Registry

_AWAY_NOW = frozenset((Result.UNREACHABLE, Result.UNANSWERED, Result.SERVER_ERROR, Result.THROTTLED))


class Framed:
    """The registry of one process, and what decodes values by its schemas."""

    def __init__(self, settings: Settings, *, missing_after: float | None = None) -> None:
        """`missing_after`: in place of the setting. Raises ConfigError."""
        section = settings.schema_registry
        self._framing = section.framing
        policy = section.policy()
        self._policy = policy if missing_after is None else SchemasPolicy(missing_after, policy.most)
        self._registry: Registry[Decoder] = Registry(
            section, partial(made, settings.format_policy()), files=settings.files, secrets=settings.secrets
        )

    async def open(self, facts: Facts) -> None:
        """Nothing is asked yet; `facts` are told of what is."""
        await self._registry.open(facts)

    async def close(self) -> None:
        await self._registry.close()

    def preparing(self, preparation: Preparation, clock: Clock, chance: Callable[[], float]) -> Decoding:
        """Who prepares these records; `preparation` prepares what they say."""
        schemas: Schemas[Decoder] = Schemas(self._policy)
        return Decoding(preparation, schemas, self._registry, self._framing, clock=clock, chance=chance)

    async def look(self) -> Finding:
        """Whether the registry answers, in words."""
        answer = await self._registry.greet()
        if not isinstance(answer, Away):
            return Finding("schema registry", True, f"{answer} answers /subjects")
        if answer.result is Result.FORBIDDEN:
            said = "it knows us, and does not let us list subjects: whether schemas may be read is not known"
            return Finding("schema registry", True, said)
        return Finding("schema registry", False, answer.reason, is_away=answer.result in _AWAY_NOW)


def refuse_unusable(settings: Settings) -> None:
    """Raise ConfigError for what of it cannot be used: files of TLS."""
    if settings.uses_registry:
        Framed(settings)


def find(settings: Settings) -> Finding:
    """Ask the registry, once."""

    async def looking() -> Finding:
        framed = Framed(settings)
        await framed.open(Facts())
        try:
            return await framed.look()
        finally:
            await framed.close()

    return asyncio.run(looking())

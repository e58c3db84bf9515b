"""A schema registry that fails at times, and the real rooms that ask it, around records that are framed."""

from functools import partial
from random import Random

from msgspec.structs import replace

from processor.core.record.frame import Frame, Schema
from processor.core.record.registry.answers import Away, Missing, Result
from processor.core.record.registry.schemas import Schemas, SchemasPolicy
from processor.model import Record
from processor.traffic.preparation import Held, Later, Preparing
from processor.traffic.preparation import Result as Prepared
from processor.traffic.schemas.decoding import Decoder, Decoding, Told
from tests.simulation.clock import Gate
from tests.simulation.preparation import SECONDS, Watcher
from tests.simulation.preparation import Told as Done
from tests.simulation.shape import Lateness

SCHEMAS = 5
MISSING_AFTER = 300.0
"""Longer than it is away: whatever is not there comes in time."""
_NO_FAILURES = (Result.FOUND, Result.MISSING)
FAILURES: tuple[Away | Missing, ...] = (
    *(Away(result, "it fails") for result in Result if result not in _NO_FAILURES),
    Missing("404"),
)


class Registry:
    """Answers after a while: with a schema or, while it is away, with anything else."""

    def __init__(self, lateness: Lateness, loop: Gate, chance: Random) -> None:
        self._lateness = lateness
        self._loop = loop
        self._chance = chance

    def fetch(self, schema: Schema, told: Told) -> None:
        """Answer later."""
        seconds = self._chance.choice(SECONDS[:-1]) * self._chance.random()
        self._loop.call_later(seconds, partial(self._answer, told))

    def _answer(self, told: Told) -> None:
        now = self._loop.world.now
        is_away = any(start <= now < end for start, end in self._lateness.away)
        if is_away:
            told(self._chance.choice(FAILURES))
        else:
            told(_payload)


class Framed:
    """Frames what it is asked for, and lets the real rooms prepare it; `real` prepares what is decoded."""

    def __init__(
        self, real: Preparing, lateness: Lateness, loop: Gate, chance: Random, watcher: Watcher
    ) -> None:
        self._watcher = watcher
        schemas: Schemas[Decoder] = Schemas(SchemasPolicy(MISSING_AFTER, most=3))
        registry = Registry(lateness, loop, chance)
        self._decoding = Decoding(
            _Decoded(real), schemas, registry, "confluent", clock=loop, chance=chance.random
        )

    def prepare(self, record: Record, done: Done) -> Prepared | Later:
        """At once, or later."""
        framed = record
        if record.value is not None:
            number = sum(record.value) % SCHEMAS
            framed = replace(record, value=b"\0" + number.to_bytes(4) + record.value)
        result = self._decoding.prepare(framed, lambda _, result: self._tell(record, result, done))
        if isinstance(result, Later):
            self._watcher.asks(record)
            return Later(partial(self._call_off, record, result))
        if isinstance(result, Held):
            self._watcher.held(record)
        return result

    def _tell(self, record: Record, result: Prepared, done: Done) -> None:
        self._watcher.prepared(record)
        if isinstance(result, Held):
            self._watcher.held(record)
        done(record, result)

    def _call_off(self, record: Record, later: Later) -> None:
        self._watcher.called_off(record)
        later.call_off()


class _Decoded:
    """Prepares records by the values that were decoded."""

    def __init__(self, real: Preparing) -> None:
        self._real = real

    def prepare(self, record: Record, done: Done) -> Prepared | Later:
        return self._real.prepare(record, done)

    def prepare_decoded(self, record: Record, value: bytes) -> Prepared:
        result = self._real.prepare(replace(record, value=value), _never)
        assert not isinstance(result, Later)
        return result


def _payload(frame: Frame) -> bytes:
    return frame.payload


def _never(record: Record, result: Prepared) -> None:
    raise AssertionError(record, result)

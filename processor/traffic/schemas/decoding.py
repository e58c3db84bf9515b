"""Decoding: values that name their schema in a registry, made events before they are prepared.

Promises: a record whose schema is known is answered for at once; one whose schema has to be asked for is
answered later, with all others that wait for the same, once it is there; while it is not to be had, each is
held. Only what `core/record/registry/schemas` gives up, and what is wrong in the record itself, is refused.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

from processor.clock import Clock
from processor.core.record.frame import HIGHEST_ID, Frame, Framing, Schema, read
from processor.core.record.registry.answers import Away, Missing
from processor.core.record.registry.schemas import Question, Schemas, Unavailable
from processor.errors import EventError
from processor.model import Record
from processor.traffic.preparation import Held, Later, Preparing, Result

HIGHEST_LONG_ID = 2**63 - 1

Decoder = Callable[[Frame], bytes]
"""The event in a frame, as JSON; raises EventError."""
Told = Callable[[Decoder | EventError | Missing | Away], None]


class SchemaSource(Protocol):
    """Where schemas come from."""

    def fetch(self, schema: Schema, told: Told) -> None:
        """Ask for one; `told` is called once, later, on the event loop."""


class PreparingDecoded(Preparing, Protocol):
    """Who prepares what a record says, once it was decoded."""

    def prepare_decoded(self, record: Record, value: bytes) -> Result:
        """What becomes of `record`, which says `value`."""
        ...


class _Waiting(NamedTuple):
    """A record whose schema has been asked for."""

    record: Record
    frame: Frame
    done: Callable[[Record, Result], None]


class Decoding:
    """Prepares records whose values are framed."""

    def __init__(
        self,
        preparation: PreparingDecoded,
        schemas: Schemas[Decoder],
        source: SchemaSource,
        framing: Framing,
        *,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        """`preparation` prepares what is decoded, and what has no value."""
        self._preparation = preparation
        self._schemas = schemas
        self._source = source
        self._framing = framing
        self._clock = clock
        self._chance = chance
        self._waiting: dict[Schema, dict[int, _Waiting]] = {}

    def prepare(self, record: Record, done: Callable[[Record, Result], None]) -> Result | Later:
        """What becomes of `record`, or that it is told later."""
        if record.value is None:
            return self._preparation.prepare(record, done)
        try:
            frame = read(record.value, record.headers, self._framing)
            _judge(frame.schema)
        except EventError as error:
            return error
        schema = frame.schema
        found = self._schemas.look(schema, self._clock.time())
        if not isinstance(found, Question):
            return self._result(record, frame, found)
        waiting = self._waiting.setdefault(schema, {})
        waiter = _Waiting(record, frame, done)
        waiting[id(waiter)] = waiter
        if found is Question.ASK:
            self._source.fetch(schema, partial(self._told, schema))
        return Later(partial(self._call_off, schema, id(waiter)))

    def _told(self, schema: Schema, answer: Decoder | EventError | Missing | Away) -> None:
        found = self._schemas.told(schema, answer, self._clock.time(), self._chance())
        waiting = self._waiting.get(schema, {})
        while waiting:  # one that is told may call off others
            record, frame, done = waiting.pop(next(iter(waiting)))
            done(record, self._result(record, frame, found))
        self._waiting.pop(schema, None)

    def _call_off(self, schema: Schema, number: int) -> None:
        self._waiting.get(schema, {}).pop(number, None)

    def _result(self, record: Record, frame: Frame, found: Decoder | EventError | Unavailable) -> Result:
        match found:
            case EventError():
                return found
            case Unavailable(reason):
                return Held(reason)
        try:
            value = found(frame)
        except EventError as error:
            return error
        return self._preparation.prepare_decoded(record, value)


def _judge(schema: Schema) -> None:
    """Refuse what no registry gives: it would be no number of an id to it, and so a wrong path."""
    highest = HIGHEST_ID if schema.kind == "id" else HIGHEST_LONG_ID
    if isinstance(schema.value, int) and schema.value > highest:
        raise EventError(
            "invalid_event", f"its frame names {schema}, and no registry gives ids above {highest}"
        )

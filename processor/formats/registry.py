"""Schemas of a registry made what decodes the frames that name them.

Promise: a schema of a kind that we do not know is refused by its name, as one that is wrong is; a value by a
JSON Schema is passed on as it is, where it is an object.
"""

from collections.abc import Callable

from processor.core.record.format import FormatPolicy
from processor.core.record.frame import Frame
from processor.core.record.registry.references import Whole
from processor.core.request.events import begins_object
from processor.errors import EventError
from processor.formats.decoding import PayloadDecoder, Reference, Schema, SchemaType, decoder


def made(policy: FormatPolicy, whole: Whole) -> Callable[[Frame], bytes]:
    """What makes the event of a frame. Raises EventError `invalid_schema`; it may take a second or two."""
    try:
        kind = SchemaType(whole.type)
    except ValueError:
        known = ", ".join(SchemaType)
        raise EventError(
            "invalid_schema", f"{whole.name} is written in {whole.type}, not in {known}"
        ) from None
    references = tuple(Reference(name, text) for name, text in whole.references.items())
    found = decoder(Schema(whole.text, kind, references), policy, name=whole.name)
    return _object(found) if kind is SchemaType.JSON else _event(found)


def _event(decoder: PayloadDecoder) -> Callable[[Frame], bytes]:
    decode = decoder.decode
    return lambda frame: decode(frame.payload, frame.rest)


def _object(decoder: PayloadDecoder) -> Callable[[Frame], bytes]:
    def event(frame: Frame) -> bytes:
        value = decoder.decode(frame.payload, frame.rest)
        if not begins_object(value):
            raise EventError("invalid_event", "the value is no JSON object")
        return value

    return event

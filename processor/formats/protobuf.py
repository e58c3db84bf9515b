"""Protobuf schemas made decoders: texts and descriptors, compiled together in memory."""

from collections.abc import Mapping

from processor.core.record.format import ProtobufPolicy
from processor.core.record.frame import message_indexes
from processor.core.record.protobuf.decoder import ProtobufDecoder
from processor.core.record.protobuf.descriptors import (
    as_set,
    descriptor_in,
    fault_of,
    files_in,
)
from processor.errors import EventError
from processor.formats.protoc import FILE, compiled


class FramedDecoder:
    """Makes JSON of the payloads of frames, which say which message of the schema they are."""

    def __init__(self, text: str, references: Mapping[str, str], policy: ProtobufPolicy, name: str) -> None:
        """Raises EventError `invalid_schema` that tells `name`."""
        self._decoder = ProtobufDecoder(_files(text, references, name), policy=policy, name=name)

    def decode(self, payload: bytes, rest: bytes | None = None, /) -> bytes:
        """A payload as JSON; both are a `Frame`'s. Raises EventError `invalid_event`."""
        if rest is None:
            indexes, at = message_indexes(payload)
            return self._decoder.decode(payload[at:], indexes)
        if rest:
            indexes, at = message_indexes(rest)
            if at != len(rest):
                raise EventError(
                    "invalid_event", "the header of the schema has bytes behind its message indexes"
                )
            return self._decoder.decode(payload, indexes)
        return self._decoder.decode(payload, self._decoder.only_message())


def _files(text: str, references: Mapping[str, str], name: str) -> list[bytes]:
    """The files of a .proto, each behind what it imports, whatever of them came as text."""
    file, texts, described = FILE, dict[str, str](), dict[str, bytes]()
    while file in references:
        file = f"_{file}"
    for each, content in {**references, file: text}.items():
        if (stored := descriptor_in(content)) is not None:
            if (fault := fault_of(stored)) is not None:
                raise EventError("invalid_schema", f"{name} {fault}")
            described[each] = stored
        else:
            texts[each] = content
    main = texts.pop(file, None)
    return files_in(compiled(main, texts, name=name, described=as_set(described), file=file))

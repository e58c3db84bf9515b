"""A schema file: the one schema of all values of the topics, made what decodes them.

Promise: a file that cannot be used is told as a fault of the configuration, with its place and remedy, before
a record is read. A .proto imports from its own folder, and what everybody has; a descriptor set has it all.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from processor.core.record.format import SchemaFilePolicy
from processor.errors import ConfigError, EventError, Problem

MOST_BYTES = 16 * 1024 * 1024
MOST_IMPORTS = 128
"""More than the compiler takes."""
MOST_NAMED = 5
"""Messages that a remedy lists."""
_FILE, _MESSAGE = "record.schema_file", "record.message"
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_IMPORT = re.compile(r"""\bimport\s+(?:public\s+|weak\s+)?["']([^"']+)["']\s*;""")

Decode = Callable[[bytes], bytes]
"""From a value to JSON. Raises EventError `invalid_event`."""


def decode_by(policy: SchemaFilePolicy | None) -> Decode | None:
    """What makes JSON of values; None: it is JSON that they are. Raises ConfigError."""
    if policy is None:
        return None
    path = Path(policy.path)
    try:
        return _avro(path, policy) if policy.format == "avro" else _protobuf(path, policy)
    except EventError as error:
        raise _wrong(error.message) from None


def _avro(path: Path, policy: SchemaFilePolicy) -> Decode:
    from processor.core.record.avro.decoder import Decoder

    return Decoder(_text(path, _content(path)), policy=policy.policy.avro, name=path.name).decode


def _protobuf(path: Path, policy: SchemaFilePolicy) -> Decode:
    from processor.formats.decoding import lacking

    if lack := lacking():
        raise ConfigError([Problem("record.value", f"protobuf {lack}")])
    from processor.core.record.protobuf.decoder import ProtobufDecoder
    from processor.core.record.protobuf.descriptors import files_in, of_message
    from processor.formats.protoc import FILE, NAME, compiled

    content = _content(path)
    if _BINARY.search(content):
        try:
            file = of_message(content, policy.message)
        except ValueError as error:
            raise _wrong(
                f"{path.name} {error}", "give a .proto or what protoc --descriptor_set_out writes"
            ) from None
        files = files_in(compiled(None, {}, name=path.name, described=content, file=file))
    else:
        text = _text(path, content)
        file = path.name if NAME.fullmatch(path.name) else FILE
        files = files_in(compiled(text, _imports(path.parent, text), name=path.name, file=file))
    decoder = ProtobufDecoder(files, policy=policy.policy.protobuf, name=path.name)
    indexes = _indexes(decoder.messages(), policy.message, path.name)
    return lambda value: decoder.decode(value, indexes)


def _indexes(messages: Mapping[str, tuple[int, ...]], wanted: str | None, file: str) -> tuple[int, ...]:
    """Where the message stands in its file."""
    named = ", ".join([*messages][:MOST_NAMED]) + (", …" if len(messages) > MOST_NAMED else "")
    if wanted is None and len(messages) == 1:
        return next(iter(messages.values()))
    if wanted is not None and wanted in messages:
        return messages[wanted]
    wrong = f"is no message of {file}: {wanted[:200]}" if wanted else f"is needed: {file} has several"
    raise ConfigError([Problem(_MESSAGE, wrong, f"write one of {named}")])


def _imports(folder: Path, text: str) -> dict[str, str]:
    """The texts that a .proto imports and that stand in its folder, with what these import."""
    found, waiting = dict[str, str](), _IMPORT.findall(text)
    while waiting and len(found) < MOST_IMPORTS:
        name = waiting.pop()
        file = folder / name
        if name in found or not file.is_file():
            continue
        found[name] = _text(file, _content(file))
        waiting += _IMPORT.findall(found[name])
    return found


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _wrong(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise _wrong(f"{path} has more than {MOST_BYTES} bytes")
    return content


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong(f"{path.name} is not UTF-8 text") from None


def _wrong(message: str, remedy: str = "") -> ConfigError:
    return ConfigError([Problem(_FILE, message, remedy)])

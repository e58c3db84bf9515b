"""The compiler of .proto texts: a text with what it imports, made the descriptors of its messages.

Promise: no file is written, and nothing is said but in the answer. Who calls waits, for milliseconds: it
belongs into a thread that may. Calls wait for each other: the compiler speaks to the process's stderr, which
is turned away from the log while it runs.
"""

import os
import re
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

from processor import stderr
from processor.errors import EventError
from processor.formats.depth import fault_of
from processor.formats.protos import CONFLUENT, GOOGLE

MOST_BYTES = 1024 * 1024
"""Of the texts."""
MOST_BLOCKS = 5_000
"""Braces that open."""
MOST_FILES = 101
"""Texts, each of which is an open descriptor for a moment: a hundred references, and who refers to them."""
MOST_DESCRIPTORS = 16 * 1024 * 1024
"""Bytes of what is described, and of what comes of it all."""
LONGEST_MESSAGE = 300
"""Characters of what the compiler says."""
FILE = "schema.proto"
"""The name of the text among those that it imports."""
_INCLUDED = Path(grpc_tools.__file__).parent / "_proto"
NAME = re.compile(r"(?![-/])(?!.*\.\.)[A-Za-z0-9_./+-]{1,255}")
"""What a file may be imported by: the compiler's arguments have signs of their own."""

_one_at_a_time = threading.Lock()


def compiled(
    text: str | None,
    imports: Mapping[str, str],
    *,
    name: str = "the schema",
    described: bytes = b"",
    file: str = FILE,
) -> bytes:
    """A FileDescriptorSet, each file behind what it imports. Raises EventError `invalid_schema`.

    `described`: a FileDescriptorSet of what is not there as text; where `text` is None, `file` is in it.
    """
    texts = imports if text is None else {**imports, file: text}
    _refuse_too_much(texts.values(), name)
    if len(described) > MOST_DESCRIPTORS:
        raise EventError("invalid_schema", f"{name} has more than {MOST_DESCRIPTORS} bytes")
    if wrong := [each for each in (file, *texts) if not NAME.fullmatch(each)]:
        raise EventError("invalid_schema", f"{name} has an import of no usable name: {wrong[0][:64]!r}")
    opened: list[int] = []
    try:
        sources = {
            each: _memory(opened, body.encode(errors="replace"))
            for each, body in {**CONFLUENT, **texts}.items()
        }
        out = _memory(opened)
        known = [f"--descriptor_set_in=/proc/self/fd/{_memory(opened, described)}"] if described else []
        arguments = [
            "protoc",
            *(f"-I{each}=/proc/self/fd/{fd}" for each, fd in sources.items()),
            f"-I{_INCLUDED}",
            f"-Igoogle={GOOGLE}",
            *known,
            f"--descriptor_set_out=/proc/self/fd/{out}",
            "--include_imports",
            file,
        ]
        said = _run(arguments, _memory(opened))
        if said is None and os.fstat(out).st_size <= MOST_DESCRIPTORS:
            return os.pread(out, MOST_DESCRIPTORS, 0)
        told = _in_words(said or "it comes to too many descriptors", sources)
        raise EventError("invalid_schema", f"{name} does not compile: {told}")
    finally:
        for fd in opened:
            os.close(fd)


def _refuse_too_much(texts: Collection[str], name: str) -> None:
    if sum(map(len, texts)) > MOST_BYTES or any(each.count("{") > MOST_BLOCKS for each in texts):
        raise EventError("invalid_schema", f"{name} has more than {MOST_BYTES} bytes or {MOST_BLOCKS} blocks")
    if len(texts) > MOST_FILES:
        raise EventError("invalid_schema", f"{name} has more than {MOST_FILES} imports")
    if fault := next(filter(None, map(fault_of, texts)), None):
        raise EventError("invalid_schema", f"{name} {fault}")


def _in_words(said: str, sources: Mapping[str, int]) -> str:
    lines = [line for line in said.splitlines() if line.startswith("/proc/self/fd/")]
    said = "\n".join(lines) or said
    for each, fd in sources.items():
        said = said.replace(f"/proc/self/fd/{fd}:", f"{each}:")
    return said[:LONGEST_MESSAGE]


def _run(arguments: list[str], err: int) -> str | None:
    """What the compiler says where it fails."""
    with _one_at_a_time, stderr.held():
        before = os.dup(stderr.DESCRIPTOR)
        os.dup2(err, stderr.DESCRIPTOR)
        try:
            failed = protoc.main(arguments)
        finally:
            os.dup2(before, stderr.DESCRIPTOR)
            os.close(before)
    return os.pread(err, 64 * 1024, 0).decode(errors="replace").strip() if failed else None


def _memory(opened: list[int], content: bytes = b"") -> int:
    fd = os.memfd_create("proto")
    opened.append(fd)
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(content)
    return fd

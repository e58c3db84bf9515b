"""Fuzzing of the decoders: `python -m tests.fuzzing --seconds 600`.

A child process goes through blocks, with little memory, and says where it is. It is judged here: by how it
ends, and by its silence. What is wrong is found again by its block (`--first N --blocks 1`).
"""

import argparse
import mmap
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.fuzzing.blocks import SCHEMA, block

ROOT = Path(__file__).parents[2]
MEMORY = 768 * 1024 * 1024
"""Bytes that the child may have beyond what it has after its imports."""
SILENCE_SECONDS = 60.0
"""How long one value or schema may take, on a machine that is busy with other things."""
_PLACE = struct.Struct("<qqqqqq")


class Place(NamedTuple):
    """Where the child is, when it came there, and what took longest of all so far, in its CPU time."""

    block: int = 0
    value: int = SCHEMA
    at_ns: int = 0
    slowest_ns: int = 0
    slowest_block: int = 0
    slowest_value: int = 0


class Outcome(NamedTuple):
    """How many blocks are whole, and what is wrong with the next: nothing, where all are well."""

    blocks: int
    wrong: str
    slowest: str = ""


def work(seed: int, blocks: range, seconds: float, file: Path) -> None:
    """What the child does: the blocks, one after another, for so long at most."""
    with file.open("r+b") as opened:
        shared = mmap.mmap(opened.fileno(), _PLACE.size)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
    place, until = Place(blocks.start, SCHEMA, time.thread_time_ns()), time.monotonic() + seconds

    def say(value: int) -> None:
        nonlocal place
        now = time.thread_time_ns()
        slowest = place[3:]
        if now - place.at_ns > place.slowest_ns:
            slowest = (now - place.at_ns, place.block, place.value)
        place = Place(number, value, now, *slowest)
        _PLACE.pack_into(shared, 0, *place)

    for number in blocks:
        block(seed, number, say)
        if time.monotonic() > until:
            return


def fuzz(seed: int, blocks: range, seconds: float) -> Outcome:
    """Let a child go through the blocks."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(_PLACE.pack(*Place(blocks.start)))
        file.flush()
        asked = {"seed": seed, "first": blocks.start, "blocks": len(blocks), "seconds": seconds}
        words = [f"--{name}={value}" for name, value in {**asked, "work": file.name}.items()]
        command = [sys.executable, "-m", "tests.fuzzing", *words]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as child:
            told = _watch(child, Path(file.name))
        place = Place(*_PLACE.unpack(Path(file.name).read_bytes()))
    slowest = f"{place.slowest_ns / 1e9:.2f} s, {_named(seed, place.slowest_block, place.slowest_value)}"
    if child.returncode == 0:
        return Outcome(place.block - blocks.start + 1, "", slowest)
    ended = signal.Signals(-child.returncode).name if child.returncode < 0 else f"status {child.returncode}"
    wrong = f"{_named(seed, place.block, place.value)}: {ended}\n{told[-2000:]}"
    return Outcome(place.block - blocks.start, wrong, slowest)


def _named(seed: int, number: int, value: int) -> str:
    return f"seed {seed}, block {number}, {'a schema' if value == SCHEMA else f'value {value}'}"


def _watch(child: subprocess.Popen[str], file: Path) -> str:
    """Wait for its end, or for its silence, and end it then; what it said."""
    before = b""
    while True:
        try:
            return child.communicate(timeout=SILENCE_SECONDS)[1]
        except subprocess.TimeoutExpired:
            if (now := file.read_bytes()) == before:
                child.kill()
                return "silent\n" + child.communicate()[1]
            before = now


def main(words: Sequence[str] | None = None) -> int:
    """The exit status: 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the first block")
    parser.add_argument("--blocks", type=int, default=10**9)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    blocks = range(asked.first, asked.first + asked.blocks)
    if asked.work:
        work(asked.seed, blocks, asked.seconds, asked.work)
        return 0
    outcome = fuzz(asked.seed, blocks, asked.seconds)
    print(f"{outcome.blocks} blocks are well; what took longest: {outcome.slowest}\n{outcome.wrong}".strip())
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

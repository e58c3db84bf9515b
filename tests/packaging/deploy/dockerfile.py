"""A Dockerfile as its stages, and the files that its context holds.

Knows what ours uses: instructions over several lines, comments, ARG with a default, exec and shell form,
flags. Anything else is refused, so that no step is passed over unseen.
"""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

NAMES = (
    "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN",
    "STOPSIGNAL", "USER", "WORKDIR",
)  # fmt: skip


class Instruction(NamedTuple):
    """One instruction: its flags (`--from=build` as `from`), and what stands behind them."""

    name: str
    flags: dict[str, str]
    text: str

    @property
    def words(self) -> list[str]:
        """The arguments of exec form, or the words of the text."""
        return [*map(str, json.loads(self.text))] if self.is_exec_form else shlex.split(self.text)

    @property
    def is_exec_form(self) -> bool:
        """Whether it needs no shell."""
        return self.text.startswith("[")

    @property
    def pairs(self) -> dict[str, str]:
        """The `name=value` of LABEL and ENV."""
        return dict(word.split("=", 1) for word in self.words)


class Stage(NamedTuple):
    """What stands behind one FROM; `name` is empty where it has none."""

    base: str
    name: str
    steps: tuple[Instruction, ...]

    def all(self, name: str) -> list[Instruction]:
        """The instructions of this name."""
        return [step for step in self.steps if step.name == name]

    def the(self, name: str) -> Instruction:
        """The only instruction of this name."""
        (step,) = self.all(name)
        return step


def read(text: str) -> list[Stage]:
    """The stages, with the defaults of ARG put in."""
    arguments: dict[str, str] = {}
    stages: list[tuple[list[str], list[Instruction]]] = []
    for name, flags, said in _instructions(text):
        if name == "ARG":
            argument, _, default = said.partition("=")
            arguments[argument] = default
            continue
        step = Instruction(name, flags, _filled(said, arguments))
        if name == "FROM":
            stages.append((step.words, []))
        else:
            stages[-1][1].append(step)
    return [Stage(words[0], words[2] if words[1:] else "", tuple(steps)) for words, steps in stages]


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in filter(str.strip, re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()):
        name, _, said = line.partition(" ")
        if name not in NAMES:
            raise ValueError(f"not understood: {line}")
        flags = {}
        while match := re.match(r"--([\w-]+)=(\S+)\s+", said):
            flags[match[1]] = match[2]
            said = said[match.end() :]
        if name == "HEALTHCHECK":
            said = said.removeprefix("CMD ")
        yield Instruction(name, flags, said.strip())


def _filled(text: str, arguments: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], text)


def ignored(patterns: Sequence[str], path: str) -> bool:
    """Whether a .dockerignore keeps `path` out: the last pattern decides that names it or a folder above."""
    is_out = False
    for pattern in patterns:
        if re.fullmatch(_expression(pattern.removeprefix("!")) + "(/.*)?", path):
            is_out = not pattern.startswith("!")
    return is_out


def context(root: Path) -> list[str]:
    """The files below `root` that the builder gets to see, in order."""
    patterns = [
        line.strip()
        for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    kept = [pattern.removeprefix("!").split("/")[0] for pattern in patterns if pattern.startswith("!")]
    tops = [each for each in root.iterdir() if each.name in kept or not ignored(patterns, each.name)]
    files = [path for top in tops for path in (top, *top.rglob("*")) if path.is_file()]
    names = [path.relative_to(root).as_posix() for path in files]
    return sorted(name for name in names if not ignored(patterns, name))


def _expression(pattern: str) -> str:
    """The regular expression of a pattern: `*` stays within a name, `**` does not."""
    parts = re.split(r"(\*\*/|\*)", pattern.strip("/"))
    return "".join({"**/": "(.*/)?", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts)

"""The quick loop: ruff, mypy, and every unit test that costs little, in two processes side by side.

Left out is what is marked `slow`, and of the examples of a property nine tenths. Arguments go to pytest,
for both halves. It says whether a change is worth the whole suite, and stands in for nothing.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence

from tests.__main__ import DECISIONS, QUICK, run, worse

LOOKS = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))
UNIT = "tests/unit"
OURS = (DECISIONS, "tests/unit/config")
"""One half, with linters and types before it; all others, which take as long, are the other."""
_PYTEST = ("-m", "pytest", "-q", *QUICK)


def main(arguments: Sequence[str]) -> int:
    """The exit status: the worst of all."""
    ours, others = halves()
    with tempfile.TemporaryFile() as told:
        beside = subprocess.Popen(
            [sys.executable, *_PYTEST, *arguments, *others], stdout=told, stderr=subprocess.STDOUT
        )
        statuses = [run("-m", *look) for look in LOOKS]
        statuses += [run(*_PYTEST, *arguments, *ours), beside.wait()]
        told.seek(0)
        sys.stdout.buffer.write(told.read())
        sys.stdout.flush()
    return worse(*statuses)


def halves() -> tuple[list[str], list[str]]:
    """What each process is asked for: all unit tests, each once."""
    return list(OURS), [UNIT, *(f"--ignore={place}" for place in OURS)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The whole suite in two processes side by side: what mostly waits, and what mostly computes.

What waits goes first where both want a core, since it is about time. Arguments go to pytest, for both;
where they name tests, one process runs those alone. Coverage is that of what computes, where the tests
of decisions are: when all of them have run and passed, no branch of a decision may be left.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

WAITING = ("tests/acceptance", "tests/benchmarks", "tests/faults", "tests/broker")
STEP_BACK = 2
"""How nice the other half is: more, and where others want the cores too it gets none for hours."""
NOTHING_COLLECTED = 5
_COVERED = ("-m", "coverage", "run", "-m", "pytest")
_GATE = ("-m", "coverage", "report", "--include=processor/core/*", "--fail-under=100")
_PART = (
    "-k",
    "-m",
    "-x",
    "--lf",
    "--last-failed",
    "--sw",
    "--stepwise",
    "--maxfail",
    "--deselect",
    "--ignore",
    "--co",
)
"""How options begin that leave tests out."""


def main(arguments: Sequence[str]) -> int:
    """The exit status: pytest's, the worse of two."""
    if any(Path(argument.partition("::")[0]).exists() for argument in arguments):
        return run(*_COVERED, *arguments)
    with tempfile.TemporaryFile() as told:
        waiting = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, *WAITING],
            stdout=told,
            stderr=subprocess.STDOUT,
        )
        os.nice(STEP_BACK)
        computing = run(*_COVERED, *arguments, *(f"--ignore={place}" for place in WAITING))
        status = worse(waiting.wait(), computing)
        told.seek(0)
        sys.stdout.buffer.write(told.read())
        sys.stdout.flush()
    return status or (0 if is_part(arguments) else run(*_GATE))


def is_part(arguments: Sequence[str]) -> bool:
    """Whether tests are left out, so that their coverage says nothing."""
    return any(argument.startswith(_PART) for argument in arguments)


def worse(*statuses: int) -> int:
    """One exit status for several; a half in which no test was selected does not count."""
    ran = [status for status in statuses if status != NOTHING_COLLECTED]
    return max(map(abs, ran), default=NOTHING_COLLECTED)


def run(*arguments: str) -> int:
    """The exit status of Python with these arguments."""
    return subprocess.run([sys.executable, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

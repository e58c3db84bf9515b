"""The whole suite in processes side by side: parts that mostly wait, and parts that mostly compute.

What waits goes first where all want a core, since it is about time. Arguments go to pytest, for each part;
where they name tests, one process runs those alone. Where no test is left out, the tests of decisions that
the quick loop has run once more at the end, under coverage: no branch of a decision may be left. All tests
would take three times as long under it, and leave nothing to be seen that these leave.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

WAITING = (
    ("tests/acceptance",),
    ("tests/broker", "tests/servers"),
    ("tests/faults", "tests/benchmarks"),
)
COMPUTING = (("tests/browser", "tests/differential", "tests/fuzzing", "tests/packaging", "tests/simulation"),)
"""The other part that computes is whatever stands in none of these."""
STEP_BACK = 2
"""How nice what computes is: more, and where others want the cores too it gets none for hours."""
NOTHING_COLLECTED = 5
DECISIONS = "tests/unit/core"
_PLUGINS = ("-p", "no:cacheprovider", "-p", "tests.support.garbage")
QUICK = (*_PLUGINS, "--hypothesis-profile=quick", "-m", "not slow")
"""What makes a run of tests a quick one."""
_COVERED = ("-m", "coverage", "run", "-m", "pytest", *QUICK)
_GATE = ("-m", "coverage", "report", "--include=processor/core/*", "--fail-under=100")
_LEAVES_OUT = (
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
    """The exit status: pytest's, the worst of all."""
    if any(Path(argument.partition("::")[0]).exists() for argument in arguments):
        return run("-m", "pytest", *arguments)
    apart = [place for part in (*WAITING, *COMPUTING) for place in part]
    with ExitStack() as told:
        beside = [told.enter_context(Part([*arguments, *part])) for part in WAITING]
        os.nice(STEP_BACK)
        beside += [told.enter_context(Part([*arguments, *part])) for part in COMPUTING]
        last = [run("-m", "pytest", *arguments, *(f"--ignore={place}" for place in apart))]
        if not is_part(arguments):
            last.append(run(*_COVERED, *arguments, DECISIONS))
        status = worse(*last, *(part.told() for part in beside))
    return status or (0 if is_part(arguments) else run(*_GATE))


class Part:
    """A part that runs beside others, and is heard once it has ended."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the part
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            stdout=self._said,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._said.close()

    def told(self) -> int:
        """Its exit status, once what it said is printed."""
        status = self._process.wait()
        self._said.seek(0)
        sys.stdout.buffer.write(self._said.read())
        sys.stdout.flush()
        return status


def is_part(arguments: Sequence[str]) -> bool:
    """Whether tests are left out, so that their coverage says nothing."""
    return any(argument.startswith(_LEAVES_OUT) for argument in arguments)


def worse(*statuses: int) -> int:
    """One exit status for several; a part in which no test was selected does not count."""
    ran = [status for status in statuses if status != NOTHING_COLLECTED]
    return max(map(abs, ran), default=NOTHING_COLLECTED)


def run(*arguments: str) -> int:
    """The exit status of Python with these arguments."""
    return subprocess.run([sys.executable, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

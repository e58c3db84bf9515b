"""Builds every peer that is not built; exit status 1 if one could not be."""

import sys

from tests.benchmarks.peers import version
from tests.benchmarks.peers.build import PROGRAMS, CannotBuildError, build


def main() -> int:
    """Build all that can be built, whatever becomes of the others."""
    failed = 0
    for name, program in PROGRAMS.items():
        try:
            build(program)
        except CannotBuildError as error:
            failed = 1
            print(f"{name}: {error}", file=sys.stderr)
        else:
            print(f"{name}: {version(name)}")
    return failed


if __name__ == "__main__":
    sys.exit(main())

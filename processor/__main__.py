"""python -m processor, and the installed command: what is urgent first, then all the rest."""

import signal
import sys

from processor import startup


def main() -> None:
    """The entry point of the command."""
    startup.prepare(sys.argv)
    try:
        from processor.cli.commands import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()

"""A terminal for tests."""

import os

from tests.support.not_tested import not_tested


def open_terminal() -> tuple[int, int]:
    """Its two ends: ours, and that of a program which takes it for a terminal."""
    try:
        return os.openpty()
    except OSError as error:
        not_tested(f"on a terminal: this machine gives none ({error.strerror}); mount devpts on /dev/pts")

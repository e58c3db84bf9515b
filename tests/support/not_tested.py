"""What cannot be tested on this machine: it is skipped, and said in red at the end of the run.

With CI=true it fails instead: a skip that nobody reads would pass for a tested release. What is
optional is skipped there too. `pyproject.toml` loads this module as a plugin.
"""

import os
from typing import NoReturn

import pytest

_said: dict[str, None] = {}
"""Every reason once, in order."""


def left_out(why: str) -> None:
    """Say at the end of the run that a test, which goes on, leaves something out here."""
    _said[why] = None


def not_tested(why: str, *, optional: bool = False) -> NoReturn:
    """Skip the test that asks; `why` says what is missing, and what to install."""
    _said[why] = None
    if os.environ.get("CI") == "true" and not optional:
        pytest.fail(why, pytrace=False)
    pytest.skip(f"NOT TESTED: {why}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each reason."""
    for why in _said:
        terminalreporter.write_line(f"NOT TESTED: {why}", red=True, bold=True)

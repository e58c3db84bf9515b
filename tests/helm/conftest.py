"""Tools that the tests of the chart need and the machine may not have.

Where one is missing its tests are skipped, which the end of the run says; with CI=true they fail.
"""

import os
from typing import NoReturn

import pytest

from tests.helm import crds


@pytest.fixture(scope="session")
def custom_resources() -> crds.Judges:
    """The schemas of KEDA's and the Prometheus operator's objects."""
    if why := crds.absent():
        give_up(why)
    return crds.judges()


def give_up(why: str) -> NoReturn:
    """Skip, loudly; fail where nobody would read it."""
    if os.environ.get("CI") == "true":
        pytest.fail(why, pytrace=False)
    pytest.skip(f"NOT TESTED: {why}")

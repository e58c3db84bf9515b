"""Tools that the tests of the chart need and the machine may not have."""

import pytest

from tests.packaging.helm import crds
from tests.support.not_tested import not_tested


@pytest.fixture(scope="session")
def custom_resources() -> crds.Judges:
    """The schemas of KEDA's and the Prometheus operator's objects."""
    if why := crds.absent():
        not_tested(why)
    return crds.judges()

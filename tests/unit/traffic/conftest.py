"""Facts go up and values down: no room is called again before it has returned, whatever happens."""

from collections.abc import Iterator

import pytest

from processor.traffic import delivery, dispatch, pipeline, unprepared
from tests.support.examples import is_quick
from tests.support.stacks import Stacks


@pytest.fixture
def nothing_is_reentered() -> Iterator[None]:
    """Of the rooms through which a record goes; no quick run watches them, which would take twice as long."""
    if is_quick():
        yield
        return
    with Stacks(delivery, dispatch, pipeline, unprepared).watched() as stacks:
        yield
    assert not stacks.reentered

"""Rubbish is looked for among what tests made, not among thousands of tests: a fifth of a quick run.

`make quick` loads this module as a plugin. The whole suite does not: there an object that is left over has to
tell of itself as soon as it can.
"""

import gc

import pytest

ALLOCATED = 50_000
"""Objects between two looks; Python's own number is 700."""


def pytest_collection_finish(session: pytest.Session) -> None:
    """All that is there by now stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATED)

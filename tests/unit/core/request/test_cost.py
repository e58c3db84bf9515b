"""No event costs more than a stated multiple of a plain one of its size, and its cost is linear in its size.

The shapes are those of `python -m tests.benchmarks.shapes`, which says what they cost. The bounds here are
wide: the dearest shape is at a quarter of them, what they are to find costs a hundred times more.
"""

import pytest

from processor.core.request.transform import Method
from tests.benchmarks.shapes import SHAPES, costs, plain

pytestmark = pytest.mark.slow

KIB = 1024
SIZES = (16 * KIB, 64 * KIB, 1024 * KIB)
RATIO = 600
"""An event may cost so many times what a plain one of its size costs, a smaller one as one of 64 KiB."""
GROWTH = 8 * 1024 / 64
"""A megabyte may cost eight times as much by the byte as 64 KiB do: they fit into a cache."""


@pytest.fixture(scope="module")
def usual() -> dict[int, float]:
    """What plain events cost."""
    measured = dict(zip(SIZES, costs(plain, Method.POST, SIZES, tries=7), strict=True))
    return measured | {SIZES[0]: measured[SIZES[1]]}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("method", [Method.POST, Method.GET])
def test_a_hostile_event_costs_a_bounded_multiple_of_a_plain_one(
    name: str, method: Method, usual: dict[int, float]
) -> None:
    measured = {}
    for size, measured[size] in zip(SIZES, costs(SHAPES[name], method, SIZES, tries=2), strict=True):
        assert measured[size] < RATIO * usual[size], f"{size} bytes"
    assert measured[SIZES[2]] < GROWTH * max(measured[SIZES[1]], usual[SIZES[1]])

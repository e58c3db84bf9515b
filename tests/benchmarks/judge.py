"""What receipts tell: what was lost, repeated, out of order; and what a row of numbers comes to."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tests.benchmarks.receipts import Receipt


class Verdict(NamedTuple):
    """How often a promise was broken, in events.

    `lost`: never settled. `duplicated`: settled more than once. `disordered`: settled first after a later
    event of the same key.
    """

    lost: int
    duplicated: int
    disordered: int


def judge(rows: Iterable[Receipt], events: int, key: Callable[[int], int], every: int = 1) -> Verdict:
    """Judge all requests of a run, in the order of arrival; an event is settled by all but 503.

    Raises ValueError where one arrives that was to be left out: all but every `every`th.
    """
    times = bytearray(events)
    latest: dict[int, int] = {}
    disordered = 0
    for number, status, *_ in rows:
        if status == 503:
            continue
        if number % every:
            raise ValueError(f"event {number} was to be left out")
        times[number] = min(times[number] + 1, 255)
        if times[number] == 1:
            before = latest.get(key(number), -1)
            disordered += number < before
            latest[key(number)] = max(number, before)
    wanted = times[::every]
    lost = wanted.count(0)
    return Verdict(lost, len(wanted) - lost - wanted.count(1), disordered)


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that at least this share (0 to 1) of the values does not exceed."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]

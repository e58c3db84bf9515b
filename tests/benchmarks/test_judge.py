"""What is planted in receipts is found in them, and nothing else."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.fed import latencies
from tests.benchmarks.judge import Verdict, judge, percentile
from tests.benchmarks.receipts import Receipt, Receipts

EVENTS, KEYS = 1_000, 10


def rows(numbers: Sequence[int], status: int = 200) -> list[Receipt]:
    """Receipts one after the other."""
    return [Receipt(number, status, at, at + 1) for at, number in enumerate(numbers)]


def verdict(numbers: Sequence[int]) -> Verdict:
    """Over EVENTS events of KEYS keys."""
    return judge(rows(numbers), EVENTS, lambda number: number % KEYS)


def test_a_run_without_fault_has_a_clean_verdict() -> None:
    assert verdict(range(EVENTS)) == (0, 0, 0)


def test_a_planted_loss_is_found() -> None:
    assert verdict([number for number in range(EVENTS) if number not in (5, 999)]) == (2, 0, 0)


def test_a_planted_duplicate_is_counted_as_one_event_and_is_no_disorder() -> None:
    assert verdict([*range(EVENTS), 17, 17, 17, 18]) == (0, 2, 0)


def test_a_planted_disorder_is_found_within_a_key_only() -> None:
    assert verdict([10, 0, *range(1, 10), *range(11, EVENTS)]) == (0, 0, 1)
    assert verdict([1, 0, *range(2, EVENTS)]) == (0, 0, 0)


def test_every_event_that_came_after_a_later_one_of_its_key_counts() -> None:
    assert verdict([30, 0, 10, 20, *(n for n in range(EVENTS) if n not in (0, 10, 20, 30))]) == (0, 0, 3)


def test_what_was_to_be_left_out_is_not_lost_and_must_not_arrive() -> None:
    left = list(range(0, EVENTS, 10))
    assert judge(rows([*left[:-1], 0]), EVENTS, lambda number: number % KEYS, every=10) == (1, 1, 0)
    with pytest.raises(ValueError, match="event 7 was to be left out"):
        judge(rows([0, 7]), EVENTS, lambda number: number % KEYS, every=10)


def test_an_answer_of_503_settles_nothing_and_one_of_400_does() -> None:
    planted = [*rows([0], 503), *rows([10], 400), *rows([0])]
    assert judge(planted, 11, lambda number: number % KEYS) == (9, 0, 1)


def test_receipts_are_read_as_they_were_written(tmp_path: Path) -> None:
    with Receipts.create(tmp_path / "receipts", 10) as receipts:
        receipts.write(rows([3, 1]))
        assert list(receipts.rows()) == rows([3, 1])
        assert receipts.settled() == 2


def test_a_percentile_is_the_least_value_that_covers_the_share() -> None:
    values = list(range(100, 0, -1))
    assert [percentile(values, share) for share in (0.5, 0.99, 1)] == [50, 99, 100]
    assert percentile([7], 0.99) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@given(st.lists(st.integers(), min_size=1), st.integers(1, 100))
def test_a_percentile_covers_its_share_and_no_smaller_value_does(values: list[int], percent: int) -> None:
    found = percentile(values, percent / 100)
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_a_latency_is_told_from_the_call_and_from_the_acknowledgement() -> None:
    called, acknowledged = [0, 10_000_000], [2_000_000, 13_000_000]
    planted = [Receipt(0, 200, 3_000_000, 4_000_000), Receipt(1, 200, 15_000_000, 17_000_000)]
    found = latencies(planted, called, acknowledged)
    assert (found["request_p50"], found["request_p99"]) == (3, 5)
    assert (found["request_after_ack_p50"], found["request_after_ack_p99"]) == (1, 2)
    assert (found["end_to_end_p50"], found["end_to_end_p99"]) == (4, 7)

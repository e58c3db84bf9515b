"""How long the thread that reads may wait."""

from processor.kafka.partitions.patience import LEAST_SECONDS, Patience


def test_what_is_left_is_what_was_not_used_and_a_moment_for_each_question_after_that() -> None:
    clock = [100.0]
    patience = Patience(20.0, lambda: clock[0])
    assert (patience.at_most(5.0), patience.at_most(30.0), patience.is_over) == (5.0, 20.0, False)
    clock[0] += 17.0
    assert (patience.at_most(5.0), patience.is_over) == (3.0, False)
    clock[0] += 17.0
    assert (patience.at_most(5.0), patience.is_over) == (LEAST_SECONDS, True)

"""The ledger sees what it is there to see: every fault that it has a name for, planted in a clean run."""

from array import array
from collections.abc import Callable

import pytest

from processor.core.progress.offset_codec import Span, encode
from tests.faults.events import Fate, Plan, number_of
from tests.faults.ledger import Commit, Fault, Ledger
from tests.faults.receipts import Outcome, Receipts

PLAN = Plan(7, 400, keys=20)
MINE, OTHERS = 1, 2


class Run:
    """A clean run on one partition, one request after the other, a millisecond each; then something else."""

    def __init__(self) -> None:
        self.ledger = Ledger(PLAN)
        self.receipts = Receipts()
        self.corrupt: list[tuple[int, str]] = []
        self.now = 0

    def request(self, n: int, outcome: Outcome | None = None, member: int = MINE) -> int:
        """One request, as the fate of its event has it."""
        row = self.begin(n, member)
        self.receipts.end(row, settling(n) if outcome is None else outcome, self.now)
        return row

    def begin(self, n: int, member: int = MINE) -> int:
        """One request, under way."""
        self.now += 1
        return self.receipts.begin(n, member, self.now)

    def commit(self, offset: int, finished: tuple[Span, ...] = ()) -> None:
        """A commit, written down."""
        self.now += 1
        self.ledger.committed(Commit(self.now, 0, offset, encode(offset, finished)[0]))

    def fault(self, kind: str, member: int = MINE, seconds: int = 1) -> None:
        """A fault, and the time it takes."""
        excuses = kind != "SIGTERM"
        self.ledger.fault(Fault(kind, member, self.now, self.now + 1000 * seconds, excuses))
        self.now += 1000 * seconds

    def counts(self) -> dict[str, int]:
        """The verdicts."""
        self.ledger.received(self.receipts, self.corrupt)
        self.verdict = self.ledger.judge()
        return dict(self.verdict.counts)


def settling(n: int) -> Outcome:
    """How the one request for an event ends that the endpoint does as asked."""
    return Outcome.REFUSED if PLAN.fate(n) is Fate.POISON else Outcome.ACCEPTED


def clean(left_out: Callable[[int], bool] = lambda _: False, first: int = 0, end: int = PLAN.events) -> Run:
    """A run in which every event but some is produced, received, and committed or dead-lettered."""
    run = Run()
    for n in range(PLAN.events):
        run.ledger.produced(n, 0, n)
    deliver(run, first, end, left_out)
    if end == PLAN.events:
        run.commit(PLAN.events)
    return run


def deliver(run: Run, first: int, end: int, left_out: Callable[[int], bool] = lambda _: False) -> None:
    """One request for each of these, and its dead letter."""
    for n in range(first, end):
        if not left_out(n):
            run.request(n)
            if PLAN.fate(n) is Fate.POISON:
                run.ledger.dead_lettered(n, "refused")


def of_fate(fate: Fate) -> int:
    """The first event with this fate."""
    return next(n for n in range(PLAN.events) if PLAN.fate(n) is fate)


def of_one_key() -> tuple[int, int]:
    """Two events of a key, the earlier one first."""
    first = of_fate(Fate.PLAIN)
    return first, next(n for n in range(first + 1, PLAN.events) if PLAN.key(n) == PLAN.key(first))


PLAIN, POISON = of_fate(Fate.PLAIN), of_fate(Fate.POISON)


def test_a_clean_run_has_no_findings() -> None:
    run = clean()
    assert run.counts() == {}
    assert run.verdict.letters == {"refused": sum(PLAN.fate(n) is Fate.POISON for n in range(400))}
    assert run.ledger.issued() == 400


def test_an_event_that_was_committed_and_never_sent_is_lost() -> None:
    assert clean(lambda n: n == PLAIN).counts() == {"lost": 1}


def test_an_event_whose_offset_stands_in_the_metadata_and_was_never_sent_is_lost() -> None:
    run = clean(lambda n: n in (100, 200), end=300)
    run.commit(100, (Span(101, 300),))
    assert run.counts()["lost"] == 1


def test_a_refused_event_without_a_dead_letter_is_lost() -> None:
    run = clean(lambda n: n == POISON)
    run.request(POISON)
    assert run.counts()["lost"] == 1


def test_an_event_that_was_only_put_off_is_lost_when_it_was_committed() -> None:
    run = clean(lambda n: n == PLAIN)
    run.request(PLAIN, Outcome.BUSY)
    assert run.counts() == {"lost": 1}


def test_what_is_not_committed_at_the_end_is_unseen_and_its_partition_stuck() -> None:
    assert clean(end=390).counts() == {"unseen": 10, "stuck": 1}


def test_an_event_sent_again_without_a_reason_is_a_duplicate() -> None:
    run = clean(end=100)
    run.request(PLAIN)
    deliver(run, 100, 400)
    run.commit(400)
    assert run.counts() == {"duplicate": 1}


def test_an_event_sent_again_after_it_was_committed_is_a_duplicate_whatever_happened() -> None:
    run = clean(end=100)
    run.commit(100)
    run.fault("SIGKILL")
    run.request(PLAIN, member=OTHERS)
    deliver(run, 100, 400)
    run.commit(400)
    assert run.counts() == {"duplicate": 1}


def test_an_event_finished_in_the_metadata_is_not_to_be_sent_again() -> None:
    run = clean(lambda n: n == 50, end=100)
    run.commit(50, (Span(51, 100),))
    run.fault("SIGKILL")
    run.request(60, member=OTHERS)
    assert run.counts()["duplicate"] == 1


def test_a_kill_explains_what_was_finished_just_before_it_and_is_counted() -> None:
    run = clean(end=100)
    run.fault("SIGKILL")
    for n in range(90, 100):
        run.request(n, member=OTHERS)
    deliver(run, 100, 400)
    run.commit(400)
    assert run.counts() == {}
    assert (run.verdict.repeats, run.verdict.allowed) == (10, 100)
    assert [bound.repeats for bound in run.verdict.bounds] == [10]


@pytest.mark.parametrize("kind", ["SIGTERM", "SIGKILL"])
def test_a_stop_by_sigterm_or_the_death_of_another_explains_nothing(kind: str) -> None:
    run = clean(end=100)
    run.fault(kind, MINE if kind == "SIGTERM" else OTHERS)
    run.request(PLAIN, member=OTHERS)
    deliver(run, 100, 400)
    run.commit(400)
    assert run.counts() == {"duplicate": 1}


def test_a_kill_does_not_explain_what_was_finished_long_before_it() -> None:
    run = clean(end=100)
    run.now += 6000
    run.fault("SIGKILL")
    run.request(PLAIN, member=OTHERS)
    deliver(run, 100, 400)
    run.commit(400)
    assert run.counts() == {"duplicate": 1}


def test_a_frozen_member_that_sends_on_after_it_was_replaced_makes_a_duplicate() -> None:
    run = clean(end=100)
    run.fault("SIGSTOP", seconds=5)
    deliver(run, 100, 200)
    run.receipts.member[100:200] = array("H", [OTHERS] * 100)
    run.request(150, member=MINE)
    deliver(run, 200, 400)
    run.commit(400)
    assert run.counts() == {"duplicate": 1}


def test_a_second_request_after_an_ambiguous_answer_is_no_duplicate_and_a_third_one_is() -> None:
    n = of_fate(Fate.AMBIGUOUS)
    run = clean(lambda other: other == n, end=n + 1)
    run.request(n, Outcome.AMBIGUOUS)
    run.request(n)
    deliver(run, n + 1, 400)
    run.commit(400)
    assert (run.counts(), run.verdict.ambiguous_repeats) == ({}, 1)
    run.request(n)
    assert run.counts() == {"duplicate": 1}


def test_a_first_delivery_after_a_later_event_of_its_key_is_reordered() -> None:
    first, second = of_one_key()
    run = clean(lambda n: n == first, end=second + 1)
    run.request(first)
    deliver(run, second + 1, 400)
    run.commit(400)
    assert run.counts() == {"reordered": 1}


def test_two_of_a_key_under_way_together_are_an_overlap() -> None:
    first, second = of_one_key()
    run = clean(lambda n: n in (first, second))
    row, other = run.begin(first), run.begin(second)
    run.receipts.end(row, Outcome.ACCEPTED, run.now)
    run.receipts.end(other, Outcome.ACCEPTED, run.now)
    assert run.counts()["overlap"] == 1


def test_a_request_of_a_killed_member_that_is_still_under_way_is_no_overlap() -> None:
    first, _ = of_one_key()
    run = clean(end=first)
    row = run.begin(first)
    run.fault("SIGKILL")
    run.request(first, member=OTHERS)
    run.receipts.end(row, Outcome.LEFT, run.now)
    deliver(run, first + 1, 400)
    run.commit(400)
    assert run.counts() == {}


def test_what_nobody_produced_is_unissued() -> None:
    run = clean()
    run.request(PLAN.events + 5, Outcome.ACCEPTED)
    assert run.counts() == {"unissued": 1}


def test_what_is_not_as_it_was_produced_is_corrupt() -> None:
    run = clean()
    run.corrupt.append((5, "{}"))
    assert run.counts() == {"corrupt": 1}


def test_a_committed_offset_that_goes_back_is_a_regress() -> None:
    run = clean(end=399)
    run.commit(200)
    run.commit(150)
    deliver(run, 399, 400)
    run.commit(400)
    assert run.counts() == {"regress": 1}


@pytest.mark.parametrize(("n", "code"), [(PLAIN, "refused"), (POISON, "retries_exhausted")])
def test_a_dead_letter_of_a_good_event_or_for_another_reason_is_wrong(n: int, code: str) -> None:
    run = clean()
    run.ledger.dead_lettered(n, code)
    assert run.counts() == {"wrongly dead-lettered": 1}


def test_the_story_of_an_event_names_its_requests_its_commit_and_the_faults_around_it() -> None:
    run = clean(end=100)
    run.fault("SIGKILL")
    run.request(99, member=OTHERS)
    deliver(run, 100, 400)
    run.commit(400)
    run.counts()
    story = run.ledger.story(99)
    assert "partition 0 at offset 99" in story
    assert "request 99 from 1" in story
    assert "FAULT SIGKILL of 1" in story
    assert "request 100 from 2" in story
    assert story.index("SIGKILL") < story.index("from 2") < story.index("covered")


def test_receipts_survive_the_way_from_one_process_to_another() -> None:
    run = clean(end=50)
    run.begin(50)
    copy = Receipts.from_bytes(run.receipts.to_bytes())
    assert list(copy.moments()) == list(run.receipts.moments())
    assert (copy.n, copy.outcome) == (run.receipts.n, run.receipts.outcome)


def test_every_event_follows_from_the_seed_and_its_number() -> None:
    again = Plan(7, 400, keys=20)
    payloads = {PLAN.payload(n) for n in range(400)}
    assert len(payloads) == 400
    assert all(again.payload(n) == PLAN.payload(n) and number_of(PLAN.payload(n)) == n for n in range(400))
    assert PLAN.payload(3) != Plan(8, 400, keys=20).payload(3)
    assert {PLAN.fate(n) for n in range(400)} == {Fate.PLAIN, Fate.BUSY, Fate.AMBIGUOUS, Fate.POISON}

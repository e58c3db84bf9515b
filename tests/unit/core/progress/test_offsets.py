"""A partition is never committed beyond what is finished, nor forgets what is."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from processor.core.progress.offset_codec import LIMIT, Span, decode, encode
from processor.core.progress.offsets import Offsets
from processor.model import Position
from tests.support.examples import examples


def begun(committed: Position | None = None, *received: int) -> Offsets:
    offsets = Offsets(committed)
    for offset in received:
        assert offsets.received(offset, float(offset))
    return offsets


def restored(base: int, *spans: Span) -> Offsets:
    metadata, whole = encode(base, spans)
    assert whole
    return Offsets(Position(base, metadata))


def test_the_position_is_the_first_record_that_is_not_finished() -> None:
    offsets = begun(None, 5, 6, 7)
    offsets.finished(6)
    assert offsets.position() == 5
    offsets.finished(5)
    assert offsets.position() == 7
    offsets.finished(7)
    assert offsets.position() == 8


def test_what_is_finished_beyond_the_position_is_kept_as_spans() -> None:
    offsets = begun(None, *range(10))
    for offset in (2, 3, 5, 9):
        offsets.finished(offset)
    assert list(offsets.finished_beyond()) == [Span(2, 4), Span(5, 6), Span(9, 10)]
    assert offsets.gap() == 10


def test_a_hole_may_end_inside_a_restored_span_or_swallow_several() -> None:
    spans = (Span(6, 8), Span(10, 12), Span(20, 30))
    inside, beyond = restored(5, *spans), restored(5, *spans)
    assert not inside.received(11, 0.0)
    assert inside.expected() == 12
    assert beyond.received(15, 0.0)
    assert list(beyond.finished_beyond()) == [Span(20, 30)]


def test_metadata_that_does_not_fit_is_said_to_be_not_whole() -> None:
    offsets = begun(None, 0, 1)
    offsets.finished(1)
    assert offsets.commit(5) == (Position(0), False)


class OffsetsMachine(RuleBasedStateMachine):
    """A log with holes is read, finished and committed in any order; crashes restore what was committed.

    `log` holds the offsets that exist; `done` those finished as far as this assignment knows.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log: list[int] = []
        self.committed: Position | None = None
        self.commits: list[Position] = []

    @initialize(start=st.integers(0, 300), limit=st.sampled_from([10, 18, 22, 26, LIMIT]))
    def begin(self, start: int, limit: int) -> None:
        self.start = self.end = start
        self.limit = limit
        self.restore()
        self.produce([0, 0, 1, 0, 0, 2, 0, 0])
        self.receive(6)

    def restore(self) -> None:
        """A new assignment: what the broker has is all that is known."""
        self.offsets = Offsets(self.committed)
        base, metadata = self.committed or (self.start, "")
        self.base = self.cursor = self.seen = self.last = base
        self.restored = {offset for span in decode(base, metadata) for offset in range(*span)}
        self.done = {offset for offset in self.log if offset < base or offset in self.restored}
        self.running: set[int] = set()

    @rule(holes=st.lists(st.integers(0, 3), min_size=1, max_size=6))
    def produce(self, holes: list[int]) -> None:
        for hole in holes:
            self.log.append(self.end + hole)
            self.end += hole + 1

    @precondition(lambda self: self.log)
    @rule(data=st.data(), size=st.integers(1, 12))
    def compact(self, data: st.DataObject, size: int) -> None:
        """Records vanish from the log, whatever was committed of them."""
        first = data.draw(st.sampled_from(self.log))
        self.log = [offset for offset in self.log if not first <= offset < first + size]
        self.done &= set(self.log)

    @rule(size=st.integers(1, 8))
    def receive(self, size: int) -> None:
        for offset in [offset for offset in self.log if offset >= self.cursor][:size]:
            to_do = offset >= self.seen and offset not in self.done
            assert self.offsets.received(offset, float(offset)) == to_do
            self.running |= {offset} if to_do else set()
            self.cursor = offset + 1
            self.seen = max(self.seen, self.cursor)

    @rule(back=st.integers(1, 10))
    def read_again_from_before(self, back: int) -> None:
        self.cursor = max(self.start, self.cursor - back)

    @rule()
    def reach(self) -> None:
        self.cursor = next((offset for offset in self.log if offset >= self.cursor), self.end)
        self.seen = max(self.seen, self.cursor)
        self.offsets.reached(self.cursor)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.running)))
        self.offsets.finished(offset)
        self.running.remove(offset)
        self.done |= {offset} & set(self.log)

    @precondition(lambda self: self.running)
    @rule(every=st.sampled_from([1, 2, 3]), restart=st.booleans())
    def finish_all_but_the_first(self, every: int, restart: bool) -> None:
        """What straggles keeps the position back; what is finished beyond it has to be remembered."""
        for offset in sorted(self.running)[1::every]:
            self.offsets.finished(offset)
            self.running.remove(offset)
            self.done |= {offset} & set(self.log)
        self.commit(acknowledged=True)
        if restart:
            self.restore()
            self.receive(2)

    @rule(acknowledged=st.booleans())
    def commit(self, acknowledged: bool) -> None:
        commit = self.offsets.commit(self.limit)
        assert (commit is None) == (self.offsets.position() is None)
        if commit is None:
            return
        position, whole = commit
        spans, kept = tuple(self.offsets.finished_beyond()), decode(*position)
        assert len(position.metadata) <= self.limit
        assert kept == spans[: len(kept)]
        assert whole == (kept == spans)
        self.commits.append(position)
        self.committed = position if acknowledged else self.committed

    @rule()
    def crash(self) -> None:
        self.restore()

    @precondition(lambda self: self.commits)
    @rule(data=st.data())
    def crash_after_a_late_commit_won(self, data: st.DataObject) -> None:
        self.committed = data.draw(st.sampled_from(self.commits))
        self.restore()

    @precondition(lambda self: self.committed and self.committed.metadata)
    @rule(cut=st.integers(1, 20))
    def crash_with_corrupt_metadata(self, cut: int) -> None:
        assert self.committed
        self.committed = self.committed._replace(metadata=self.committed.metadata[:-cut] + "?")
        assert decode(*self.committed) == ()
        self.restore()

    @invariant()
    def nothing_unfinished_is_covered_and_nothing_finished_is_forgotten(self) -> None:
        position = self.offsets.position()
        covered = {offset for span in self.offsets.finished_beyond() for offset in range(*span)}
        below = {offset for offset in self.log if position is not None and offset < position}
        assert (below | covered) & set(self.log) == self.done
        assert position is None or all(offset > position for offset in covered)

    @invariant()
    def the_position_never_goes_back(self) -> None:
        position = self.offsets.position()
        assert position is None or position >= self.last
        self.last = position or self.last

    @invariant()
    def spans_ascend_and_do_not_touch_each_other(self) -> None:
        edges = [edge for span in self.offsets.finished_beyond() for edge in span]
        assert edges == sorted(set(edges))
        assert self.offsets.gap() == (edges[-1] - (self.offsets.position() or 0) if edges else 0)

    @invariant()
    def what_is_said_of_it_is_true(self) -> None:
        assert self.offsets.unfinished() == len(self.running)
        assert self.offsets.oldest() == (float(min(self.running)) if self.running else None)
        expected = self.offsets.expected()
        assert expected is None or expected >= self.seen
        assert expected is None or set(range(self.seen, expected)) <= self.restored


def test_no_order_of_events_commits_what_is_not_finished() -> None:
    run_state_machine_as_test(
        OffsetsMachine, settings=settings(max_examples=examples(200), stateful_step_count=50)
    )

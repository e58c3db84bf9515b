"""A letter counts as brought back only where the group says so, of this very log."""

from hypothesis import given
from hypothesis import strategies as st

from processor.core.letters.finished import Finished
from processor.core.progress.offset_codec import Marks, Span, encode
from processor.model import Position

THIS, OTHER = b"t" * 16, b"o" * 16
HERE, ELSEWHERE = b"here", b"else"
FAR = 60


@st.composite
def positions(draw: st.DrawFn) -> tuple[Position, set[int]]:
    """A position with what is finished beyond it, and all offsets that are finished."""
    base = draw(st.integers(0, 20))
    beyond = draw(st.sets(st.integers(base + 1, FAR)))
    spans: list[Span] = []
    for offset in sorted(beyond):
        if spans and spans[-1].end == offset:
            spans[-1] = Span(spans[-1].first, offset + 1)
        else:
            spans.append(Span(offset, offset + 1))
    metadata, _ = encode(base, spans, marks=Marks(THIS))
    return Position(base, metadata), {*range(base), *beyond}


@given(positions(), st.integers(0, FAR), st.integers(0, FAR))
def test_what_is_open_is_what_is_not_finished(
    said: tuple[Position, set[int]], first: int, length: int
) -> None:
    position, finished = said
    found = Finished(position, THIS)
    offsets = range(first, first + length)
    assert [found.has(offset) for offset in offsets] == [offset in finished for offset in offsets]
    assert found.open(first, first + length) == sum(offset not in finished for offset in offsets)
    after = {offset for span in found.after(first) for offset in range(*span)}
    assert after == {offset for offset in finished if offset >= first and offset > position.offset}


def test_what_is_said_of_another_log_or_by_nobody_says_nothing() -> None:
    position = Position(5, encode(5, [Span(7, 9)], marks=Marks(THIS))[0])
    assert Finished(position, OTHER).open(0, 10) == Finished(None).open(0, 10) == 10
    assert Finished(position, None).open(0, 10) == 3
    assert Finished(Position(5, "of somebody else"), OTHER).open(0, 10) == 5


def test_a_position_that_was_copied_from_another_cluster_counts_and_nothing_else_that_is_said_of_it() -> None:
    position = Position(5, encode(5, [Span(7, 9)], marks=Marks(THIS, cluster=ELSEWHERE))[0])
    assert Finished(position, OTHER, HERE).open(0, 10) == 5
    assert Finished(position, THIS, None).open(0, 10) == Finished(position, THIS, ELSEWHERE).open(0, 10) == 3

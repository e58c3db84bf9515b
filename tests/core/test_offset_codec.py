"""What was finished is read back as it was written, or in part, or not at all: never more than that."""

from base64 import b64encode
from collections.abc import Sequence
from itertools import accumulate
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.core.offset_codec import LIMIT, Span, decode, encode

GOLDEN = "kwp1:170b4bc7:AgO5B6Af"
GOLDEN_BASE = 42
GOLDEN_SPANS = (Span(44, 47), Span(1000, 5000))

bases = st.integers(0, 2**63 - 1)
runs = st.sampled_from([1, 2, 127, 128, 2**40]) | st.integers(1, 200)
edits = st.sampled_from(["replace", "insert", "delete"])


@st.composite
def histories(draw: st.DrawFn, max_size: int = 40) -> tuple[int, list[Span]]:
    """A committed offset, and finished spans beyond it."""
    base = draw(bases)
    lengths = draw(st.lists(st.tuples(runs, runs), max_size=max_size))
    edges = list(accumulate((length for pair in lengths for length in pair), initial=base))[1:]
    return base, [Span(first, end) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def sealed(base: int, encoded: bytes) -> str:
    """Metadata around any bytes, as the layout in the module's docstring says, with a right checksum."""
    checksum = crc32(str(base).encode() + encoded)
    return f"kwp1:{checksum:08x}:{b64encode(encoded).decode()}"


def edited(text: str, edit: str, index: int, character: str) -> str:
    behind = text[index:] if edit == "insert" else text[index + 1 :]
    return text[:index] + ("" if edit == "delete" else character) + behind


@given(histories())
def test_what_is_written_is_read_back(history: tuple[int, list[Span]]) -> None:
    base, spans = history
    metadata, whole = encode(base, spans)
    assert whole
    assert decode(base, metadata) == tuple(spans)


def test_the_persisted_format_stays_as_it_is() -> None:
    assert encode(GOLDEN_BASE, GOLDEN_SPANS) == (GOLDEN, True)
    assert decode(GOLDEN_BASE, GOLDEN) == GOLDEN_SPANS


def test_nothing_finished_beyond_is_no_metadata() -> None:
    assert encode(7, []) == ("", True)
    assert decode(7, "") == ()


def longest_that_fits(base: int, spans: Sequence[Span], limit: int) -> int:
    sizes = (len(encode(base, spans[:count], 10**9)[0]) for count in range(len(spans) + 1))
    return max(count for count, size in enumerate(sizes) if size <= limit)


@settings(max_examples=300)
@given(histories(max_size=12), st.integers(0, 80))
def test_a_limit_keeps_the_longest_prefix_that_fits_and_says_so(
    history: tuple[int, list[Span]], limit: int
) -> None:
    base, spans = history
    kept = longest_that_fits(base, spans, limit)
    metadata, whole = encode(base, spans, limit)
    assert decode(base, metadata) == tuple(spans[:kept])
    assert whole == (kept == len(spans))


@given(histories(), st.integers(-10, 200))
def test_metadata_is_ascii_and_never_longer_than_the_limit(
    history: tuple[int, list[Span]], limit: int
) -> None:
    metadata, _ = encode(*history, limit)
    assert len(metadata.encode("ascii")) <= max(0, limit)


@pytest.mark.parametrize("step", [2, 3, 129, 1000, 10**6])
def test_a_history_too_long_for_kafka_is_cut_at_its_far_end(step: int) -> None:
    spans = [Span(first, first + 1) for first in range(1, 4000 * step, step)]
    metadata, whole = encode(0, spans)
    kept = decode(0, metadata)
    assert not whole
    assert LIMIT - 8 < len(metadata) <= LIMIT == 4095
    assert list(kept) == spans[: len(kept)]


@given(bases, st.text() | st.text().map("kwp1:".__add__) | st.text().map((GOLDEN + "{}").format))
def test_text_that_is_not_ours_reads_as_nothing_finished(base: int, text: str) -> None:
    assert decode(base, text) == ()


@given(bases, st.binary(max_size=60))
def test_whatever_stands_under_a_right_checksum_never_leads_below_the_offset(
    base: int, encoded: bytes
) -> None:
    at = base
    for span in decode(base, sealed(base, encoded)):
        assert at <= span.first <= span.end
        at = span.end


@given(histories(), edits, st.data())
def test_a_change_of_one_character_is_refused(
    history: tuple[int, list[Span]], edit: str, data: st.DataObject
) -> None:
    base, spans = history
    metadata, _ = encode(base, spans)
    index = data.draw(st.integers(0, max(0, len(metadata) - 1)))
    character = data.draw(st.sampled_from("AQgz019af:+/=k \n\0é"))
    changed = edited(metadata, edit, index, character)
    assert decode(base, changed) == (tuple(spans) if changed == metadata else ())


@pytest.mark.parametrize("index", range(len(GOLDEN)))
@pytest.mark.parametrize("character", "0aAzZ:=é\0")
def test_every_changed_character_of_this_one_is_refused(index: int, character: str) -> None:
    changed = edited(GOLDEN, "replace", index, character)
    assert changed == GOLDEN or decode(GOLDEN_BASE, changed) == ()


@pytest.mark.parametrize("index", range(len(GOLDEN) + 1))
@pytest.mark.parametrize("character", "0A:= \n\0")
def test_a_character_more_is_refused(index: int, character: str) -> None:
    assert decode(GOLDEN_BASE, edited(GOLDEN, "insert", index, character)) == ()


@given(histories(), bases)
def test_metadata_that_was_moved_to_another_offset_is_refused(
    history: tuple[int, list[Span]], other: int
) -> None:
    base, spans = history
    metadata, _ = encode(base, spans)
    assert decode(other, metadata) == (tuple(spans) if other == base else ())


@given(histories(), st.integers(0, 100))
def test_metadata_that_was_cut_is_refused(history: tuple[int, list[Span]], length: int) -> None:
    base, spans = history
    metadata, _ = encode(base, spans)
    assert decode(base, metadata[:length]) == (tuple(spans) if length >= len(metadata) else ())

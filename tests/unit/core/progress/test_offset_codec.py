"""What was finished is read back as it was written, or in part, or not at all: never more than that."""

from base64 import b64encode
from collections.abc import Sequence
from itertools import accumulate
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.core.progress.offset_codec import (
    LIMIT,
    NO_MARKS,
    OFFSETS_END,
    Contents,
    Marks,
    Span,
    cluster_mark,
    decode,
    encode,
    read,
)
from tests.support.examples import examples

GOLDEN = "kwp1:170b4bc7:AgO5B6Af"
BITS_GOLDEN = "kwp2:f4ec076e:BgNUVRU="
GOLDEN_BASE = 42
GOLDEN_SPANS = (Span(44, 47), Span(1000, 5000))
GOLDEN_MARKS = Marks(bytes(range(16)), "crm", 1_750_000_000.25)
MARKED_GOLDEN = "kwp2:5c2f6ac9:AhAAAQIDBAUGBwgJCgsMDQ4PAwb6uYOh9zIEA2NybQEGAgO5B6Af"
CLUSTERED_GOLDEN = "kwp2:b8792712:AhAAAQIDBAUGBwgJCgsMDQ4PAwb6uYOh9zIFBKZPKZkEA2NybQEGAgO5B6Af"

bases = st.integers(0, 2**62)
marks = st.builds(
    Marks,
    st.none() | st.binary(min_size=16, max_size=16),
    st.none() | st.text("abc.-_é", min_size=1, max_size=64),
    st.none() | st.integers(0, 2**45).map(lambda milliseconds: milliseconds / 1000),
    st.none() | st.binary(min_size=4, max_size=4),
)
runs = st.sampled_from([1, 2, 127, 128, 2**40]) | st.integers(1, 200)
edits = st.sampled_from(["replace", "insert", "delete"])


@st.composite
def histories(draw: st.DrawFn, max_size: int = 40) -> tuple[int, list[Span]]:
    """A committed offset, and finished spans beyond it."""
    base = draw(bases)
    lengths = draw(st.lists(st.tuples(runs, runs), max_size=max_size))
    edges = list(accumulate((length for pair in lengths for length in pair), initial=base))[1:]
    return base, [Span(first, end) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def sealed(base: int, encoded: bytes, version: str = "kwp1") -> str:
    """Metadata around any bytes, as the layout in the module's docstring says, with a right checksum."""
    checksum = crc32(str(base).encode() + encoded)
    return f"{version}:{checksum:08x}:{b64encode(encoded).decode()}"


def field(tag: int, content: bytes) -> bytes:
    return bytes((tag, len(content))) + content


def edited(text: str, edit: str, index: int, character: str) -> str:
    behind = text[index:] if edit == "insert" else text[index + 1 :]
    return text[:index] + ("" if edit == "delete" else character) + behind


@given(histories(), marks)
def test_what_is_written_is_read_back(history: tuple[int, list[Span]], said: Marks) -> None:
    base, spans = history
    metadata, whole = encode(base, spans, marks=said)
    assert whole
    assert read(base, metadata) == Contents(tuple(spans), said)
    assert decode(base, metadata) == tuple(spans)


def test_the_persisted_formats_stay_as_they_are() -> None:
    assert encode(GOLDEN_BASE, GOLDEN_SPANS) == (GOLDEN, True)
    assert read(GOLDEN_BASE, GOLDEN) == Contents(GOLDEN_SPANS)
    assert encode(GOLDEN_BASE, GOLDEN_SPANS, marks=GOLDEN_MARKS) == (MARKED_GOLDEN, True)
    assert read(GOLDEN_BASE, MARKED_GOLDEN) == Contents(GOLDEN_SPANS, GOLDEN_MARKS)
    clustered = GOLDEN_MARKS._replace(cluster=cluster_mark("dGVzdHMtYXBhY2hlLWthZg"))
    assert encode(GOLDEN_BASE, GOLDEN_SPANS, marks=clustered) == (CLUSTERED_GOLDEN, True)
    assert read(GOLDEN_BASE, CLUSTERED_GOLDEN) == Contents(GOLDEN_SPANS, clustered)


def test_nothing_finished_beyond_is_no_metadata() -> None:
    assert encode(7, []) == ("", True)
    assert decode(7, "") == ()
    assert read(7, "") == Contents((), NO_MARKS)


@given(histories(max_size=12), marks, st.integers(-10, 200))
def test_room_goes_to_the_topic_and_since_then_to_what_is_finished_then_to_the_name(
    history: tuple[int, list[Span]], said: Marks, limit: int
) -> None:
    base, spans = history
    metadata, whole = encode(base, spans, limit, said)
    kept = read(base, metadata)
    alone, _ = encode(base, (), 10**9, said._replace(destination=None))
    assert len(metadata) <= max(0, limit)
    assert kept.finished == tuple(spans[: len(kept.finished)])
    assert whole == (len(kept.finished) == len(spans))
    assert kept.marks.destination is None or (whole and kept.marks == said)
    assert len(alone) > limit or kept.marks._replace(destination=None) == said._replace(destination=None)


@given(bases, st.lists(st.tuples(st.integers(0, 9), st.binary(max_size=20)), max_size=4))
def test_whatever_fields_stand_under_a_right_checksum_nothing_breaks(
    base: int, fields: list[tuple[int, bytes]]
) -> None:
    encoded = b"".join(field(tag, content) for tag, content in fields)
    at, said = base, read(base, sealed(base, encoded, "kwp2"))
    for span in said.finished:
        assert at <= span.first <= span.end < OFFSETS_END
        at = span.end
    assert encode(base, (), marks=said.marks)[1]


def test_a_field_that_a_later_version_adds_is_passed_over() -> None:
    metadata = sealed(7, field(9, b"?") + field(4, b"crm") + field(1, b"\x01\x01"), "kwp2")
    assert read(7, metadata) == Contents((Span(8, 9),), Marks(destination="crm"))


@pytest.mark.parametrize(
    "encoded",
    [
        field(2, b"short"),
        field(5, b"abc"),
        field(3, b""),
        field(3, b"\x01\x01"),
        field(3, b"\xff" * 9 + b"\x01"),
        field(4, b"\xff"),
        field(1, b"\x01\xff"),
        field(4, b"crm")[:-1],
        b"\x04",
        b"\xff",
    ],
)
def test_a_field_that_cannot_be_means_that_nothing_is_believed(encoded: bytes) -> None:
    assert read(7, sealed(7, field(1, b"\x01\x01") + encoded, "kwp2")) == Contents()


@pytest.mark.parametrize("length", [2**63 - 7, 2**70, 2**2000])
def test_offsets_that_kafka_cannot_count_to_are_not_believed(length: int) -> None:
    far = Span(8, 8 + length)
    assert read(7, encode(7, [Span(7, 8), far])[0]) == Contents()


def longest_that_fits(base: int, spans: Sequence[Span], limit: int) -> int:
    sizes = (len(encode(base, spans[:count], 10**9)[0]) for count in range(len(spans) + 1))
    return max(count for count, size in enumerate(sizes) if size <= limit)


@settings(max_examples=examples(300))
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
    spans = [Span(first, first + 1) for first in range(1, 14_000 * step, step)]
    metadata, whole = encode(0, spans)
    kept = decode(0, metadata)
    assert not whole
    assert LIMIT - 8 < len(metadata) <= LIMIT == 4095
    assert list(kept) == spans[: len(kept)]


@given(bases, st.binary(min_size=1700, max_size=3000), marks)
@settings(max_examples=examples(20))
def test_of_many_pieces_all_fit_as_bits_within_some_twenty_thousand_offsets(
    base: int, drawn: bytes, said: Marks
) -> None:
    pieces = [(1 + each % 3, 1 + each // 3 % 3) for each in drawn]
    edges = list(accumulate((length for pair in pieces for length in pair), initial=base))[1:]
    spans = [Span(first, end) for first, end in zip(edges[::2], edges[1::2], strict=True)]
    metadata, whole = encode(base, spans, marks=said)
    kept = read(base, metadata)
    assert len(metadata) <= LIMIT
    assert (whole, kept.finished) == (True, tuple(spans))
    assert kept.marks._replace(destination=None) == said._replace(destination=None)


def test_bits_are_written_as_ever() -> None:
    spans = [Span(first, first + 1) for first in range(9, 29, 2)]
    assert encode(7, spans, 32) == (BITS_GOLDEN, True)
    assert decode(7, BITS_GOLDEN) == tuple(spans)


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


@pytest.mark.parametrize("character", "0aAzZ:=é\0")
def test_every_changed_character_of_this_one_is_refused(character: str) -> None:
    changed = [edited(GOLDEN, "replace", index, character) for index in range(len(GOLDEN))]
    assert [each for each in changed if each != GOLDEN and decode(GOLDEN_BASE, each)] == []


@pytest.mark.parametrize("character", "0A:= \n\0")
def test_a_character_more_is_refused(character: str) -> None:
    longer = [edited(GOLDEN, "insert", index, character) for index in range(len(GOLDEN) + 1)]
    assert [each for each in longer if decode(GOLDEN_BASE, each)] == []


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

"""Compressed bodies for people: read as far as they may be, whatever they are."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.web.answers.bodies import readable

LIMIT = 1000
TEXT = b'{"error": "no such user"}' * 10


def raw(text: bytes) -> bytes:
    """Without the frame of zlib."""
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(text) + made.flush()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT), "x-gzip"),
        (zlib.compress(TEXT), "deflate"),
        (raw(TEXT), "deflate"),
        (TEXT, ""),
        (TEXT, "br"),
        (TEXT, "gzip"),
        (TEXT, "deflate"),
    ],
)
def test_it_is_read_where_that_is_possible_and_else_stays(body: bytes, encoding: str) -> None:
    assert readable(body, encoding, LIMIT) == TEXT


def test_one_that_is_cut_off_is_read_as_far_as_it_goes() -> None:
    text = bytes(n * n % 251 for n in range(900))
    got = readable(gzip.compress(text)[:-40], "gzip", LIMIT)
    assert got
    assert text.startswith(got)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_gives_no_more_than_the_limit(encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    assert readable(pack(bytes(50_000_000)), encoding, LIMIT) == bytes(LIMIT)


@given(body=st.binary(max_size=200), encoding=st.sampled_from(["gzip", "deflate", "zstd", ""]))
def test_whatever_it_is_nothing_is_raised_and_the_limit_holds(body: bytes, encoding: str) -> None:
    assert len(readable(body, encoding, LIMIT)) <= max(LIMIT, len(body))

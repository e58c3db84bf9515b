"""What stands in heads that are out of the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.web.answers.heads import Fields, begins_http2, wants_http2, with_one_length

HEAD = b"HTTP/1.1 200 OK\r\n%bX: 1\r\n\r\nContent-Length: 9\r\n"


@given(
    length=st.integers(0, 10**9),
    names=st.lists(st.sampled_from([b"Content-Length", b"content-length", b"CONTENT-LENGTH"]), max_size=4),
    end=st.sampled_from([b"\r\n", b"\n"]),
)
def test_equal_lengths_become_one_and_all_else_stays(length: int, names: list[bytes], end: bytes) -> None:
    lines = b"".join(b"%b: %d%b" % (name, length, end) for name in names)
    mended = with_one_length(HEAD % lines)
    if len(names) < 2:
        assert mended is None
    else:
        assert mended == HEAD % (b"Content-Length: %d\r\n" % length)


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 1\r\nContent-Length: 2\r\n",
        b"Content-Length: 1, 2\r\n",
        b"Content-Length: 1,\r\nContent-Length: 1\r\n",
        b"Content-Length: 1 1\r\nContent-Length: 1 1\r\n",
        b"Content-Length: 1\r\nContent-Length: 01\r\n",
        b"Content-Length: 1\r\nX-Content-Length: 1\r\n",
        b"Content-Length: " + b"9" * 5000 + b"\r\nContent-Length: " + b"9" * 5000 + b"\r\n",
    ],
)
def test_what_differs_or_is_no_length_stays(lines: bytes) -> None:
    assert with_one_length(HEAD % lines) is None


def test_a_list_of_equal_lengths_is_one() -> None:
    assert with_one_length(HEAD % b"Content-Length: 7,\t7\r\n") == HEAD % b"Content-Length: 7\r\n"


def test_a_head_that_is_not_whole_yet_is_mended_as_far_as_it_is_there() -> None:
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 7\r\nX"
    assert with_one_length(begun) == b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX"


def test_fields_are_those_of_the_first_head_that_is_no_interim_one() -> None:
    interim = b"HTTP/1.1 103 Hint\r\nRetry-After: 8\r\nContent-Encoding: br\r\n\r\n"
    later = b"HTTP/1.1 503 Later\r\nRetry-After: 7 \r\nRetry-After: 9\r\nContent-Encoding: GZip\r\n\r\n"
    for head in (later, interim + later, later + interim):
        fields = Fields(head)
        assert (fields.retry_after, fields.content_encoding) == ("7", "gzip")
    assert Fields(b"no HTTP").retry_after is None


def test_who_speaks_http2_is_known_by_the_first_frame() -> None:
    assert begins_http2(b"\0\0\x12\4\0\0\0\0\0" + bytes(18))
    assert begins_http2(b"\0\0\x08\7\0\0\0\0\0" + bytes(8))
    for other in (b"", b"HTTP/1.1 200 OK\r\n\r\n", b"SSH-2.0\r\n", bytes(9), b"\0\0\0\4\1\0\0\0\0"):
        assert not begins_http2(other)


def test_only_a_403_in_nodes_words_asks_for_http2() -> None:
    said = b"Unknown ALPN Protocol, expected `h2` to be available."
    assert wants_http2(403, said)
    assert not wants_http2(400, said)
    assert not wants_http2(403, b"forbidden")

"""What a request is on the wire, whatever it is made of."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.model import Headers, Request
from processor.web.request_writer import RequestWriter

HOST = "h.example:8080"
WORDS = st.text(alphabet=st.sampled_from("aZ0-_!~"), min_size=1, max_size=8)
VALUES = st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs")), max_size=12)
TARGETS = st.text(alphabet=st.sampled_from("aZ0/?&=%.~"), max_size=12).map("/".__add__)
HEADERS = st.lists(st.tuples(WORDS.map("X-".__add__), VALUES), max_size=3).map(tuple)
METHODS = st.sampled_from(["POST", "PUT", "PATCH", "GET", "DELETE"])
REQUESTS = st.lists(
    st.tuples(METHODS, TARGETS, HEADERS, st.none() | st.binary(max_size=30), HEADERS), min_size=1, max_size=6
)


def parsed(message: bytes) -> tuple[str, str, list[tuple[str, str]], bytes]:
    """Method, target, headers and body, as a server reads them."""
    head, _, body = message.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    method, target, version = line.split(" ")
    assert version == "HTTP/1.1"
    pairs = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]
    return method, target, pairs, body


@given(REQUESTS)
def test_one_after_the_other_says_what_was_asked_and_nothing_of_the_one_before(
    requests: list[tuple[str, str, Headers, bytes | None, Headers]],
) -> None:
    writer = RequestWriter(HOST)
    for method, target, headers, body, own in requests:
        message = writer.write(Request(method, f"http://{HOST}{target}", headers, body, own), target)
        framed = [("Content-Length", str(len(body or b"")))] if body is not None or method != "GET" else []
        assert parsed(message) == (method, target, [("Host", HOST), *headers, *own, *framed], body or b"")


def test_a_host_of_its_own_takes_the_place_of_the_usual_one() -> None:
    message = RequestWriter(HOST).write(Request("POST", "", (("hOST", "inner"),), b"{}"), "/")
    assert parsed(message)[2] == [("hOST", "inner"), ("Content-Length", "2")]


@given(REQUESTS)
def test_to_a_proxy_the_same_is_said_with_the_whole_url_and_the_field_of_the_proxy(
    requests: list[tuple[str, str, Headers, bytes | None, Headers]],
) -> None:
    origin, field = f"http://{HOST}", ("Proxy-Authorization", "Basic eA==")
    plain = RequestWriter(HOST)
    writer = RequestWriter(HOST, prefix=origin, field=f"{field[0]}: {field[1]}\r\n")
    for method, target, headers, body, own in requests:
        request = Request(method, f"{origin}{target}", headers, body, own)
        _, _, fields, _ = parsed(plain.write(request, target))
        told = parsed(writer.write(request, target))
        assert told[:2] == (method, f"{origin}{target}")
        assert sorted(told[2]) == sorted([*fields, field])


@pytest.mark.parametrize("target", ["", "x", "/a b", "/a\r\nX: y", "/é", "/\x7f", "*"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_target_that_could_be_read_otherwise_is_refused(method: str, target: str) -> None:
    with pytest.raises(ValueError, match=re.compile("character")) as caught:
        RequestWriter(HOST).write(Request(method, "", (), b"{}"), target)
    assert not target or target not in str(caught.value)


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\n", "POST /"])
def test_a_method_that_is_none_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match="character"):
        RequestWriter(HOST).write(Request(method, "", (), b"{}"), "/")


@pytest.mark.parametrize(
    "header",
    [
        *(("X", f"a{character}b") for character in "\r\n\0\x01\x7f"),
        *((name, "v") for name in ("", "a b", "a:", "é", "a\n")),
        *((name, "1") for name in ("Content-Length", "transfer-encoding", "CONTENT-LENGTH")),
        *((name, "1") for name in ("Content_Length", "TRANSFER_encoding", "content.length")),
    ],
)
def test_a_header_that_could_end_too_early_or_frames_the_message_is_refused(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="a header"):
        RequestWriter(HOST).write(Request("POST", "", (("A", "b"), header), b"{}"), "/")
    with pytest.raises(ValueError, match="a header"):
        RequestWriter(HOST).write(Request("POST", "", (("A", "b"),), b"{}", (header,)), "/")


def test_after_a_refusal_the_next_is_written_as_if_nothing_had_been() -> None:
    writer, headers = RequestWriter(HOST), (("A", "b"),)
    good = writer.write(Request("POST", "", headers, b"{}"), "/")
    for target, wrong in ((" ", headers), ("/", (("A", "\n"),)), ("/x y", (("B", "c"),))):
        with pytest.raises(ValueError, match="character"):
            writer.write(Request("POST", "", wrong, b"{}"), target)
        assert writer.write(Request("POST", "", headers, b"{}"), "/") == good


def test_what_an_attempt_says_anew_costs_the_head_that_all_have_no_second_writing() -> None:
    class Watched(RequestWriter):
        begun = 0

        def _begin(self, method: str, target: str, headers: Headers) -> None:
            self.begun += 1
            super()._begin(method, target, headers)

    writer, headers = Watched(HOST), (("A", "b"),)
    for number in range(5):
        message = writer.write(Request("POST", "", headers, b"{}", (("X-At", str(number)),)), "/")
        assert parsed(message)[2][1:3] == [("A", "b"), ("X-At", str(number))]
    assert writer.begun == 1


def test_a_request_that_is_the_last_on_its_connection_says_so() -> None:
    message = RequestWriter(HOST, keepalive=False).write(Request("POST", "", (("A", "b"),), b"{}"), "/")
    assert parsed(message)[2] == [
        ("Host", HOST),
        ("A", "b"),
        ("Connection", "close"),
        ("Content-Length", "2"),
    ]


def test_headers_may_take_the_place_of_those_of_the_request() -> None:
    writer, others = RequestWriter("h.example"), (("B", "2"),)
    request = Request("POST", "https://h.example/", (("A", "1"),), b"{}", (("C", "3"),))
    for _ in range(2):
        assert writer.write(request, "/", others) == (
            b"POST / HTTP/1.1\r\nHost: h.example\r\nB: 2\r\nC: 3\r\nContent-Length: 2\r\n\r\n{}"
        )
    assert b"A: 1" in writer.write(request, "/")

"""Servers that mean harm, or behave so: every answer comes in time and costs little memory.

What is wrong with an answer and comes to an end by itself stands in `test_client.py`.
"""

import asyncio
import zlib

import pytest

from processor.model import Answer, Response
from processor.web.client import MAX_BODY
from tests.support.endpoint import Behaviour, Endpoint, RawServer, Reply
from tests.unit.admin.asking import SECONDS, ask, error, response
from tests.unit.admin.flooding import MIB, dripping, flooding, memory

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
MUCH = 64 * 1024
LATE = 20.0
"""By how much an answer may be late on a machine that has other things to do."""

INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\n" + b"Link: </style.css>\r\n" * 100 + b"\r\n"
UPGRADE = b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"

ENDLESS: dict[str, tuple[bytes, bytes, str]] = {
    "body": (OK + b"\r\n", b"x" * MUCH, "200"),
    "body of a 204": (b"HTTP/1.1 204 No Content\r\n\r\n", b"x" * MUCH, "204"),
    "body of a length": (OK + b"Content-Length: 999999999999\r\n\r\n", b"x" * MUCH, "200"),
    "chunks": (CHUNKED, b"10000\r\n" + b"x" * MUCH + b"\r\n", "200"),
    "chunks of one byte": (CHUNKED, b"1\r\nx\r\n" * 10_000, "200"),
    "chunk extension": (CHUNKED + b"1;", b"x" * MUCH, "200"),
    "chunk size": (CHUNKED, b"0" * MUCH, "200"),
    "trailers": (CHUNKED + b"0\r\n", b"A: b\r\n" * 10_000, "200"),
    "status line": (b"HTTP/1.1 200 ", b"a" * MUCH, "too_large"),
    "header": (OK + b"A: ", b"a" * MUCH, "too_large"),
    "header name": (OK, b"a" * MUCH, "too_large"),
    "headers": (OK, b"A: b\r\n" * 10_000, "too_large"),
    "interim answers": (b"", INTERIM * 40_000, "answer_timeout"),
    "interim answers, one a segment": (b"", INTERIM, "answer_timeout"),
    "interim answers with headers": (b"", HINTS * 20, "answer_timeout"),
    "empty lines": (b"", b"\r\n" * MUCH, "too_large"),
    "letters": (b"", b"a" * MUCH, "malformed"),
    "zeros": (b"", bytes(MUCH), "malformed"),
    "tunnel behind a 101": (UPGRADE, b"x" * MUCH, "malformed"),
    "answers": (b"", (OK + b"Content-Length: 0\r\n\r\n") * 2000, "200"),
}
"""How it begins, how it goes on for ever, and the status or reason that it comes to."""


async def asked_in_time(behaviour: Behaviour, tries: int = 10) -> tuple[Answer, int]:
    """The answer, which does not take longer than the request may, and on how many connections it came.

    A machine that takes so long to connect to itself has said nothing of the answer: it is asked again.
    """
    async with RawServer(behaviour) as server, asyncio.timeout(SECONDS + LATE):
        answer = await ask(server, request_timeout=SECONDS)
    if outcome(answer) == "connect_timeout" and tries > 1:
        return await asked_in_time(behaviour, tries - 1)
    return answer, server.connections


def outcome(answer: Answer) -> str:
    """The status or the reason."""
    return str(answer.status) if isinstance(answer, Response) else answer.reason


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_never_ends_is_cut_in_time_and_is_not_kept(name: str) -> None:
    begin, go_on, expected = ENDLESS[name]
    with memory() as grown:
        answer, connections = await asked_in_time(flooding(begin, go_on))
        assert grown() < 16 * MIB
    assert (outcome(answer), connections) == (expected, 1)


async def test_a_body_that_would_inflate_to_much_stays_as_it_is() -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(MIB)) for _ in range(100)) + packer.flush()
    async with Endpoint(lambda _: Reply(headers=(("Content-Encoding", "gzip"),), body=bomb)) as endpoint:
        with memory() as grown:
            answer = response(await ask(endpoint))
            assert grown() < 16 * MIB
    assert answer.body == bomb[:MAX_BODY]


async def test_a_body_byte_for_byte_is_read_for_as_long_as_there_is_time() -> None:
    head = OK + b"Content-Length: 9999\r\n\r\nx"  # at once: an answer without a head is none
    answer = response((await asked_in_time(dripping(b"x" * 9998, 0.003, head)))[0])
    assert answer.status == 200
    assert 0 < len(answer.body) < 9999


async def test_a_head_byte_for_byte_is_an_answer_if_it_ends_in_time() -> None:
    said = b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"
    async with RawServer(dripping(said, 0.001)) as server:
        assert response(await ask(server)).status == 204


async def test_a_head_byte_for_byte_is_none_if_it_does_not() -> None:
    answer, _ = await asked_in_time(dripping(OK + b"X: " + b"y" * 5000 + b"\r\n\r\n", 0.003))
    assert error(answer).reason == "answer_timeout"

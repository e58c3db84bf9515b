"""What a server says unasked is neither taken for an answer nor kept."""

import asyncio

import pytest

from tests.support.endpoint import Behaviour, RawServer
from tests.support.patience import PATIENCE
from tests.unit.admin.asking import opened, post, response, send
from tests.unit.admin.flooding import MIB, memory, pour

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
UNASKED = {
    "answers": EMPTY * 2000,
    "interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 2000,
    "answers with bodies": b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + bytes(2000),
    "answers without end": b"HTTP/1.1 200 OK\r\n\r\n" + bytes(60_000),
    "what is no HTTP": bytes(60_000),
}


def answering_then(first: bytes, unasked: bytes, ended: asyncio.Event) -> Behaviour:
    """A behaviour: answer with `first`, and when it was read say more for ever; `ended` when that is over."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        await writer.drain()
        await asyncio.sleep(0.02)
        try:
            await pour(writer, unasked)
        finally:
            ended.set()

    return behave


@pytest.mark.slow
@pytest.mark.parametrize("kind", UNASKED)
@pytest.mark.parametrize("interim", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_an_idle_connection_that_is_flooded_is_ended(kind: str, interim: bytes) -> None:
    ended = asyncio.Event()
    behave = answering_then(interim + EMPTY, UNASKED[kind], ended)
    async with RawServer(behave) as server, opened(server.url) as client:
        with memory() as grown:
            assert response(await send(client, post(server.url, b""))).status == 200
            async with asyncio.timeout(PATIENCE):
                await ended.wait()
            assert grown() < 16 * MIB


@pytest.mark.parametrize("first", [EMPTY, b"HTTP/1.1 100 Continue\r\n\r\n" + EMPTY])
async def test_an_answer_behind_another_in_one_segment_is_dropped_with_its_connection(first: bytes) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        status = head.split()[1][1:]
        writer.write(
            first.replace(b"200 OK", status) + b"HTTP/1.1 299 Unasked\r\nContent-Length: 0\r\n\r\n" * 3
        )
        await reader.read()

    async with RawServer(behave) as server, opened(server.url) as client:
        for status in (200, 503, 404):
            answer = response(await send(client, post(f"{server.url}/{status}", b"")))
            assert answer.status == status
    assert server.connections == 3


async def test_interim_answers_do_not_count_as_the_answer() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3)
            await writer.drain()
            writer.write(EMPTY)

    async with RawServer(behave) as server, opened(server.url) as client:
        for _ in range(3):
            assert response(await send(client, post(server.url, b""))).status == 200
    assert server.connections == 1

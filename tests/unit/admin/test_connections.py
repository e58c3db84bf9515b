"""The admin port under those who mean ill or do not know better: others are answered, little is taken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from processor.admin.connections import LIMITS
from tests.support.endpoint import HOST
from tests.support.patience import PATIENCE
from tests.unit.admin.test_live_page_stream import message, stream
from tests.unit.admin.test_server import Shown, listening, page

HALF = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Half: "
METRICS = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
LIVEZ = "GET /livez HTTP/1.1"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(port: int, number: int, said: bytes, at: str = HOST) -> AsyncIterator[list[Connection]]:
    """So many connections, on each of which something was said."""
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
        made = []
        for _ in range(number):
            reader, writer = await asyncio.open_connection(HOST, port, local_addr=(at, 0))
            stack.callback(writer.close)
            writer.write(said)
            made.append((reader, writer))
        yield made


async def ended(connection: Connection) -> bytes:
    """What came on it until it was closed."""
    try:
        return await connection[0].read()
    except ConnectionError:
        return b""


async def are_closed(connections: list[Connection], number: int) -> None:
    """Wait until so many of them are closed, and no more than that."""
    reading = {asyncio.create_task(ended(connection)) for connection in connections}
    done: set[asyncio.Task[bytes]] = set()
    while len(done) < number:
        done |= (await asyncio.wait(reading - done, return_when=asyncio.FIRST_COMPLETED))[0]
    assert len(done) == number
    for task in reading:
        task.cancel()


async def test_requests_that_never_come_whole_take_few_descriptors_and_silence_no_probe() -> None:
    async with (
        listening(limits=LIMITS._replace(head=PATIENCE)) as port,
        connected(port, 300, HALF) as half,
    ):
        assert (await page(port, LIVEZ)).status == 200
        await are_closed(half, 300 - 127)


async def test_those_who_hold_the_most_make_room_not_those_who_came_first() -> None:
    limits = LIMITS._replace(connections=8, head=PATIENCE)
    async with (
        listening(limits=limits) as port,
        connected(port, 2, HALF, at="127.0.0.2") as few,
        connected(port, 50, HALF) as many,
    ):
        await are_closed(many, 50 - 6)
        for reader, writer in few:
            writer.write(b"x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")


async def test_those_who_look_make_no_room() -> None:
    limits = LIMITS._replace(connections=8, head=PATIENCE)
    async with listening(live=True, limits=limits) as port, stream(port) as answer:
        async with connected(port, 50, HALF) as many:
            await are_closed(many, 50 - 7)
        assert (await message(answer))[0] == "hello"
        assert not answer.content.at_eof()


async def test_those_who_may_not_look_make_room() -> None:
    refused = b"GET /live/events HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    limits = LIMITS._replace(connections=8)
    async with listening(live=True, limits=limits) as port, connected(port, 8, refused) as before:
        for reader, _ in before:
            assert (await reader.readline()).startswith(b"HTTP/1.1 403")
        assert (await page(port, LIVEZ)).status == 200
        await are_closed(before, 1)


@pytest.mark.parametrize("said", [b"", HALF])
async def test_a_first_request_has_so_much_time_to_come(said: bytes) -> None:
    limits = LIMITS._replace(head=0.05)
    async with listening(limits=limits) as port, connected(port, 1, said) as (late,):
        assert await ended(late) == b""


@pytest.mark.parametrize("then", [b"", HALF])
async def test_a_connection_that_asks_no_more_is_closed(then: bytes) -> None:
    limits = LIMITS._replace(idle=0.05)
    async with listening(limits=limits) as port, connected(port, 1, METRICS + then) as (idle,):
        assert (await ended(idle)).count(b"HTTP/1.1 200") == 1


async def test_a_connection_is_closed_after_so_many_requests_and_says_so() -> None:
    limits = LIMITS._replace(requests=5)
    async with listening(limits=limits) as port, connected(port, 1, METRICS * 200) as (greedy,):
        answers = await ended(greedy)
    assert answers.count(b"HTTP/1.1 200") == 5
    assert answers.count(b"Connection: close") == 1


async def test_a_scrape_serves_all_who_ask_and_probes_are_answered_between_heaps_of_requests() -> None:
    pages = Shown()
    limits = LIMITS._replace(connections=64, scrape=PATIENCE)
    async with listening(pages, limits=limits) as port, connected(port, 60, METRICS * 40) as heaps:
        assert (await page(port, LIVEZ)).status == 200
        for reader, _ in heaps:
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    assert pages.accepted == [""]


async def test_another_scrape_is_made_when_the_last_is_old() -> None:
    pages = Shown()
    async with listening(pages, limits=LIMITS._replace(scrape=0.0)) as port:
        for n in (b"1", b"2"):
            pages.exposition = n
            assert (await page(port, "GET /metrics HTTP/1.1")).body == n


async def test_a_scrape_that_fails_fails_for_all_who_ask_and_is_made_again() -> None:
    class Broken(Shown):
        def metrics(self, accept: str) -> tuple[bytes, str]:
            if len(self.accepted) == 0:
                self.accepted.append(accept)
                raise ZeroDivisionError
            return super().metrics(accept)

    async with listening(Broken(), limits=LIMITS._replace(scrape=0.0)) as port:
        assert (await page(port, "GET /metrics HTTP/1.1")).status == 500
        assert (await page(port, "GET /metrics HTTP/1.1")).status == 200


async def test_no_stream_of_events_lasts_for_ever() -> None:
    pages = Shown()
    async with listening(pages, live=True, limits=LIMITS._replace(stream=0.05)) as port:
        async with stream(port) as answer:
            assert (await answer.read()).startswith(b"event: hello")
        assert not pages.looked

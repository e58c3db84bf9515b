"""The stream behind the live page: what those get who look, and what they cost who do not read or leave."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest

from processor.admin import live_page
from processor.telemetry.watch import Batch, Entry, Filter
from tests.support.endpoint import HOST
from tests.support.patience import PATIENCE
from tests.unit.admin.test_server import Shown, listening, page


def entry(offset: int) -> Entry:
    where = {"topic": "events", "partition": 0, "offset": offset}
    return msgspec.convert({"at": 1.0, "outcome": "delivered", "age": 0.5, "message": "a\nb"} | where, Entry)


@asynccontextmanager
async def stream(port: int, query: str = "") -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer to one who looks."""
    url = f"http://{HOST}:{port}/live/events{query}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer, asyncio.timeout(PATIENCE):
        yield answer


async def message(answer: aiohttp.ClientResponse) -> tuple[str, Any]:
    """The next one: its event and its data; comments are passed over."""
    while True:
        lines = []
        while line := (await answer.content.readline()).decode().rstrip("\n"):
            lines.append(line)
        if lines != [":"]:
            event, data = lines
            return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def until(condition: Any) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_stream_begins_with_what_it_is_about_and_goes_on_with_what_happens() -> None:
    pages = Shown()
    pages.batch = Batch((entry(1), entry(2)), 5)
    async with listening(pages, live=True) as port, stream(port) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        kind, about = await message(answer)
        assert (kind, about["destination"], about["payloads"]) == ("hello", "crm", "none")
        kind, told = await message(answer)
        assert (kind, [each["offset"] for each in told["entries"]], told["unseen"]) == ("entries", [1, 2], 5)
        assert told["entries"][0]["message"] == "a\nb"
        pages.batch = Batch((entry(3),), 0)
        _, told = await message(answer)
        assert [each["offset"] for each in told["entries"]] == [3]


async def test_what_is_left_out_is_told_also_where_nothing_is_shown() -> None:
    pages = Shown()
    pages.batch = Batch((), 7)
    async with listening(pages, live=True) as port, stream(port) as answer:
        await message(answer)
        _, told = await message(answer)
        assert (told["entries"], told["unseen"]) == ([], 7)


async def test_how_many_dead_letters_are_open_is_told_when_that_changes() -> None:
    pages = Shown()
    pages.batch = Batch((), 0, 7)
    async with listening(pages, live=True) as port, stream(port) as answer:
        await message(answer)
        assert await message(answer) == ("letters", {"open": 7})
        assert await message(answer) == ("letters", {"open": None})


async def test_what_is_wanted_is_asked_for() -> None:
    pages = Shown()
    async with (
        listening(pages, live=True) as port,
        stream(port, "?outcome=failures&type=Track&text=A%20b") as answer,
    ):
        await message(answer)
        await until(lambda: pages.looked)
        assert list(pages.looked.values()) == [Filter("failures", "track", "a b")]


async def test_who_goes_is_told_to_the_pages() -> None:
    pages = Shown()
    async with listening(pages, live=True) as port:
        async with stream(port) as answer:
            await message(answer)
            await until(lambda: pages.looked)
        pages.batch = Batch((entry(1),), 0)
        await until(lambda: not pages.looked)


async def test_a_filter_that_there_is_not_is_refused() -> None:
    async with listening(live=True) as port:
        got = await page(port, "GET /live/events?outcome=lost HTTP/1.1")
    assert got.status == 400
    assert got.body.startswith(b"outcome must be one of all, failures, delivered")


async def test_only_a_few_may_look_at_once_and_the_next_comes_when_one_has_gone() -> None:
    async with listening(live=True) as port:
        async with stream(port), stream(port), stream(port), stream(port), stream(port) as answer:
            await message(answer)
            got = await page(port, "GET /live/events HTTP/1.1")
            assert (got.status, got.headers["Retry-After"]) == (503, "10")
        async with asyncio.timeout(PATIENCE):
            while True:
                async with stream(port) as answer:
                    if answer.status == 200:
                        break


async def test_the_stream_ends_at_once_when_the_port_closes() -> None:
    async with asyncio.timeout(PATIENCE):
        async with listening(live=True) as port:
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(b"GET /live/events HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"event: hello")
        assert (await reader.read()).endswith(b"\r\n0\r\n\r\n")
        writer.close()


async def test_silence_is_broken_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_page, "SILENT_SECONDS", 0.0)
    async with listening(live=True) as port, stream(port) as answer:
        await message(answer)
        assert await answer.content.readline() == b":\n"


async def test_who_reads_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_page, "STALLED_SECONDS", 0.1)
    pages = Flood()
    async with listening(pages, live=True) as port:
        _, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET /live/events HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: pages.looked)
        await until(lambda: not pages.looked)
        writer.close()


class Flood(Shown):
    """Has megabytes to show at every look."""

    def look(self, who: str, wanted: Filter) -> Batch:
        super().look(who, wanted)
        return Batch(tuple(entry(offset) for offset in range(20_000)), 0)


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS"])
async def test_a_stream_can_only_be_read(method: str) -> None:
    async with listening(live=True) as port:
        assert (await page(port, f"{method} /live/events HTTP/1.1")).status == 405

"""The server of raw bytes, which other tests rest on."""

import asyncio

from tests.support.endpoint import HOST, RawServer, silent
from tests.support.patience import PATIENCE


async def test_it_is_left_also_when_a_connection_was_taken_and_its_behaviour_has_not_begun() -> None:
    async with asyncio.timeout(PATIENCE):
        async with RawServer(silent) as server:
            _, writer = await asyncio.open_connection(HOST, server.port)
            while not server.connections:
                await asyncio.sleep(0)
            server._accept(asyncio.StreamReader(), writer)
        assert writer.is_closing()
        await writer.wait_closed()
